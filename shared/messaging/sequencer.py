"""The sequencer: gives committed events their position, one after the other, without gaps.

Creation order is not commit order, so no serial id may serve as a feed position. Writers insert events
without one; a single sequencer per store numbers what has committed. Readers see numbered events only.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Table,
    Text,
    Update,
    bindparam,
    column,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from shared.clock import Clock, now
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.ids import new_id
from shared.logging import get_logger
from shared.messaging.outbox import PUBLISHED
from shared.messaging.pause import backoff_s, pause
from shared.messaging.tables import GENESIS, MessagingTables
from shared.telemetry import FEED_HEAD

SEQUENCED = "events.sequenced"
"""The store's signal that the head of the feed moved."""

FanOut = Callable[[WriteSession, Sequence[Row]], Awaitable[None]]
"""What happens to events in the transaction that numbers them; rows of ``_NUMBERED`` and ``sequence``."""

_NUMBERED = ("row_id", "payload", "recorded_at", "id", "type", "subject_id", "root_id")
_LOCK_KEY = int.from_bytes(b"feidiseq")
_BATCH = 1000
REST_S = 0.01
"""The least time between two passes: under load, a pass costs writers a turn."""

_log = get_logger(__name__)


def link(chain: str, payload: str) -> str:
    """Return the next link of the hash chain."""
    return hashlib.sha256(chain.encode() + payload.encode()).hexdigest()


async def ensure_feed_state(tx: WriteSession, tables: MessagingTables, instant: datetime) -> None:
    """Create the feed's state with a fresh epoch, if it has none."""
    dialect: Any = postgresql if tx.dialect == "postgresql" else sqlite
    values = {"id": 1, "epoch": new_id("epo"), "head": 0, "chain": GENESIS, "sequenced_at": instant}
    await tx.execute(dialect.insert(tables.feed_state).values(values).on_conflict_do_nothing())


async def start_new_epoch(tx: WriteSession, tables: MessagingTables) -> str:
    """Give the feed a new epoch, as after a restore: every cursor given out before has expired."""
    await ensure_feed_state(tx, tables, now())
    epoch = new_id("epo")
    await tx.execute(update(tables.feed_state).values(epoch=epoch))
    return epoch


async def backlog_since(session: ReadSession, tables: MessagingTables) -> datetime | None:
    """Return when the oldest event without a position was recorded, or None when all have theirs."""
    events = tables.events
    waiting = select(events.c.recorded_at).where(events.c.sequence.is_(None))
    instant: datetime | None = await session.scalar(waiting.order_by(events.c.row_id).limit(1))
    return instant


class Sequencer:
    """Numbers the events of one store.

    Any number of processes may run one; an advisory lock (on SQLite the single writer) lets one at a time
    work. Besides the in-process signal it looks every ``poll_s``, for events of other processes.
    """

    def __init__(
        self,
        database: Database,
        tables: MessagingTables,
        *,
        fan_out: FanOut | None = None,
        batch: int = _BATCH,
        poll_s: float = 1.0,
        clock: Clock = now,
    ) -> None:
        self._database = database
        self._tables = tables
        self._fan_out = fan_out
        self._batch = batch
        self._poll_s = poll_s
        self._clock = clock
        self._published = database.signal(PUBLISHED)
        self._sequenced = database.signal(SEQUENCED)

    def wake(self) -> None:
        """Make a running sequencer look now."""
        self._published.notify()

    async def run_once(self, most: int | None = None) -> int:
        """Number up to one batch of committed events, or ``most``, and return how many there were."""
        events = self._tables.events
        waiting = (
            select(*[events.c[name] for name in _NUMBERED])
            .where(events.c.sequence.is_(None))
            .order_by(events.c.row_id)
            .limit(most or self._batch)
        )
        async with self._database.write() as tx:
            if tx.dialect == "postgresql":
                await tx.scalar(select(func.pg_advisory_xact_lock(_LOCK_KEY)))
            state = await self._state(tx)
            rows = await tx.rows(waiting)
            if rows:
                await self._number(tx, state, rows)
                if self._fan_out is not None:
                    head = state["head"]
                    await self._fan_out(
                        tx, [{**row, "sequence": position} for position, row in enumerate(rows, head + 1)]
                    )
                tx.after_commit(self._sequenced.notify)
        FEED_HEAD.set(state["head"] + len(rows))
        return len(rows)

    async def run(self, stop: asyncio.Event) -> None:
        """Number events until ``stop`` is set; errors of the store are logged and tried again."""
        failures, most, loop = 0, self._batch, asyncio.get_running_loop()
        while not stop.is_set():
            seen, started = self._published.count, loop.time()
            try:
                numbered = await self.run_once(most)
                failures, full, most = 0, numbered == most, min(2 * most, self._batch)
            except Exception:
                # A batch that takes too long with all that hangs on it is tried again in smaller ones.
                failures, most = failures + 1, max(1, most // 2)
                _log.exception("sequencer_failed", failures=failures)
                await pause(stop, backoff_s(failures))
                continue
            if not full:
                await pause(stop, self._poll_s, self._published, seen)
                # After a rest an event is numbered at once; of a stream of them, many are at a time.
                if (early := started + REST_S - loop.time()) > 0:
                    await pause(stop, early)

    async def _state(self, tx: WriteSession) -> Row:
        statement = select(self._tables.feed_state)
        state = await tx.row(statement)
        if state is None:
            await ensure_feed_state(tx, self._tables, self._clock())
            state = await tx.row(statement)
        assert state is not None
        return state

    async def _number(self, tx: WriteSession, state: Row, rows: Sequence[Row]) -> None:
        head, chain = state["head"], state["chain"]
        stamp = max(self._clock(), state["sequenced_at"], *[row["recorded_at"] for row in rows])
        row_ids, links = [], []
        for row in rows:
            chain = link(chain, row["payload"])
            row_ids.append(row["row_id"])
            links.append(chain)
        positions = list(range(head + 1, head + 1 + len(rows)))
        if tx.dialect == "postgresql":
            columns = {"row_ids": row_ids, "positions": positions, "links": links, "stamp": stamp}
            await tx.execute(_number_by_arrays(self._tables.events), columns)
        else:
            numbered = zip(row_ids, positions, links, strict=True)
            await tx.execute(
                _number_by_rows(self._tables.events),
                [{"row": r, "position": p, "link": c, "stamp": stamp} for r, p, c in numbered],
            )
        head_moved = {"head": positions[-1], "chain": chain, "sequenced_at": stamp}
        await tx.execute(update(self._tables.feed_state), head_moved)


@lru_cache
def _number_by_arrays(events: Table) -> Update:
    """One statement for the whole batch: PostgreSQL joins the arrays to the rows."""
    numbers = (
        func.unnest(
            bindparam("row_ids", type_=ARRAY(BigInteger)),
            bindparam("positions", type_=ARRAY(BigInteger)),
            bindparam("links", type_=ARRAY(Text)),
        )
        .table_valued(column("row_id", BigInteger), column("position", BigInteger), column("link", Text))
        .render_derived(name="numbers")
    )
    return (
        update(events)
        .where(events.c.row_id == numbers.c.row_id)
        .values(sequence=numbers.c.position, chain=numbers.c.link, sequenced_at=bindparam("stamp"))
    )


@lru_cache
def _number_by_rows(events: Table) -> Update:
    return (
        update(events)
        .where(events.c.row_id == bindparam("row"))
        .values(sequence=bindparam("position"), chain=bindparam("link"), sequenced_at=bindparam("stamp"))
    )
