"""Work that comes round by itself: a bounded batch in a transaction of its own, again while it is full."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.db.engine import Database, WriteSession
from shared.messaging.pause import pause

HOUR_S = 3600.0
ROUND = "timers.round"
"""The store's signal that the next round is due now; it is given when the clock was moved."""

Step = Callable[[WriteSession, int], Awaitable[int]]
"""Does at most so many pieces of work and returns how many it did."""


def periodic(
    database: Database, step: Step, *, batch: int = 100, period_s: float = HOUR_S
) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Return a task that runs ``step`` every ``period_s``; any number of processes may run it."""

    async def run(stop: asyncio.Event) -> None:
        again = database.signal(ROUND)
        while not stop.is_set():
            seen = again.count
            async with database.write() as tx:
                done = await step(tx, batch)
            if done < batch:
                await pause(stop, period_s, again, seen)

    return run
