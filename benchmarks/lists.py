"""Fifty projects of many: the first page and a deep one, for callers who see much or little."""

import json
from datetime import datetime
from functools import partial
from typing import Any

from benchmarks import inprocess, targets
from benchmarks.inprocess import Call
from benchmarks.measure import figure, interleave
from benchmarks.run import Run
from benchmarks.stores import Store, party_id
from services.registry.projects.schemas import PROJECT_LIST
from shared.db.keyset import parse_list_query
from shared.web.state import ServiceState

NAME = "list"
DEPTH = 0.9


async def run(run: Run) -> None:
    for database in run.in_time("list", run.databases):
        for size in run.in_time(f"list, {database}", run.effort.sizes):
            store = await run.stores.registry(database, size)
            await in_process(run, store)
            if size != run.effort.sizes[0]:
                await over_http(run, store)


def page(headers: dict[str, str], query: str = "") -> Call:
    return Call("GET", "/v1/projects", query, headers)


async def deep_cursor(app: Any, headers: dict[str, str], store: Store) -> tuple[str, str]:
    """A cursor nine tenths down the list, for the floor and signed by the service itself."""
    state: ServiceState = app.state.service
    path = f"/v1/projects/{store.project_id(int(store.size * (1 - DEPTH)))}"
    project = json.loads((await inprocess.send(app, Call("GET", path, headers=headers))).body)
    created_at = datetime.fromisoformat(project["created_at"])
    query = parse_list_query(PROJECT_LIST, [], "/v1/projects cli_of_network")
    cursor = state.signer.sign(query, (created_at, project["id"]))
    return f"{created_at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}={project['id']}", f"cursor={cursor}"


async def in_process(run: Run, store: Store) -> None:
    own, floor = targets.registry(run.config(store.url, workers=False)), targets.floor(run.config(store.url))
    network = run.bearer("registry")
    large, small = (run.bearer("registry", party_id(kind, 0)) for kind in ("large", "small"))
    async with inprocess.lifespan(own), inprocess.lifespan(floor):
        floor_deep, own_deep = await deep_cursor(own, network, store)
        batch, count = inprocess.batch, max(20, run.effort.requests // 8)
        few = max(3, count // 8)
        variants = {
            "floor": partial(batch, floor, lambda _: page({}), count, 200),
            "floor, deep page": partial(batch, floor, lambda _: page({}, floor_deep), count, 200),
            "own": partial(batch, own, lambda _: page(network), count, 200),
            "own, deep page": partial(batch, own, lambda _: page(network, own_deep), count, 200),
            "own, party of a tenth": partial(batch, own, lambda _: page(large), count, 200),
            "own, party of a thousandth": partial(batch, own, lambda _: page(small), few, 200),
        }
        done = await interleave(variants, run.effort.rounds)
    for name, batches in done.items():
        base = done["floor, deep page" if "deep" in name else "floor"]
        run.keep(figure(NAME, name, store.database, "in process", batches, floor=base, size=store.size))


async def over_http(run: Run, store: Store) -> None:
    network, config, effort = run.bearer("registry"), run.config(store.url), run.effort
    async with run.servers(floor=("floor", config), own=("registry", config)) as servers:
        count = effort.requests // 2
        variants = {
            "floor": partial(servers["floor"].closed, lambda _: page({}), count, 8, 200),
            "own": partial(servers["own"].closed, lambda _: page(network), count, 8, 200),
        }
        done = await interleave(variants, effort.rounds)
        for name, batches in done.items():
            peak = servers[name].peak_mb()
            run.keep(
                figure(
                    NAME,
                    name,
                    store.database,
                    "http",
                    batches,
                    floor=done["floor"],
                    size=store.size,
                    peak_mb=peak,
                )
            )
