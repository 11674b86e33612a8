"""Checking that nobody changed, removed or inserted events after they were numbered."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic_core import from_json
from sqlalchemy import select

from shared.db.engine import ReadSession, Row
from shared.messaging.sequencer import link
from shared.messaging.tables import GENESIS, MessagingTables

_BATCH = 1000


@dataclass(frozen=True)
class ChainReport:
    """``first_broken`` is the first position that is missing, changed or not linked, if any.

    ``first`` and ``last`` are the positions between which was checked; what is before was forgotten,
    or not asked for.
    """

    checked: int
    first_broken: int | None
    head: int
    first: int = field(default=1, compare=False)
    last: int = field(default=0, compare=False)

    @property
    def intact(self) -> bool:
        """Whether everything checked is as it was numbered."""
        return self.first_broken is None


async def verify_chain(
    session: ReadSession,
    tables: MessagingTables,
    from_sequence: int = 1,
    to_sequence: int | None = None,
    *,
    longest: int | None = None,
) -> ChainReport:
    """Recompute the hash chain from one position to another (None: the head), in memory of one batch.

    ``longest`` is how many positions are checked at most.

    The link before ``from_sequence`` is taken as it stands: check from 1 to trust nothing but, where events
    were forgotten, the link of the last of these. Use a snapshot.
    """
    state = await session.row(select(tables.feed_state))
    head = state["head"] if state else 0
    earliest, chain = (state["earliest"], state["earliest_chain"]) if state else (0, GENESIS)
    last = head if to_sequence is None else min(to_sequence, head)
    first = max(from_sequence, earliest + 1)
    if longest is not None:
        last = min(last, first + longest - 1)
    if first > earliest + 1:
        chain = await _link_at(session, tables, first - 1)
    position = first - 1
    while position < last:
        rows = await _batch(session, tables, position, last)
        for row in rows:
            if row["sequence"] != position + 1 or chain is None or not _holds(row, chain):
                return ChainReport(position - first + 1, position + 1, head, first, last)
            position, chain = row["sequence"], row["chain"]
        if not rows:
            return ChainReport(position - first + 1, position + 1, head, first, last)
    if state and position == head and chain != state["chain"]:
        return ChainReport(position - first + 1, head, head, first, last)
    return ChainReport(max(0, position - first + 1), None, head, first, last)


def _holds(row: Row, previous: str) -> bool:
    """Tell whether the row is linked to the previous one, and its columns say what its payload says."""
    if row["chain"] != link(previous, row["payload"]):
        return False
    event = from_json(row["payload"])
    subject = event["subject"]
    stated = (event["id"], event["type"], subject["type"], subject["id"], subject["version"])
    columns = ("id", "type", "subject_type", "subject_id", "subject_version")
    return stated == tuple(row[name] for name in columns)


async def _link_at(session: ReadSession, tables: MessagingTables, sequence: int) -> str | None:
    events = tables.events
    chain: str | None = await session.scalar(select(events.c.chain).where(events.c.sequence == sequence))
    return chain


async def _batch(session: ReadSession, tables: MessagingTables, after: int, last: int) -> Sequence[Row]:
    events = tables.events
    statement = select(events).where(events.c.sequence > after, events.c.sequence <= last)
    return await session.rows(statement.order_by(events.c.sequence).limit(_BATCH))
