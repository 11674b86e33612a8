"""A process that sends webhooks: `python -m benchmarks.deliverer ROLE`.

``bare`` posts one message again and again through a session of aiohttp and knows no store. ``worker`` runs
the dispatcher alone on a store that is filled. ``registry`` runs sequencer, fan-out and dispatcher, and
writes the events itself, as a process of registry does.
"""

import asyncio
import cProfile
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
from sqlalchemy import case, update

from benchmarks import targets
from benchmarks.child import configuration, serve
from services.registry.base import messaging
from services.registry.deliveries.dispatcher import Dispatcher
from services.registry.egress.client import Answer, EgressClient
from services.registry.egress.policy import policy_of
from services.registry.webhooks.models import webhook_lanes
from services.registry.webhooks.parts import WebhookParts
from shared import clock
from shared.db.engine import Database, WriteSession
from shared.ids import new_id
from shared.logging import configure_logging
from shared.messaging.outbox import publish_rows

PROFILE = "FEIDI_BENCH_PROFILE"
"""Environment variable: the file into which a worker writes its profile, which slows it down."""

_PATTERN = messaging.events.select().where(messaging.events.c.type == "project.created").limit(1)


class CountingClient(EgressClient):
    """The client of operation; it notes how long each attempt took and stops the worker after so many."""

    latencies: list[float]
    failures = 0
    wanted = 0
    stop: asyncio.Event

    def begin(self, wanted: int) -> asyncio.Event:
        self.latencies, self.failures, self.wanted, self.stop = [], 0, wanted, asyncio.Event()
        return self.stop

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        begun = time.perf_counter()
        answer = await super().post(url, body, headers)
        self.latencies.append(time.perf_counter() - begun)
        self.failures += not answer.ok
        if len(self.latencies) >= self.wanted:
            self.stop.set()
        return answer


class Worker:
    """The dispatcher alone."""

    def __init__(self, config: dict[str, Any]) -> None:
        settings = targets.settings(config)
        policy = policy_of(settings)
        self._database = Database(settings.database_url, synchronous=settings.sqlite_synchronous)
        self._client = CountingClient(policy)
        parts = WebhookParts.of(settings.secret_key, policy)
        self._dispatcher = Dispatcher(self._database, self._client, parts)

    async def answer(self, command: dict[str, Any]) -> Any:
        """Work on these lanes alone until so many attempts are made and written."""
        chosen = webhook_lanes.c.id.in_(command["lanes"])
        async with self._database.write() as tx:
            due_at = case((chosen, clock.now()), else_=None)
            await tx.execute(update(webhook_lanes).values(due_at=due_at, lease_token=None, leased_until=None))
        stop = self._client.begin(command["count"])
        costs = await costs_of(self._dispatcher.run(stop))
        return {**costs, "latencies": self._client.latencies, "failures": self._client.failures}


class Bare:
    """One session of aiohttp and one message."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._url, self._headers = config["receiver"], config["headers"]
        self._body = config["body"].encode()
        self._session: aiohttp.ClientSession | None = None

    async def answer(self, command: dict[str, Any]) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        session, latencies, numbers = self._session, [], iter(range(command["count"]))
        failures = 0

        async def work() -> None:
            nonlocal failures
            for _ in numbers:
                begun = time.perf_counter()
                async with session.post(self._url, data=self._body, headers=self._headers) as response:
                    await response.read()
                latencies.append(time.perf_counter() - begun)
                failures += response.status != 200

        async def all_of_them() -> None:
            await asyncio.gather(*[work() for _ in range(command["at_once"])])

        costs = await costs_of(all_of_them())
        return {**costs, "latencies": latencies, "failures": failures}


class Registry:
    """Everything of registry that stands between a commit and its receivers."""

    def __init__(self, config: dict[str, Any]) -> None:
        state = targets.registry(config).state.service
        self._database: Database = state.database
        self._sequencer, self._dispatcher = state.extra["sequencer"], state.extra["dispatcher"]
        self._tasks: list[asyncio.Task[None]] = []

    async def answer(self, command: dict[str, Any]) -> Any:
        """Start, or write events at a rate and return the instants at which their commits had returned."""
        if command["do"] == "start":
            stop, tasks = asyncio.Event(), (self._sequencer, self._dispatcher)
            self._tasks = [asyncio.create_task(task.run(stop)) for task in tasks]
            return None
        async with self._database.read() as session:
            pattern = await session.row(_PATTERN)
        assert pattern is not None
        committed: dict[str, float] = {}
        together, rate = command["together"], command["per_second"]
        begun = time.monotonic()
        for number in range(int(rate * command["seconds"] / together)):
            if (ahead := begun + number * together / rate - time.monotonic()) > 0:
                await asyncio.sleep(ahead)
            ids = [new_id("evt") for _ in range(together)]
            async with self._database.write() as tx:
                await write_events(tx, pattern, ids)
            now = time.monotonic()
            committed.update(dict.fromkeys(ids, now))
        return {"committed": committed, "wall_s": time.monotonic() - begun}


async def write_events(tx: WriteSession, pattern: Mapping[str, Any], ids: list[str]) -> None:
    """Publish copies of an event under ids of their own."""
    names = ("type", "subject_type", "subject_id", "subject_version", "root_id")
    same = {name: pattern[name] for name in names}
    now = clock.now()
    rows = [
        {**same, "id": one, "recorded_at": now, "payload": pattern["payload"].replace(pattern["id"], one)}
        for one in ids
    ]
    await publish_rows(tx, messaging, rows)


async def costs_of(work: Awaitable[None]) -> dict[str, float]:
    path = os.environ.get(PROFILE)
    profile = cProfile.Profile() if path else None
    cpu, started = time.process_time(), time.perf_counter()
    if profile is not None:
        profile.enable()
    await work
    if profile is not None:
        profile.disable()
        profile.dump_stats(path or "")
    return {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - started,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


ROLES: dict[str, Callable[[dict[str, Any]], Any]] = {"bare": Bare, "worker": Worker, "registry": Registry}


async def main() -> None:
    configure_logging(sys.argv[1])
    await serve(0, ROLES[sys.argv[1]](configuration()).answer)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
