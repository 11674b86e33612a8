"""How every loop of this package waits: for time, for its stop, and for a signal."""

import asyncio
import random
from collections.abc import Iterable
from typing import Any

from shared.db.signal import Signal

_MAX_BACKOFF_S = 30.0


async def pause(
    stop: asyncio.Event,
    seconds: float,
    signal: Signal | None = None,
    seen: int = 0,
    also: Iterable[asyncio.Future[Any]] = (),
) -> None:
    """Wait until ``seconds`` have passed, ``stop`` is set, ``signal`` was given since ``seen``, or any of
    ``also`` is done.
    """
    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(stop.wait())]
    if signal is not None:
        waits.append(asyncio.ensure_future(signal.wait(seen, seconds)))
    try:
        await asyncio.wait((*waits, *also), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def backoff_s(failures: int) -> float:
    """Return a random time that doubles its bound with every failure: full jitter, at most half a minute."""
    return random.uniform(0, min(_MAX_BACKOFF_S, 0.1 * 2 ** min(failures, 10)))  # noqa: S311
