"""The event feed over HTTP, the same on every service: pages with long-poll, JSON Lines and SSE."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from pydantic.config import JsonDict
from starlette.responses import StreamingResponse

from shared.db.engine import Database
from shared.db.visibility import Viewer
from shared.errors import DomainError, FieldError, InvalidParameter, NotFound
from shared.messaging.feed import FeedPage
from shared.web.access import ReadAccess, Reads
from shared.web.strictness import StrictRoute

_INSTANT: JsonDict = {"format": "date-time"}


class Subject(BaseModel):
    """The record an event tells of, at the version the event left it at."""

    type: str
    id: str
    version: int = Field(description="The record's ETag after the change.")
    url: str


class EventActor(BaseModel):
    """Who caused the event."""

    type: str
    id: str
    organisation_id: str | None


class EventData(BaseModel):
    """The record after the change, the names of the fields that changed and their previous values."""

    object: dict[str, Any]
    changed: list[str]
    previous: dict[str, Any]


class Event(BaseModel):
    """One event of the log."""

    id: str
    type: str
    timestamp: str = Field(description="When the change was recorded.", json_schema_extra=_INSTANT)
    sequence: int = Field(description="Its place in the log of the service.")
    subject: Subject
    actor: EventActor
    request_id: str | None
    traceparent: str | None
    effective_at: str = Field(description="When it happened.", json_schema_extra=_INSTANT)
    data: EventData


class EventPage(BaseModel):
    """Events in ascending sequence. ``next_cursor`` is always present and safe to persist."""

    items: list[Event]
    next_cursor: str
    has_more: bool
    epoch: str
    head: int


STREAM_PAGE = 500
HEARTBEAT_S = 15.0
"""The longest time between two pages of a stream, and between two looks at the caller's credential."""

TYPE = r"(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?)"
"""The form of an event type, of all of a kind (``landing.*``), and of all."""

After = Annotated[
    str,
    Query(
        max_length=200,
        description="A cursor, `earliest`, `latest` or an instant (RFC 3339).",
        json_schema_extra={"pattern": "^[A-Za-z0-9_:+.-]*$"},
    ),
]
Types = Annotated[
    str | None,
    Query(
        max_length=2000,
        pattern=f"^ *{TYPE} *(, *{TYPE} *)*$",
        description="Event types, comma-separated; `landing.*` is every type of landings, `*` all.",
    ),
]
SubjectId = Annotated[
    str | None, Query(max_length=40, pattern="^[A-Za-z0-9_]*$", description="Only events of this record.")
]
EndpointId = Annotated[
    str | None,
    Query(
        max_length=40,
        pattern="^[A-Za-z0-9_]*$",
        description="What this webhook endpoint was to receive instead, in its own sequence and the same "
        "bytes. Its cursors are its own; it goes not with `types` or `subject_id`.",
    ),
]
EndpointPage = Callable[[Database, Viewer, str, str | None, int, float], Awaitable[FeedPage]]
"""Reads the feed of one endpoint: store, viewer, endpoint, cursor, limit and seconds to wait."""

ReadPage = Callable[[str, int, float], Awaitable[FeedPage]]

Wait = Annotated[int, Query(ge=0, le=30, description="Seconds to wait for a new event.")]


async def _no_endpoint(*_: Any) -> FeedPage:
    raise NotFound("No such webhook endpoint.", "没有该推送端点。")


def feed_router(scope: str, endpoint_page: EndpointPage = _no_endpoint) -> APIRouter:
    """Return ``/v1/events`` and ``/v1/events/stream`` over the feed of the service that is asked.

    ``endpoint_page`` reads what one webhook endpoint was to receive, where there are any.
    """
    router = APIRouter(prefix="/v1/events", route_class=StrictRoute, tags=["events"])
    Read = Annotated[ReadAccess, Depends(Reads(scope))]  # noqa: N806

    @router.get("", response_model=EventPage, operation_id="listEvents", responses=_JSON_LINES)
    async def list_events(
        request: Request,
        access: Read,
        after: After = "earliest",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        wait: Wait = 0,
        types: Types = None,
        subject_id: SubjectId = None,
        endpoint_id: EndpointId = None,
    ) -> Response:
        """Read the log in order. With `Accept: application/jsonl` all up to the head, a line each."""
        read: ReadPage = partial(_read_log, access, _split(types), subject_id)
        if endpoint_id is not None:
            _refuse_both(types, subject_id)
            read = partial(endpoint_page, access.state.database, access.principal, endpoint_id)
        page = await read(after, limit, wait)
        if wait:
            await access.check_again()
        if "application/jsonl" in request.headers.get("accept", ""):
            return StreamingResponse(_json_lines(page, access, read), media_type="application/jsonl")
        return Response(page.json(), media_type="application/json")

    async def open_stream(
        access: Read,
        after: After = "latest",
        types: Types = None,
        last_event_id: Annotated[str | None, Header(max_length=200)] = None,
    ) -> AsyncIterator[FeedPage]:
        # The first page is read here because a refusal must be answered before the stream has begun.
        names = _split(types)
        first = await access.state.feed.page(
            access.principal, last_event_id or after, STREAM_PAGE, types=names
        )
        return _pages_from(first, access, names)

    @router.get(
        "/stream",
        operation_id="streamEvents",
        response_class=EventSourceResponse,
        response_model=None,
        responses=EXPIRED,
    )
    async def stream_events(
        pages: Annotated[AsyncIterator[FeedPage], Depends(open_stream)],
    ) -> AsyncIterator[ServerSentEvent]:
        """Follow the log as server-sent events; a client that reconnects resumes by Last-Event-ID."""
        async for page in pages:
            for cursor, event in page.entries():
                yield ServerSentEvent(raw_data=event.decode(), event="event", id=cursor)

    return router


EXPIRED: dict[int | str, dict[str, Any]] = {
    410: {"description": "The cursor has expired; `earliest` starts again"},
}
_JSON_LINES: dict[int | str, dict[str, Any]] = {
    404: {"description": "No such endpoint, or not visible to the caller"},
    200: {"content": {"application/jsonl": {"itemSchema": {"$ref": "#/components/schemas/Event"}}}},
    **EXPIRED,
}


async def _pages_from(
    first: FeedPage, access: ReadAccess, types: list[str] | None
) -> AsyncIterator[FeedPage]:
    yield first
    async for page in access.state.feed.follow(
        access.principal, first.next_cursor, types=types, heartbeat_s=HEARTBEAT_S
    ):
        if await _is_refused(access):
            return
        yield page


async def _read_log(
    access: ReadAccess, types: list[str] | None, subject_id: str | None, after: str, limit: int, wait_s: float
) -> FeedPage:
    return await access.state.feed.page(
        access.principal, after, limit, types=types, subject_id=subject_id, wait_s=wait_s
    )


def _refuse_both(types: str | None, subject_id: str | None) -> None:
    for name, value in (("types", types), ("subject_id", subject_id)):
        if value is not None:
            raise InvalidParameter(
                "An endpoint's feed is what its own filters took.",
                "端点的事件流即其自身过滤条件所取的事件。",
                errors=[
                    FieldError("not_together", "goes not with endpoint_id", "不能同时使用", parameter=name)
                ],
            )


async def _json_lines(page: FeedPage, access: ReadAccess, read: ReadPage) -> AsyncIterator[bytes]:
    """Yield the first page, what follows it, and a last line with the cursor to go on from.

    A caller who is refused in between gets no last line.
    """
    yield b"".join(event + b"\n" for event in page.events)
    head = page.head
    while page.position < head:
        page = await read(page.next_cursor, STREAM_PAGE, 0)
        if await _is_refused(access):
            return
        yield b"".join(event + b"\n" for event in page.events)
    cursor = page.next_cursor
    yield f'{{"_eof":true,"next_cursor":"{cursor}"}}\n'.encode()


async def _is_refused(access: ReadAccess) -> bool:
    try:
        await access.check_again()
    except DomainError:
        return True
    return False


def _split(types: str | None) -> list[str] | None:
    names = [name.strip() for name in (types or "*").split(",")]
    return None if "*" in names else names
