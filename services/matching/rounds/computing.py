"""Where rounds are worked out: in a process of their own, so that the API answers meanwhile.

A process is started when it is first needed. It knows documents only: no store, no network, no settings.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from shared.errors import Unavailable

Answer = TypeVar("Answer")


class Computing:
    """Runs functions of plain data, one at a time; ``in_process`` False uses a thread instead."""

    def __init__(self, *, in_process: bool) -> None:
        self._in_process = in_process
        self._pool: Executor | None = None

    async def __call__(self, work: Callable[..., Answer], *arguments: object) -> Answer:
        """Return what ``work`` returns, or raise what it raises."""
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

    async def close(self) -> None:
        """Let the process end after what it is doing."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
