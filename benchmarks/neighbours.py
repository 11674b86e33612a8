"""From a commit to its receivers, alone and beside bad neighbours: slow, dead, swallowing, and turning away.

One process of registry writes events at a fixed rate, numbers them, fans them out and delivers them, as in
operation. A latency is from the instant its commit had returned to the instant the message was at the
receiver, a process of its own: both by the monotonic clock of the machine. Every batch begins with a store
and processes of its own, so that the neighbours' breakers are closed and each has its whole onset.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial

from benchmarks.lanes import add_endpoints
from benchmarks.measure import Batch, figure, interleave
from benchmarks.process import Server
from benchmarks.run import Run
from benchmarks.stores import Store
from benchmarks.webhooks import child

NAME = "neighbours"
HEALTHY = 2
RATES = {100: 1, 500: 5}
"""Events a second, and how many of them share a transaction."""
DRAIN_S = 5.0


async def run(run: Run) -> None:
    for database in run.in_time(NAME, run.databases):
        store = await run.stores.registry(database, 10_000)
        for rate in RATES:
            peaks: dict[str, list[float]] = {"alone": [], "beside bad neighbours": []}
            variants = {
                name: partial(cell, run, store, rate, peaks[name], bad=name != "alone") for name in peaks
            }
            done = await interleave(variants, max(1, run.effort.rounds // 2), warmups=0)
            for name, batches in done.items():
                note = f"{rate} events/s, in transactions of {RATES[rate]}, {HEALTHY} healthy endpoints"
                for by in ("p50", "p99"):
                    summed = figure(
                        NAME,
                        name,
                        database,
                        "processes",
                        batches,
                        floor=done["alone"],
                        by=by,
                        peak_mb=max(peaks[name]),
                        note=note,
                    )
                    run.keep(summed)


async def cell(run: Run, store: Store, rate: int, peaks: list[float], *, bad: bool) -> Batch:
    """Write for so many seconds; what has not arrived after five more counts as a failure."""
    seconds = run.effort.seconds
    async with contextlib.AsyncExitStack() as stack:
        copy = stack.enter_context(run.stores.copy(store, "neighbours"))
        receiver = await stack.enter_async_context(child(run, "receiver", {}))
        dead, hole = stack.enter_context(refusing()), stack.enter_context(swallowing())
        origin = f"http://127.0.0.1:{receiver.port}"
        healthy = [f"{origin}/ok/{number}" for number in range(HEALTHY)]
        await add_endpoints(run, copy, healthy, max_in_flight=64)
        if bad:
            unwell = [f"{origin}/slow", f"{origin}/busy"]
            unwell += [f"http://127.0.0.1:{port}/" for port in (dead, hole)]
            await add_endpoints(run, copy, unwell, max_in_flight=64)
        registry = await stack.enter_async_context(child(run, "registry", run.config(copy.url)))
        await receiver.ask("note")
        await registry.ask("start")
        # The event of the store's own project goes first.
        await arrival(receiver, HEALTHY)
        await receiver.ask("note")
        cpu = registry.cpu_s()
        told = await registry.ask("write", per_second=rate, together=RATES[rate], seconds=seconds)
        committed: dict[str, float] = told["committed"]
        expected = len(committed) * HEALTHY
        await arrival(receiver, expected)
        cpu = registry.cpu_s() - cpu
        noted: dict[str, float] = await receiver.ask("noted")
        peaks.append(registry.peak_mb())
    arrived = [
        at - committed[key.split(" ")[1]] for key, at in noted.items() if key.split(" ")[1] in committed
    ]
    return Batch(len(committed), cpu, told["wall_s"], arrived, expected - len(arrived))


async def arrival(receiver: Server, expected: int) -> None:
    """Wait until so many messages have arrived, but not for ever."""
    for _ in range(int(DRAIN_S / 0.1)):
        if await receiver.ask("count") >= expected:
            break
        await asyncio.sleep(0.1)


@contextlib.contextmanager
def refusing() -> Iterator[int]:
    """A port at which every connection is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextlib.contextmanager
def swallowing() -> Iterator[int]:
    """A port that answers no attempt to connect: its queue is full, and nobody takes from it."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
