"""Named consumers over HTTP, the same on every service: the cursor is kept here and moved by who knows it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import ConfigDict, Field

from shared.db.keyset import Filter, ListSpec
from shared.messaging import event_consumers
from shared.messaging.event_consumers import Move, owner_of
from shared.types import Input, Instant, Output
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.feed_routes import EXPIRED, TYPE, EventPage, Wait
from shared.web.openapi import list_parameters
from shared.web.preconditions import PUT_PARAMETERS, precondition
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

TypeName = Annotated[str, Field(pattern=f"^{TYPE}$", max_length=80, examples=["landing.*"])]
Name = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9_.-]{0,79}$", description="Chosen by its owner.")]


class ConsumerPut(Input):
    """Where a consumer goes. `types` that are left out stay as they are; null is all of them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"cursor": "earliest", "types": ["project.*", "landing.*"]}]}
    )

    cursor: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            pattern="^[A-Za-z0-9_:+.-]*$",
            description="A cursor, `earliest`, `latest` or an instant (RFC 3339).",
        ),
    ]
    types: Annotated[list[TypeName], Field(min_length=1, max_length=50)] | None = None


class ConsumerRead(Output):
    """A named consumer. ``cursor`` continues after what was last acknowledged; ``types`` null is all."""

    name: str
    cursor: str
    types: list[str] | None
    version: int
    created_at: Instant
    updated_at: Instant


CONSUMER_LIST = ListSpec(filters={"name": Filter()}, sorts=("created_at",), default_sort="created_at")


def consumer_router(service: str) -> APIRouter:
    """Return ``/v1/event-consumers`` over the feed of the service that is asked."""
    router = APIRouter(prefix="/v1/event-consumers", route_class=StrictRoute, tags=["events"])
    _add_reading(router, f"{service}:events:read")
    _add_moving(router, f"{service}:events:write")
    return router


def _add_reading(router: APIRouter, scope: str) -> None:
    Read = Annotated[ReadAccess, Depends(Reads(scope))]  # noqa: N806

    @router.get(
        "",
        response_model=PageOf[ConsumerRead],
        operation_id="listEventConsumers",
        openapi_extra=list_parameters(CONSUMER_LIST),
    )
    async def list_consumers(access: Read) -> Response:
        """List the named consumers of the caller's organisation."""
        query, feed = access.list_query(CONSUMER_LIST), access.state.feed
        async with access.session() as session:
            page = await event_consumers.list_consumers(
                session, feed.tables, owner_of(access.principal), query, access.state.signer
            )
        return access.page([ConsumerRead.of(row) for row in page.rows], page)

    @router.get("/{name}", response_model=ConsumerRead, operation_id="getEventConsumer")
    async def get_consumer(name: Name, access: Read) -> Response:
        """Read where a named consumer has got to."""
        record = await _read(access, name)
        return access.item(record, record.version)

    @router.get(
        "/{name}/events", response_model=EventPage, operation_id="listConsumerEvents", responses=EXPIRED
    )
    async def list_events(
        name: Name, access: Read, limit: Annotated[int, Query(ge=1, le=1000)] = 100, wait: Wait = 0
    ) -> Response:
        """Read what follows a named consumer's cursor, without moving it; `ETag` is what moves it."""
        consumer = await _read(access, name)
        page = await access.state.feed.page(
            access.principal, consumer.cursor, limit, types=consumer.types, wait_s=wait
        )
        if wait:
            await access.check_again()
        headers = {"ETag": f'"{consumer.version}"', "Cache-Control": "no-store"}
        return Response(page.json(), media_type="application/json", headers=headers)


def _add_moving(router: APIRouter, scope: str) -> None:
    Write = Annotated[WriteAccess, Depends(Writes(scope))]  # noqa: N806

    @router.put(
        "/{name}",
        response_model=ConsumerRead,
        operation_id="putEventConsumer",
        openapi_extra=PUT_PARAMETERS,
        responses={
            201: {"model": ConsumerRead, "description": "A new consumer"},
            412: {"description": "The consumer was moved since it was read; `cursor` says to where"},
            428: {"description": "There is such a consumer already and If-Match is missing"},
            **EXPIRED,
        },
    )
    async def put_consumer(name: Name, body: ConsumerPut, access: Write) -> Response:
        """Make a named consumer, or move it to the cursor up to which everything is done.

        To move it `If-Match` is required: of two who move it at once, one is told where it is now.
        """
        demanded, tables = precondition(access), access.state.feed.tables
        move = Move(
            body.cursor,
            body.types,
            "types" not in body.model_fields_set,
            demanded.expected_version,
            demanded.only_new,
        )
        async with access as tx:
            row = await event_consumers.put_consumer(tx, tables, owner_of(access.principal), name, move)
            record = ConsumerRead.of(row)
            if demanded.expected_version is None:
                location = f"/v1/event-consumers/{name}"
                return access.created(record, location=location, version=record.version)
            return access.updated(record, version=record.version)

    @router.delete("/{name}", status_code=204, operation_id="deleteEventConsumer")
    async def delete_consumer(name: Name, access: Write) -> Response:
        """Forget a named consumer."""
        async with access as tx:
            owner_id = owner_of(access.principal)
            await event_consumers.delete_consumer(tx, access.state.feed.tables, owner_id, name)
            return access.deleted()


async def _read(access: ReadAccess, name: str) -> ConsumerRead:
    tables, owner_id = access.state.feed.tables, owner_of(access.principal)
    async with access.session() as session:
        return ConsumerRead.of(await event_consumers.find_consumer(session, tables, owner_id, name))
