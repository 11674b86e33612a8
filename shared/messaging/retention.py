"""Forgetting the oldest events of a log; its hash chain can still be checked from the first that is left."""

from datetime import timedelta

from sqlalchemy import delete, func, select, update

from shared import clock
from shared.db.engine import WriteSession
from shared.messaging.tables import MessagingTables

_LOCK_KEY = int.from_bytes(b"feidiret")


async def forget_events(tx: WriteSession, tables: MessagingTables, keep: timedelta, limit: int) -> int:
    """Delete up to ``limit`` of the oldest events, numbered longer than ``keep`` ago, and return how many.

    It goes along the positions from the earliest on, so that what a step costs does not grow with the log.
    """
    if tx.dialect == "postgresql" and not await tx.scalar(select(func.pg_try_advisory_xact_lock(_LOCK_KEY))):
        return 0
    events, state = tables.events, tables.feed_state
    earliest = await tx.scalar(select(state.c.earliest)) or 0
    oldest = select(events.c.sequence, events.c.chain, events.c.sequenced_at).where(
        events.c.sequence > earliest, events.c.sequence <= earliest + limit
    )
    until = clock.now() - keep
    rows = await tx.rows(oldest.order_by(events.c.sequence))
    old = [row for row in rows if row["sequenced_at"] < until]
    if not old:
        return 0
    last = old[-1]
    await tx.execute(
        delete(events).where(events.c.sequence > earliest, events.c.sequence <= last["sequence"])
    )
    forgotten = {"earliest": last["sequence"], "earliest_chain": last["chain"]}
    await tx.execute(update(state).values(forgotten))
    return len(old)
