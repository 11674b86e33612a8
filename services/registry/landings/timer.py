"""The timer that lets signed landings lapse when their start is overdue."""

import asyncio
from collections.abc import Awaitable, Callable

from services.registry.landings.service import lapse_overdue
from shared import clock
from shared.db.engine import Database
from shared.messaging.pause import pause

PERIOD_S = 3600.0
_BATCH = 50


def lapse_timer(database: Database, period_s: float = PERIOD_S) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Return a task that looks for overdue landings every hour; any number of processes may run it."""

    async def run(stop: asyncio.Event) -> None:
        while not stop.is_set():
            async with database.write() as tx:
                lapsed = await lapse_overdue(tx, clock.today(), _BATCH)
            if lapsed < _BATCH:
                await pause(stop, period_s)

    return run
