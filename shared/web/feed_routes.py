"""The event feed over HTTP, the same on every service: pages with long-poll, JSON Lines and SSE."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from shared.db.keyset import bad_parameter
from shared.messaging.feed import Feed, FeedPage
from shared.web.access import ReadAccess, Reads
from shared.web.strictness import StrictRoute


class Subject(BaseModel):
    """The record an event tells of, at the version the event left it at."""

    type: str
    id: str
    version: int
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
    timestamp: str
    sequence: int
    subject: Subject
    actor: EventActor
    request_id: str | None
    traceparent: str | None
    effective_at: str
    data: EventData


class EventPage(BaseModel):
    """Events in ascending sequence. ``next_cursor`` is always present and safe to persist."""

    items: list[Event]
    next_cursor: str
    has_more: bool
    epoch: str
    head: int


def page_bytes(page: FeedPage) -> bytes:
    """Return a page as JSON, splicing the events' own bytes."""
    tail = f'],"next_cursor":"{page.next_cursor}","has_more":{str(page.has_more).lower()}'
    end = f',"epoch":"{page.epoch}","head":{page.head}}}'
    return b'{"items":[' + b",".join(page.events) + tail.encode() + end.encode()


def feed_router(feed_of: Any, scope: str) -> APIRouter:
    """Return ``/v1/events`` and ``/v1/events/stream``. ``feed_of(request)`` returns the service's Feed."""
    router = APIRouter(prefix="/v1/events", route_class=StrictRoute, tags=["events"])
    policy = Depends(Reads(scope))
    After = Annotated[
        str, Query(max_length=200, description="A cursor, `earliest`, `latest` or an instant (RFC 3339).")
    ]
    Types = Annotated[str | None, Query(max_length=2000, description="Event types, comma-separated; `prefix.*`.")]

    @router.get("", response_model=EventPage, operation_id="listEvents")
    async def list_events(
        request: Request,
        access: Annotated[ReadAccess, policy],
        after: After = "earliest",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        wait: Annotated[int, Query(ge=0, le=30, description="Seconds to wait for a new event.")] = 0,
        types: Types = None,
        subject_id: Annotated[str | None, Query(max_length=40)] = None,
    ) -> Response:
        """Read the log in order. With `Accept: application/jsonl` one event per line."""
        feed: Feed = feed_of(request)
        page = await feed.page(
            access.principal, after, limit, types=_split(types), subject_id=subject_id, wait_s=wait
        )
        headers = {"Cache-Control": "no-store"}
        if "application/jsonl" in request.headers.get("accept", ""):
            headers["X-Next-Cursor"] = page.next_cursor
            lines = b"".join(event + b"\n" for event in page.events)
            return Response(lines, headers=headers, media_type="application/jsonl")
        return Response(page_bytes(page), headers=headers, media_type="application/json")

    @router.get(
        "/stream", operation_id="streamEvents", response_class=EventSourceResponse, response_model=None
    )
    async def stream_events(
        request: Request,
        access: Annotated[ReadAccess, policy],
        after: After = "latest",
        types: Types = None,
        last_event_id: Annotated[str | None, Header(max_length=200)] = None,
    ) -> AsyncIterator[ServerSentEvent]:
        """Follow the log as server-sent events; reconnecting clients resume by Last-Event-ID."""
        feed: Feed = feed_of(request)
        start = last_event_id or after
        async for cursor, event in feed.follow(access.principal, start, types=_split(types)):
            yield ServerSentEvent(raw_data=event.decode(), event="event", id=cursor)

    return router


def _split(types: str | None) -> list[str] | None:
    if types is None:
        return None
    names = [name.strip() for name in types.split(",")]
    if any(not name for name in names):
        raise bad_parameter("types", "invalid_value", "has an empty entry", "包含空项")
    return names

