"""The one loop behind timers, deliveries and imports: claim with a lease, work, apply under the lease.

The outcome is applied only while the row still carries the lease's token. When a process dies its leases run
out and another claims the rows again, so work must bear being repeated.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from shared.clock import Clock, now
from shared.db.engine import Database, WriteSession
from shared.db.signal import Signal
from shared.ids import new_id
from shared.logging import get_logger
from shared.messaging.pause import backoff_s, pause

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_WORKED_SHARE = 0.8  # The rest of the lease is for applying the outcome.
_log = get_logger(__name__)


class Work(Protocol[Item, Outcome]):
    """What a feature tells the loop. ``shared.messaging.leases`` holds the SQL for three of the four."""

    async def claim(self, tx: WriteSession, token: str, until: datetime, limit: int) -> Sequence[Item]:
        """Lease up to ``limit`` due rows to ``token`` and return them."""

    async def work(self, item: Item) -> Outcome:
        """Do the work, without a session. When it raises, the row waits for its lease to end."""

    async def apply(self, tx: WriteSession, item: Item, outcome: Outcome, token: str) -> None:
        """Write the outcome and end the lease, if ``token`` still holds it."""

    async def release(self, tx: WriteSession, token: str) -> None:
        """End the lease of everything that ``token`` still holds."""


class LeaseLoop(Generic[Item, Outcome]):
    """Runs one kind of work, ``concurrency`` items at a time; any number of processes may do the same."""

    def __init__(
        self,
        name: str,
        database: Database,
        work: Work[Item, Outcome],
        *,
        lease_s: float = 60.0,
        concurrency: int = 8,
        poll_s: float = 1.0,
        drain_s: float = 20.0,
        signal: Signal | None = None,
        clock: Clock = now,
    ) -> None:
        self._name = name
        self._database = database
        self._work = work
        self._lease_s = lease_s
        self._concurrency = concurrency
        self._poll_s = poll_s
        self._drain_s = drain_s
        self._signal = signal or Signal()
        self._clock = clock
        self._running: dict[asyncio.Task[None], str] = {}

    async def run_once(self) -> int:
        """Claim what is due, up to ``concurrency`` items, finish it and return how many there were."""
        started = await self._start(self._concurrency)
        if self._running:
            await asyncio.wait(self._running)
        return started

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; then finish what runs within ``drain_s`` and release the rest."""
        failures = 0
        while not stop.is_set():
            seen, free = self._signal.count, self._concurrency - len(self._running)
            try:
                started = await self._start(free) if free else 0
                failures = 0
            except Exception:
                failures += 1
                _log.exception("claim_failed", loop=self._name, failures=failures)
                await pause(stop, backoff_s(failures))
                continue
            full = self._running if started == free else ()
            await pause(stop, self._poll_s, self._signal, seen, also=full)
        await self._drain()

    async def _start(self, limit: int) -> int:
        token, until = new_id("lse"), self._clock() + timedelta(seconds=self._lease_s)
        async with self._database.write() as tx:
            items = await self._work.claim(tx, token, until, limit)
        for item in items:
            task = asyncio.create_task(self._process(item, token))
            self._running[task] = token
            task.add_done_callback(lambda done: self._running.pop(done, None))
        return len(items)

    async def _process(self, item: Item, token: str) -> None:
        try:
            async with asyncio.timeout(self._lease_s * _WORKED_SHARE):
                outcome = await self._work.work(item)
            async with self._database.write() as tx:
                await self._work.apply(tx, item, outcome, token)
        except Exception:
            _log.exception("work_failed", loop=self._name)

    async def _drain(self) -> None:
        if not self._running:
            return
        await asyncio.wait(self._running, timeout=self._drain_s)
        late = dict(self._running)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for token in set(late.values()):
            async with self._database.write() as tx:
                await self._work.release(tx, token)
