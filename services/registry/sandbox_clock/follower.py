"""Keeping a process at the time of its store, which another process may have moved."""

import asyncio
import contextlib

from services.registry.sandbox_clock.service import follow_store
from shared import clock
from shared.db.engine import Database
from shared.logging import get_logger

EXTRA = "sandbox_clock"
"""The name of the follower among the service's own parts."""

_POLL_S = 0.5

_log = get_logger(__name__)


class ClockFollower:
    """Follows the clock of one store, also where no background work runs; idle unless it is ``movable``."""

    def __init__(self, database: Database, *, movable: bool) -> None:
        self.movable = movable
        self._database = database
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take over the time of the store, and follow it from then on."""
        if self.movable:
            await follow_store(self._database)
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop following and return to the wall clock."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            clock.stop_moving()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_POLL_S)
            try:
                await follow_store(self._database)
            except Exception as error:
                _log.warning("clock_not_followed", reason=type(error).__name__)
