"""How many hits of one process may wait for their answer: a script may delay it, and anybody may send."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

from services.registry.sandbox.errors import TooManyWaiting

MAX_WAITING = 256
MAX_WAITING_AT_ONE = 64


class WaitingRoom:
    """Counts the hits under way, all of them and those of each receiver."""

    def __init__(self, places: int = MAX_WAITING, places_of_one: int = MAX_WAITING_AT_ONE) -> None:
        self._places = places
        self._places_of_one = places_of_one
        self._waiting: Counter[str] = Counter()

    @contextlib.contextmanager
    def place(self, receiver_id: str) -> Iterator[None]:
        """Hold a place for one hit; raise ``TooManyWaiting`` when there is none."""
        if self._waiting.total() >= self._places or self._waiting[receiver_id] >= self._places_of_one:
            raise TooManyWaiting
        self._waiting[receiver_id] += 1
        try:
            yield
        finally:
            self._waiting[receiver_id] -= 1
            if not self._waiting[receiver_id]:
                del self._waiting[receiver_id]


async def hold_back(delay_ms: int) -> None:
    """Wait as long as a script wants its answer held back."""
    await asyncio.sleep(delay_ms / 1000)
