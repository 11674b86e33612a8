"""Where rounds are worked out: in a process of their own, so that the API answers meanwhile.

A process is started when it is first needed. It knows documents only: no store, no network, no settings. What
takes too long, or is waited for by nobody any more, ends with its process.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from services.matching.rounds.errors import TookTooLong
from shared.errors import Unavailable

Answer = TypeVar("Answer")

QUESTION_LIMIT_S = 120.0
"""How long a question may take for which a request waits."""


class Computing:
    """Runs functions of plain data, one at a time and each for at most ``limit_s`` seconds.

    ``in_process`` False uses a thread instead, which nothing can end.
    """

    def __init__(self, *, in_process: bool, limit_s: float = QUESTION_LIMIT_S) -> None:
        self._in_process, self._limit_s = in_process, limit_s
        self._pool: ProcessPoolExecutor | None = None
        self._turn = asyncio.Lock()

    async def __call__(self, work: Callable[..., Answer], *arguments: object) -> Answer:
        """Return what ``work`` returns, or raise what it raises; ``TookTooLong`` after the limit."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._limit_s):
                    return await self._computed(work, *arguments)
            except TimeoutError:
                seconds = round(self._limit_s)
                raise TookTooLong(
                    f"It was given up after {seconds} seconds.", f"计算超过 {seconds} 秒，已停止。"
                ) from None

    async def _computed(self, work: Callable[..., Answer], *arguments: object) -> Answer:
        if not self._in_process:
            return await asyncio.to_thread(work, *arguments)
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        except BrokenProcessPool:
            self._pool = None
            raise Unavailable(
                "The computing process ended before it had an answer; ask again.",
                "计算进程未给出结果即已结束，请重试。",
            ) from None
        except asyncio.CancelledError:
            self._end()
            raise

    async def close(self) -> None:
        """End the process, whatever it is doing."""
        self._end()

    def _end(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            for process in list((pool._processes or {}).values()):
                process.kill()
            pool.shutdown(wait=False, cancel_futures=True)
