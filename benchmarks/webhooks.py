"""Delivering webhooks: one worker process beside a bare session of aiohttp that posts the same bytes.

Both post to the same receiver, a process of its own, with the same number of messages under way. The worker
reads from its store, signs, and writes every attempt down; the bare session does nothing but post.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.lanes import Waiting, add_endpoints, fill, first_message
from benchmarks.measure import Batch, figure, interleave
from benchmarks.process import Server, serving
from benchmarks.run import Run
from benchmarks.stores import Store
from services.registry.deliveries.lane import USER_AGENT
from services.registry.signatures.standard_webhooks import ID, SIGNATURE, TIMESTAMP, sign

NAME = "webhooks"
IN_FLIGHT = 64
TEN = 10
OTHERS = 20


@dataclass(frozen=True)
class Measured:
    """A worker on its store: its one endpoint, its ten, how many deliveries wait, and one of its messages."""

    worker: Server
    one: str
    ten: list[str]
    waiting: int
    message: dict[str, Any]


async def run(run: Run) -> None:
    count, many = run.effort.requests * 5, run.effort.sizes[-1]
    needed = (run.effort.rounds + 1) * (count + IN_FLIGHT * TEN)
    for database in run.in_time(NAME, run.databases):
        store = await run.stores.registry(database, 10_000)
        async with contextlib.AsyncExitStack() as stack:
            receiver = await stack.enter_async_context(child(run, "receiver", {}))
            prepare = partial(measured, run, store, receiver.port, needed)
            plain = await stack.enter_async_context(prepare("plain"))
            others = await stack.enter_async_context(prepare("others", of_others=many))
            crowded = await stack.enter_async_context(prepare("crowded", of_one=many))
            config = {"receiver": f"http://127.0.0.1:{receiver.port}/ok/0", **plain.message}
            bare = await stack.enter_async_context(child(run, "bare", config))
            await compare(run, database, bare, plain, others, crowded, count)


async def compare(
    run: Run, database: str, bare: Server, plain: Measured, others: Measured, crowded: Measured, count: int
) -> None:
    single, ten = "floor", "floor, 10 endpoints"
    post = partial(call, bare, "post", count=count)
    floors = {single: partial(post, at_once=IN_FLIGHT), ten: partial(post, at_once=IN_FLIGHT * TEN)}
    own = {
        "own": (plain, [plain.one]),
        "own, 10 endpoints": (plain, plain.ten),
        "own, many wait for others": (others, [others.one]),
        "own, 10 endpoints, many wait for others": (others, others.ten),
        "own, many are due in its lane": (crowded, [crowded.one]),
    }
    workers = {
        name: partial(call, of.worker, "deliver", lanes=lanes, count=count)
        for name, (of, lanes) in own.items()
    }
    done = await interleave({**floors, **workers}, run.effort.rounds)
    for name, batches in done.items():
        server, size = (own[name][0].worker, own[name][0].waiting) if name in own else (bare, None)
        floor, peak_mb = done[ten if "10 endpoints" in name else single], server.peak_mb()
        for by in ("cpu", "wall"):
            run.keep(
                figure(
                    NAME,
                    name,
                    database,
                    "process",
                    batches,
                    floor=floor,
                    by=by,
                    size=size,
                    peak_mb=peak_mb,
                )
            )


@contextlib.asynccontextmanager
async def child(run: Run, role: str, config: dict[str, Any]) -> AsyncIterator[Server]:
    module = "benchmarks.receiver" if role == "receiver" else "benchmarks.deliverer"
    async with serving(role, config, run.directory / f"{role}.log", module) as server:
        yield server


@contextlib.asynccontextmanager
async def measured(
    run: Run, store: Store, port: int, needed: int, name: str, of_others: int = 0, of_one: int = 0
) -> AsyncIterator[Measured]:
    """A store of its own with a worker on it; of what waits for others half is late and half is held."""
    urls = [f"http://127.0.0.1:{port}/ok/{number}" for number in range(OTHERS)]
    with run.stores.copy(store, f"webhooks_{name}") as copy:
        one, *ten = await add_endpoints(run, copy, urls[: 1 + TEN], max_in_flight=IN_FLIGHT)
        waiting = [Waiting(one, needed + of_one), *[Waiting(each, needed // 5) for each in ten]]
        if of_others:
            late = await add_endpoints(run, copy, urls[::2])
            held = await add_endpoints(run, copy, urls[1::2], disabled=True)
            waiting += [Waiting(each, of_others // OTHERS, due=False) for each in late]
            waiting += [Waiting(each, of_others // OTHERS) for each in held]
        await asyncio.to_thread(fill, copy.url, waiting)
        message = await asyncio.to_thread(a_message, copy.url, one)
        async with child(run, "worker", run.config(copy.url)) as worker:
            yield Measured(worker, one, ten, sum(lane.count for lane in waiting), message)


def a_message(url: str, endpoint_id: str) -> dict[str, Any]:
    """What the bare session posts: a message with headers and body of the size the worker's have."""
    row, body = first_message(url, endpoint_id)
    at = int(time.time())
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        ID: row["event_id"],
        TIMESTAMP: str(at),
        SIGNATURE: sign([b"0" * 32], row["event_id"], at, body),
        "webhook-event-type": row["event_type"],
        "webhook-delivery-id": row["id"],
        "webhook-attempt": "1",
        "webhook-sequence": "1",
    }
    return {"headers": headers, "body": body.decode()}


async def call(server: Server, do: str, **more: Any) -> Batch:
    told = await server.ask(do, **more)
    latencies = told["latencies"]
    return Batch(len(latencies), told["cpu_s"], told["wall_s"], latencies, told["failures"])
