"""Filing a project: its row, its event and the answer under the Idempotency-Key in one commit."""

import json
import secrets
from collections.abc import Callable
from functools import partial

from benchmarks import inprocess, targets
from benchmarks.inprocess import Call
from benchmarks.measure import figure, interleave
from benchmarks.run import Run
from benchmarks.stores import Store, project_body

NAME = "create"
SIZE = 10_000
WRITERS = (1, 32)


def calls(store: Store, headers: dict[str, str]) -> Callable[[int], Call]:
    body = json.dumps(project_body(store.enclave_id)).encode()
    given = {**headers, "content-type": "application/json"}

    def call(_number: int) -> Call:
        return Call(
            "POST", "/v1/projects", headers={**given, "idempotency-key": secrets.token_hex(16)}, body=body
        )

    return call


async def run(run: Run) -> None:
    for database in run.in_time("create", run.databases):
        store = await run.stores.registry(database, SIZE)
        with run.stores.copy(store, "create_own") as own, run.stores.copy(store, "create_floor") as floor:
            await in_process(run, own, floor)
            await over_http(run, own, floor)


async def in_process(run: Run, own_store: Store, floor_store: Store) -> None:
    own = targets.registry(run.config(own_store.url, workers=False))
    floor = targets.floor(run.config(floor_store.url))
    headers = run.bearer("registry", own_store.operator_id)
    async with inprocess.lifespan(own), inprocess.lifespan(floor):
        batch, count = inprocess.batch, run.effort.requests // 4
        variants = {
            "floor": partial(batch, floor, calls(floor_store, {}), count, 201),
            "own": partial(batch, own, calls(own_store, headers), count, 201),
        }
        done = await interleave(variants, run.effort.rounds)
    for name, batches in done.items():
        run.keep(
            figure(NAME, name, own_store.database, "in process", batches, floor=done["floor"], size=SIZE)
        )


async def over_http(run: Run, own_store: Store, floor_store: Store) -> None:
    headers, effort = run.bearer("registry", own_store.operator_id), run.effort
    floor_config, own_config = run.config(floor_store.url), run.config(own_store.url)
    async with run.servers(floor=("floor", floor_config), own=("registry", own_config)) as servers:
        own_calls, floor_calls = calls(own_store, headers), calls(floor_store, {})
        for writers in WRITERS:
            count = effort.requests if writers > 1 else effort.requests // 2
            variants = {
                "floor": partial(servers["floor"].closed, floor_calls, count, writers, 201),
                "own": partial(servers["own"].closed, own_calls, count, writers, 201),
            }
            done = await interleave(variants, effort.rounds)
            for name, batches in done.items():
                for by in ("cpu", "wall"):
                    summed = figure(
                        NAME,
                        f"{name}, {writers} at once",
                        own_store.database,
                        "http",
                        batches,
                        floor=done["floor"],
                        by=by,
                        size=SIZE,
                        peak_mb=servers[name].peak_mb(),
                    )
                    run.keep(summed)
