"""The feed of one endpoint: what it was to receive, in its own order and in the bytes it was sent."""

import asyncio
import hashlib
from datetime import datetime

from services.registry.deliveries import repository
from services.registry.deliveries.body import body_of
from services.registry.deliveries.fanout import lane_signal
from services.registry.webhooks.lanes import endpoint_at_work
from services.registry.webhooks.service import require_endpoint
from shared.db.engine import Database, ReadSession
from shared.db.visibility import Viewer
from shared.errors import CursorExpired
from shared.messaging.cursor import LATEST, Cursor, parse_after
from shared.messaging.feed import MAX_WAIT_S, FeedPage

_POLL_S = 0.25


async def endpoint_page(
    database: Database, viewer: Viewer, endpoint_id: str, after: str | None, limit: int, wait_s: float
) -> FeedPage:
    """Return deliveries after ``after``, cancelled ones too, so that their sequence has no gap.

    Cursors are of this endpoint alone. One from before the retention has expired.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + min(wait_s, MAX_WAIT_S)
    while True:
        page = await _read(database, viewer, endpoint_id, after, limit)
        left = deadline - loop.time()
        if page.events or left <= 0:
            return page
        after = page.next_cursor
        # Only of an endpoint that is there: signals are kept by their names.
        signal = database.signal(lane_signal(endpoint_id))
        await signal.wait(signal.count, min(_POLL_S, left))


async def _read(
    database: Database, viewer: Viewer, endpoint_id: str, after: str | None, limit: int
) -> FeedPage:
    start = parse_after(after)
    async with database.snapshot() as session:
        await require_endpoint(session, viewer, endpoint_id)
        epoch = _epoch(await repository.feed_epoch(session), endpoint_id)
        head = (await endpoint_at_work(session, endpoint_id))["head"]
        oldest = await repository.oldest_sequence(session, endpoint_id)
        forgotten = head if oldest is None else oldest - 1
        if isinstance(start, Cursor):
            if start.epoch != epoch or not forgotten <= start.position <= head:
                raise _expired(epoch, forgotten)
            position = start.position
        elif isinstance(start, datetime):
            position = await _before(session, endpoint_id, start, forgotten, head)
        else:
            position = head if start == LATEST else forgotten
        rows = await repository.after_sequence(session, endpoint_id, position, limit)
    if gone := [row["sequence"] for row in rows if row["payload"] is None]:
        if isinstance(start, Cursor):
            raise _expired(epoch, gone[-1])
        rows = [row for row in rows if row["sequence"] > gone[-1]]
        position = gone[-1]
    positions = [row["sequence"] for row in rows]
    end = positions[-1] if positions else position
    return FeedPage([body_of(row) for row in rows], positions, epoch, end, head)


async def _before(session: ReadSession, endpoint_id: str, instant: datetime, low: int, high: int) -> int:
    """Return the sequence after which everything was made at or after ``instant``, by halving."""
    while low < high:
        middle = (low + high + 1) // 2
        created_at = await repository.created_at(session, endpoint_id, middle)
        if created_at is not None and created_at < instant:
            low = middle
        else:
            high = middle - 1
    return low


def _expired(epoch: str, forgotten: int) -> CursorExpired:
    return CursorExpired(
        "The cursor is of another endpoint, of before a restore, or past the retention.",
        "该游标属于其他端点、早于恢复时间，或已超出保留期。",
        earliest=str(Cursor(epoch, forgotten)),
    )


def _epoch(feed_epoch: str, endpoint_id: str) -> str:
    return "epo_" + hashlib.sha256(f"{feed_epoch} {endpoint_id}".encode()).hexdigest()[:26]
