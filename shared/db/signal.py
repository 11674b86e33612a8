"""A wake-up between tasks of one process that cannot be lost."""

import asyncio


class Signal:
    """Counts notifications, so that one given between a look and a wait still ends the wait."""

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wake everyone who waits now, and everyone who looked before this call and waits later."""
        self.count += 1
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self, seen: int, timeout_s: float) -> bool:
        """Wait until ``count`` is no longer ``seen``; return False when that takes longer than allowed."""
        if self.count != seen:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
