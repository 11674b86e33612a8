"""The feed: the numbered events a viewer may see, in an order that never changes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Column, ColumnElement, Select, Table, bindparam, not_, or_, select, true

from shared.clock import now
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.db.visibility import Viewer, visible
from shared.messaging.cursor import LATEST, Cursor, cursor_expired, cursor_forgotten, parse_after
from shared.messaging.outbox import with_sequence
from shared.messaging.sequencer import SEQUENCED, ensure_feed_state
from shared.messaging.tables import MessagingTables

MAX_WAIT_S = 30.0
SCAN = 20_000
"""How many positions one filtered query looks at: what a page costs must not grow with the log."""

_POLL_S = 0.25


@dataclass(frozen=True)
class FeedPage:
    """Some events and the cursor that continues after them, and after all that was passed over.

    ``has_more`` says that positions are left to look at now; a filtered page may be empty and have more.
    """

    events: list[bytes]
    positions: list[int]
    epoch: str
    position: int
    head: int

    @property
    def next_cursor(self) -> str:
        """The cursor to persist."""
        return str(Cursor(self.epoch, self.position))

    @property
    def has_more(self) -> bool:
        """Whether anything is left to read without waiting."""
        return self.position < self.head

    def entries(self) -> Iterator[tuple[str, bytes]]:
        """Yield each event with the cursor that continues after it."""
        for position, event in zip(self.positions, self.events, strict=True):
            yield str(Cursor(self.epoch, position)), event

    def json(self) -> bytes:
        """Return the page as the body of an answer."""
        rest = {
            "next_cursor": self.next_cursor,
            "has_more": self.has_more,
            "epoch": self.epoch,
            "head": self.head,
        }
        return b'{"items":[' + b",".join(self.events) + b"]," + to_json(rest)[1:]


@dataclass(frozen=True)
class _Query:
    viewer: Viewer
    limit: int
    types: tuple[str, ...]
    subject_id: str | None

    @property
    def scan(self) -> int | None:
        """The bound on positions looked at; None where an index or the limit bounds the work already."""
        if self.subject_id is not None or (self.viewer.sees_network and not self.types):
            return None
        return SCAN


Withhold = Callable[[Viewer], Sequence[str]]
"""Names the types, or ``prefix.*``, that a viewer may not see even of records it is a party of."""


class Feed:
    """Reads the event log of one store."""

    def __init__(
        self,
        database: Database,
        tables: MessagingTables,
        parties: Table,
        *,
        withhold: Withhold = lambda _viewer: (),
    ) -> None:
        self._withhold = withhold
        self._database = database
        self._tables = tables
        self._parties = parties
        self._sequenced = database.signal(SEQUENCED)
        self._head_watch = _HeadWatch(database, tables)
        self._closing = False

    @property
    def tables(self) -> MessagingTables:
        """The tables this feed reads."""
        return self._tables

    def close(self) -> None:
        """Let nobody wait any longer: who waits gets an empty page now, and streams end after it."""
        self._closing = True
        self._sequenced.notify()

    async def page(
        self,
        viewer: Viewer,
        after: str | None,
        limit: int,
        types: Sequence[str] | None = None,
        subject_id: str | None = None,
        wait_s: float = 0,
    ) -> FeedPage:
        """Return the events after ``after`` that the viewer may see, at most ``limit``.

        ``types`` are names or ``prefix.*``. With ``wait_s`` an answer without events waits that long for one.
        """
        query = _Query(viewer, limit, tuple(types or ()), subject_id)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(wait_s, MAX_WAIT_S)
        seen = self._sequenced.count
        page = await self._start(query, after)
        while not page.events and (left := deadline - loop.time()) > 0 and not self._closing:
            if not page.has_more:
                await self._await_head(page.head, seen, left)
            seen = self._sequenced.count
            page = await self._read(query, page.epoch, page.position)
        return page

    async def follow(
        self,
        viewer: Viewer,
        after: str | None,
        types: Sequence[str] | None = None,
        subject_id: str | None = None,
        *,
        limit: int = 500,
        heartbeat_s: float = 15.0,
    ) -> AsyncGenerator[FeedPage]:
        """Yield page after page for a stream; an empty one at least every ``heartbeat_s``."""
        while True:
            page = await self.page(viewer, after, limit, types, subject_id, heartbeat_s)
            yield page
            if self._closing:
                return
            after = page.next_cursor

    async def _start(self, query: _Query, after: str | None) -> FeedPage:
        start = parse_after(after)
        if isinstance(start, Cursor):
            return await self._read(query, start.epoch, start.position)
        if isinstance(start, datetime):
            async with self._database.read() as session:
                return await self._read(query, None, await position_before(session, self._tables, start))
        if start == LATEST:
            return await self._read(query, None, None)
        return await self._read(query, None, 0)

    async def _read(self, query: _Query, epoch: str | None, position: int | None) -> FeedPage:
        """Read one page after ``position`` (None: the head).

        With the ``epoch`` of a cursor it must be a position of now; without, it may be before the earliest.
        """
        statement, params = self._statement(query, position)
        async with self._database.read() as session:
            rows = await session.rows(statement, params)
        if not rows:
            async with self._database.write() as tx:
                await ensure_feed_state(tx, self._tables, now())
            return await self._read(query, epoch, position)
        current, head, earliest = rows[0]["epoch"], rows[0]["head"], rows[0]["earliest"]
        start = head if position is None else position
        if epoch is not None:
            _require_readable(Cursor(epoch, start), rows[0])
        elif start < earliest:
            return await self._read(query, None, earliest)
        if rows[0]["sequence"] is None:
            return FeedPage([], [], current, _scanned(query, start, head), head)
        return _filled(query, rows, start)

    def _statement(self, query: _Query, position: int | None) -> tuple[Select[Any], dict[str, Any]]:
        params = {"position": position if position is not None else 2**62, "limit": query.limit}
        events = self._tables.events
        if query.scan is None and query.subject_id is None:
            return _whole_page_statement(events, self._tables.feed_state), params
        criteria = [visible(self._parties, events.c.root_id, query.viewer)]
        if withheld := self._withhold(query.viewer):
            criteria.append(not_(of_types(events.c.type, withheld)))
        if query.types:
            criteria.append(of_types(events.c.type, query.types))
        if query.subject_id is not None:
            criteria.append(events.c.subject_id == query.subject_id)
        if query.scan is not None:
            criteria.append(events.c.sequence <= params["position"] + query.scan)
        return _page_statement(events, self._tables.feed_state, *criteria), params

    async def _await_head(self, head: int, seen: int, timeout_s: float) -> None:
        """Wait for the head to move: by signal in this process, by looking for other processes."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            if await self._sequenced.wait(seen, min(_POLL_S, left)):
                return
            if self._closing or await self._head_watch.head() != head:
                return


class _HeadWatch:
    """Looks at the head for all who wait, so that a hundred waiting callers cost what one costs."""

    def __init__(self, database: Database, tables: MessagingTables) -> None:
        self._database = database
        self._head = select(tables.feed_state.c.head)
        self._lock = asyncio.Lock()
        self._looked_at = float("-inf")
        self._last = 0

    async def head(self) -> int:
        """Return the head as it was at most one polling interval ago."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            if loop.time() - self._looked_at >= _POLL_S / 2:
                async with self._database.read() as session:
                    self._last = await session.scalar(self._head) or 0
                self._looked_at = loop.time()
        return self._last


async def locate(tx: WriteSession, tables: MessagingTables, after: str) -> Cursor:
    """Return the cursor that ``after`` stands for now; one that cannot be read from has expired."""
    await ensure_feed_state(tx, tables, now())
    start = parse_after(after)
    state = await tx.row(select(tables.feed_state))
    assert state is not None
    if isinstance(start, Cursor):
        _require_readable(start, state)
        return start
    if isinstance(start, datetime):
        return Cursor(state["epoch"], await position_before(tx, tables, start))
    return Cursor(state["epoch"], state["head"] if start == LATEST else state["earliest"])


def _require_readable(cursor: Cursor, state: Row) -> None:
    """Refuse a cursor of another epoch, or of a position after which something was forgotten."""
    epoch, earliest = state["epoch"], state["earliest"]
    if cursor.epoch != epoch or cursor.position > state["head"]:
        raise cursor_expired(epoch, earliest)
    if cursor.position < earliest:
        raise cursor_forgotten(epoch, earliest)


async def position_before(session: ReadSession, tables: MessagingTables, instant: datetime) -> int:
    """Return the position after which every event recorded at or after ``instant`` follows.

    ``sequenced_at`` never falls along the gap-free sequence, so this is a binary search.
    """
    events = tables.events
    stamp = select(events.c.sequenced_at).where(events.c.sequence == bindparam("middle"))
    state = await session.row(select(tables.feed_state))
    low, high = (state["earliest"], state["head"]) if state else (0, 0)
    while low < high:
        middle = (low + high + 1) // 2
        recorded = await session.scalar(stamp, {"middle": middle})
        # What is not there was forgotten meanwhile, and so was everything before it.
        if recorded is None or recorded < instant:
            low = middle
        else:
            high = middle - 1
    return low


@lru_cache
def _whole_page_statement(events: Table, state: Table) -> Select[Any]:
    return _page_statement(events, state)


def _page_statement(events: Table, state: Table, *criteria: ColumnElement[bool]) -> Select[Any]:
    """Events and the feed's state in one statement, hence of one and the same committed state."""
    page = (
        select(events.c.sequence, events.c.payload)
        .where(events.c.sequence > bindparam("position"), *criteria)
        .order_by(events.c.sequence)
        .limit(bindparam("limit"))
        .subquery()
    )
    return (
        select(state.c.epoch, state.c.head, state.c.earliest, page.c.sequence, page.c.payload)
        .select_from(state.outerjoin(page, true()))
        .order_by(page.c.sequence)
    )


def of_types(column: ColumnElement[str] | Column[str], types: Sequence[str]) -> ColumnElement[bool]:
    """Return that a type is one of these names, ``prefix.*`` or ``*``."""
    if "*" in types:
        return true()
    exact = [name for name in types if not name.endswith(".*")]
    prefixes = [name.removesuffix("*") for name in types if name.endswith(".*")]
    return or_(column.in_(exact), *[column.startswith(prefix, autoescape=True) for prefix in prefixes])


def _filled(query: _Query, rows: Sequence[Row], start: int) -> FeedPage:
    head = rows[0]["head"]
    positions = [row["sequence"] for row in rows]
    events = [with_sequence(row["payload"], row["sequence"]) for row in rows]
    end = positions[-1] if len(rows) == query.limit else _scanned(query, start, head)
    return FeedPage(events, positions, rows[0]["epoch"], end, head)


def _scanned(query: _Query, start: int, head: int) -> int:
    """How far a page that is not full has looked."""
    return head if query.scan is None else min(head, start + query.scan)
