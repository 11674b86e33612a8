"""Events as another service's feed hands them over, and where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic_core import from_json

from shared.db.visibility import Viewer
from shared.errors import CursorExpired, Unavailable
from shared.messaging.feed import Feed


@dataclass(frozen=True, slots=True)
class Event:
    """One event, as ``apply`` gets it. ``effective_at`` is when it happened, ``timestamp`` when recorded."""

    id: str
    type: str
    sequence: int
    timestamp: datetime
    effective_at: datetime
    subject_type: str
    subject_id: str
    subject_version: int
    object: dict[str, Any]
    changed: list[str]
    previous: dict[str, Any]
    raw: Mapping[str, Any]

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Event":
        """Read the envelope; what is missing or misshapen raises KeyError, TypeError or ValueError."""
        subject, data = raw["subject"], raw["data"]
        timestamp = datetime.fromisoformat(raw["timestamp"])
        effective_at = raw.get("effective_at")
        return cls(
            id=raw["id"],
            type=raw["type"],
            sequence=raw["sequence"],
            timestamp=timestamp,
            effective_at=datetime.fromisoformat(effective_at) if effective_at else timestamp,
            subject_type=subject["type"],
            subject_id=subject["id"],
            subject_version=subject["version"],
            object=data["object"],
            changed=data["changed"],
            previous=data["previous"],
            raw=raw,
        )


@dataclass(frozen=True)
class FetchedPage:
    """One page of a feed: parsed envelopes, and the opaque cursor that continues after them."""

    events: list[Mapping[str, Any]]
    next_cursor: str
    has_more: bool
    epoch: str
    head: int

    @classmethod
    def parse(cls, body: bytes) -> "FetchedPage":
        """Read the JSON body of a feed's answer."""
        page = from_json(body)
        return cls(page["items"], page["next_cursor"], page["has_more"], page["epoch"], page["head"])


class FeedSource(Protocol):
    """Where pages come from. ``CursorExpired`` means what it says; any other error is tried again."""

    async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage: ...


class Response(Protocol):
    """What is read of an HTTP answer."""

    @property
    def status_code(self) -> int: ...

    @property
    def content(self) -> bytes: ...


class Client(Protocol):
    """The part of ``shared.http.ServiceClient`` that is used here."""

    async def get(self, path: str, **options: Any) -> Response: ...


class HttpFeedSource:
    """Reads the feed of another service."""

    def __init__(self, client: Client, path: str = "/v1/events", types: tuple[str, ...] = ()) -> None:
        self._client = client
        self._path = path
        self._types = types

    async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
        """Ask for one page; the answer may take ``wait_s`` longer than usual."""
        params: dict[str, Any] = {"limit": limit, "wait": int(wait_s)}
        if after is not None:
            params["after"] = after
        if self._types:
            params["types"] = ",".join(self._types)
        response = await self._client.get(self._path, params=params, timeout_s=wait_s + 5)
        if response.status_code == CursorExpired.status:
            raise CursorExpired
        if response.status_code != 200:
            raise Unavailable(f"The feed answered {response.status_code}.")
        return FetchedPage.parse(response.content)


class LocalFeedSource:
    """Reads a feed of this process, for a service that follows itself and for tests."""

    def __init__(self, feed: Feed, viewer: Viewer) -> None:
        self._feed = feed
        self._viewer = viewer

    async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
        """Read one page."""
        page = await self._feed.page(self._viewer, after, limit, wait_s=wait_s)
        return FetchedPage.parse(page.json())
