"""How many requests are worked on at once: beyond that some wait shortly, the rest is told to come again.

A request counts from when it is whole until its answer begins. Neither a client that sends slowly nor one
that reads slowly takes a place from others.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

from shared.errors import Unavailable

QUEUE_FACTOR = 2
MAX_WAIT_S = 1.0


class TooBusy(Unavailable):
    """More requests are under way than this process works on; the same request may succeed in a moment."""

    code = "too_busy"
    title_en = "Too many requests at once"
    title_zh = "并发请求过多"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class Admission:
    """Hands out ``places``, first come first served; ``QUEUE_FACTOR`` times as many may wait."""

    def __init__(self, places: int, *, max_wait_s: float = MAX_WAIT_S) -> None:
        self._free = places
        self._max_waiting = places * QUEUE_FACTOR
        self._max_wait_s = max_wait_s
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a place if one is free."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Wait for a place that is handed over; raise ``TooBusy`` when the queue or the time is too long."""
        if len(self._waiting) >= self._max_waiting:
            raise TooBusy
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._max_wait_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise TooBusy from None
            raise

    def leave(self) -> None:
        """Hand the place to who waits longest, or keep it free."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class Place:
    """One request's place, taken at most once and given back once."""

    __slots__ = ("_admission", "_held", "_wanted")

    def __init__(self, admission: Admission, *, wanted: bool) -> None:
        self._admission = admission
        self._wanted = wanted
        self._held = False

    async def enter(self) -> None:
        """Take the place, unless the request does not count or has it already."""
        if self._wanted:
            self._wanted = False
            if not self._admission.take():
                await self._admission.wait()
            self._held = True

    def leave(self) -> None:
        """Give the place back; it is not taken again."""
        self._wanted = False
        if self._held:
            self._held = False
            self._admission.leave()


PLACE = "feidi.place"
"""Where a request's place stands in its ASGI scope."""


def step_aside(scope: Mapping[str, Any]) -> None:
    """Give the place of a request back before it is answered: it only waits from here on."""
    place: Place | None = scope.get(PLACE)
    if place is not None:
        place.leave()
