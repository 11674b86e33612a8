"""Following another service's feed: every event takes effect exactly once.

The cursor moves in the transaction of the effects. A page is applied at once, in one transaction. When that
fails for good, it is applied again event by event: one that cannot be applied at all becomes a dead letter,
and of what follows only its subject's events wait behind it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from shared.clock import Clock, now
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.errors import CursorExpired, Unavailable
from shared.logging import get_logger
from shared.messaging.failures import is_permanent
from shared.messaging.pause import backoff_s, pause
from shared.messaging.received import Event, FeedSource, FetchedPage
from shared.messaging.tables import MessagingTables
from shared.telemetry import DEAD_LETTERS

Apply = Callable[[WriteSession, Sequence[Event]], Awaitable[None]]
Reset = Callable[[WriteSession], Awaitable[None]]

_IDLE_PAUSE_S = 0.05
"""Between empty answers, so that a feed that does not wait is not asked in a tight loop."""

REDELIVER_EVERY = timedelta(minutes=5)

_log = get_logger(__name__)


@dataclass(frozen=True)
class Lag:
    """How far a consumer is behind: what it knows is complete as of ``as_of`` (None: never yet)."""

    position: int
    head: int
    as_of: datetime | None

    @property
    def events(self) -> int | None:
        """How many events are not applied of those last heard of; None before anything was fetched."""
        if self.as_of is None and not self.head:
            return None
        return max(0, self.head - self.position)

    def seconds(self, instant: datetime) -> float | None:
        """Return the age of what is known, at ``instant``."""
        return None if self.as_of is None else max(0.0, (instant - self.as_of).total_seconds())


@dataclass(frozen=True)
class Redelivery:
    """What became of dead letters that were tried again."""

    applied: int
    remaining: int


class _Superseded(Exception):
    """Another process moved this consumer's cursor first."""


class FeedConsumer:
    """Applies the events of one feed to one store.

    ``apply`` gets each event once, in order per subject, a page or a single one at a time, inside the
    transaction that moves the cursor; it may only write through that session. ``reset`` empties what
    ``apply`` built: it runs when the feed begins a new epoch, and the feed is then read again from its
    start. Any number of processes may run the same consumer; one at a time moves the cursor.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        tables: MessagingTables,
        source: FeedSource,
        apply: Apply,
        reset: Reset,
        *,
        page_size: int = 500,
        wait_s: float = 5.0,
        clock: Clock = now,
    ) -> None:
        self.name = name
        self._database = database
        self._tables = tables
        self._source = source
        self._apply = apply
        self._reset = reset
        self._page_size = page_size
        self._wait_s = wait_s
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the feed until ``stop`` is set. Dead letters are tried at its start and now and then."""
        failures, due = 0, self._clock()
        while not stop.is_set():
            try:
                if self._clock() >= due:
                    await self.redeliver()
                    due = self._clock() + REDELIVER_EVERY
                consumed = await self.run_once(stop)
                failures = 0
            except Unavailable as error:
                failures += 1
                _log.warning("feed_unavailable", consumer=self.name, failures=failures, reason=str(error))
                await pause(stop, backoff_s(failures))
                continue
            except Exception:
                failures += 1
                _log.exception("consumer_failed", consumer=self.name, failures=failures)
                await pause(stop, backoff_s(failures))
                continue
            if not consumed:
                await pause(stop, _IDLE_PAUSE_S)

    async def run_once(self, stop: asyncio.Event | None = None) -> int:
        """Fetch one page and apply it; return how many events it had. Only transient errors come out."""
        state = await self._state()
        after = state["cursor"]
        try:
            page = await self._fetch(after, stop)
        except CursorExpired:
            if after is None:
                raise
            await self._start_over(after)
            return 0
        if page is None:
            return 0
        if after is not None and page.epoch != state["epoch"]:
            await self._start_over(after)
            return 0
        return await self._take(page, state)

    async def redeliver(self, subject_id: str | None = None) -> Redelivery:
        """Apply dead letters again, each subject in order and in its own transaction."""
        letters = self._tables.dead_letters
        statement = select(letters.c.subject_id).where(letters.c.consumer == self.name).distinct()
        if subject_id is not None:
            statement = statement.where(letters.c.subject_id == subject_id)
        async with self._database.read() as session:
            subjects = [row["subject_id"] for row in await session.rows(statement)]
        applied = remaining = 0
        for subject in subjects:
            result = await self._redeliver_subject(subject)
            applied += result.applied
            remaining += result.remaining
        return Redelivery(applied, remaining)

    async def _state(self) -> Row:
        consumers = self._tables.consumers
        statement = select(consumers).where(consumers.c.name == self.name)
        async with self._database.read() as session:
            state = await session.row(statement)
        if state is not None:
            return state
        async with self._database.write() as tx:
            dialect: Any = postgresql if tx.dialect == "postgresql" else sqlite
            values = {"name": self.name, "epoch": "", "position": 0, "head": 0, "updated_at": self._clock()}
            await tx.execute(dialect.insert(consumers).values(values).on_conflict_do_nothing())
            state = await tx.row(statement)
        assert state is not None
        return state

    async def _fetch(self, after: str | None, stop: asyncio.Event | None) -> FetchedPage | None:
        """Fetch a page; None when ``stop`` was set first, so that a long wait never delays a stop."""
        fetching = asyncio.ensure_future(self._source.fetch(after, self._page_size, self._wait_s))
        stopping = asyncio.ensure_future((stop or asyncio.Event()).wait())
        try:
            await asyncio.wait((fetching, stopping), return_when=asyncio.FIRST_COMPLETED)
            return fetching.result() if fetching.done() else None
        finally:
            stopping.cancel()
            fetching.cancel()

    async def _take(self, page: FetchedPage, state: Row) -> int:
        try:
            try:
                await self._apply_page(page, state, one_by_one=False)
            except Exception as error:
                if not is_permanent(error):
                    raise
                await self._apply_page(page, state, one_by_one=True)
        except _Superseded:
            return 0
        return len(page.events)

    async def _apply_page(self, page: FetchedPage, state: Row, *, one_by_one: bool) -> None:
        async with self._database.write() as tx:
            await self._move_cursor(tx, page, state)
            waiting = await self._waiting_subjects(tx, page.events)
            passing = []
            for raw in page.events:
                subject, sequence = _subject_of(raw), raw["sequence"]
                if subject in waiting:
                    await self._bury(tx, raw, f"waits behind event {waiting[subject]}")
                elif not one_by_one:
                    passing.append(Event.parse(raw))
                elif reason := await self._try(tx, raw):
                    waiting[subject] = sequence
                    await self._bury(tx, raw, reason)
            if passing:
                await self._apply(tx, passing)

    async def _try(self, tx: WriteSession, raw: Mapping[str, Any]) -> str | None:
        """Apply one event by itself; return why it can never be applied, or None when it was."""
        try:
            async with tx.savepoint():
                await self._apply(tx, [Event.parse(raw)])
        except Exception as error:
            if not is_permanent(error):
                raise
            _log.exception("event_not_applied", consumer=self.name, event_id=raw.get("id"))
            return f"{type(error).__name__}: {error}"[:1000]
        return None

    async def _move_cursor(self, tx: WriteSession, page: FetchedPage, state: Row) -> None:
        """Move from where the page was fetched; this locks the row, and tells when another was faster."""
        consumers = self._tables.consumers
        instant = self._clock()
        moved = {
            "cursor": page.next_cursor,
            "epoch": page.epoch,
            "position": _position_after(page, state),
            "head": page.head,
            "caught_up_at": state["caught_up_at"] if page.has_more else instant,
            "updated_at": instant,
        }
        at_start = consumers.c.cursor.is_not_distinct_from(state["cursor"])
        statement = update(consumers).where(consumers.c.name == self.name, at_start)
        if not await tx.execute(statement, moved):
            raise _Superseded

    async def _start_over(self, after: str) -> None:
        """Forget everything the feed has told: its epoch changed, so it may tell something else now."""
        _log.warning("consumer_starts_over", consumer=self.name)
        consumers, letters = self._tables.consumers, self._tables.dead_letters
        fresh = {"cursor": None, "epoch": "", "position": 0, "head": 0, "caught_up_at": None}
        async with self._database.write() as tx:
            same = update(consumers).where(consumers.c.name == self.name, consumers.c.cursor == after)
            if await tx.execute(same, fresh):
                await self._reset(tx)
                await tx.execute(delete(letters).where(letters.c.consumer == self.name))

    async def _waiting_subjects(self, tx: ReadSession, events: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Return which subjects of these events have dead letters, and the first one's position."""
        letters = self._tables.dead_letters
        subjects = {_subject_of(raw) for raw in events}
        statement = (
            select(letters.c.subject_id, letters.c.sequence)
            .where(letters.c.consumer == self.name, letters.c.subject_id.in_(subjects))
            .order_by(letters.c.sequence.desc())
        )
        return {row["subject_id"]: row["sequence"] for row in await tx.rows(statement)}

    async def _bury(self, tx: WriteSession, raw: Mapping[str, Any], reason: str) -> None:
        letter = {
            "consumer": self.name,
            "sequence": raw["sequence"],
            "subject_id": _subject_of(raw),
            "reason": reason.replace("\x00", ""),
            "payload": to_json(raw).decode(),
            "recorded_at": self._clock(),
        }
        await tx.execute(insert(self._tables.dead_letters), letter)
        tx.after_commit(lambda: DEAD_LETTERS.labels(self.name).inc())

    async def _redeliver_subject(self, subject_id: str) -> Redelivery:
        letters, consumers = self._tables.dead_letters, self._tables.consumers
        mine = (letters.c.consumer == self.name) & (letters.c.subject_id == subject_id)
        async with self._database.write() as tx:
            # The consumer's row is the lock: no event of this subject can pass while its letters are tried.
            await tx.execute(
                update(consumers).where(consumers.c.name == self.name), {"updated_at": self._clock()}
            )
            rows = await tx.rows(select(letters).where(mine).order_by(letters.c.sequence))
            for applied, row in enumerate(rows):
                this = mine & (letters.c.sequence == row["sequence"])
                if reason := await self._try(tx, from_json(row["payload"])):
                    await tx.execute(update(letters).where(this), {"reason": reason})
                    return Redelivery(applied, len(rows) - applied)
                await tx.execute(delete(letters).where(this))
        return Redelivery(len(rows), 0)


def _subject_of(raw: Mapping[str, Any]) -> str:
    """Return the subject's id; an event without one is a subject of its own, behind which nothing waits."""
    subject = raw.get("subject")
    name = subject.get("id") if isinstance(subject, Mapping) else None
    return name.replace("\x00", "")[:40] if isinstance(name, str) else f"event {raw['sequence']}"


def _position_after(page: FetchedPage, state: Row) -> int:
    """At the end of the feed it is the head, although the last events may be of types not asked for."""
    if not page.has_more:
        return page.head
    position: int = page.events[-1]["sequence"] if page.events else state["position"]
    return position


async def lag(session: ReadSession, tables: MessagingTables, name: str) -> Lag:
    """Return how far the consumer ``name`` is behind its feed."""
    consumers = tables.consumers
    row = await session.row(select(consumers).where(consumers.c.name == name))
    return Lag(row["position"], row["head"], row["caught_up_at"]) if row else Lag(0, 0, None)
