"""Reading one project, and reading it again by its ETag."""

from functools import partial
from statistics import median

from benchmarks import inprocess, targets
from benchmarks.inprocess import Call
from benchmarks.measure import figure, interleave
from benchmarks.run import Run
from benchmarks.stores import Store, party_id

NAME = "get"
SIZE = 10_000


def floor_call(store: Store, number: int) -> Call:
    return Call("GET", f"/v1/projects/{store.project_id(number * 7919)}")


def own_call(store: Store, headers: dict[str, str], number: int) -> Call:
    # A party of every project this caller asks for: visibility is decided, not skipped.
    return Call("GET", f"/v1/projects/{store.project_id(number * 7910)}", headers=headers)


async def run(run: Run) -> None:
    for database in run.in_time("get", run.databases):
        store = await run.stores.registry(database, SIZE)
        await in_process(run, store)
        await over_http(run, store)
        for size in run.in_time(f"get, {database}", run.effort.sizes):
            if size != SIZE:
                await in_process(run, await run.stores.registry(database, size))


async def in_process(run: Run, store: Store) -> None:
    own, floor = targets.registry(run.config(store.url, workers=False)), targets.floor(run.config(store.url))
    headers = run.bearer("registry", party_id("large", 0))
    known = {**headers, "if-none-match": '"1"'}
    async with inprocess.lifespan(own), inprocess.lifespan(floor):
        batch, count = inprocess.batch, run.effort.requests
        variants = {
            "floor": partial(batch, floor, partial(floor_call, store), count, 200),
            "own": partial(batch, own, partial(own_call, store, headers), count, 200),
            "own, not modified": partial(batch, own, partial(own_call, store, known), count, 304),
        }
        done = await interleave(variants, run.effort.rounds)
    for name, batches in done.items():
        run.keep(
            figure(NAME, name, store.database, "in process", batches, floor=done["floor"], size=store.size)
        )


async def over_http(run: Run, store: Store) -> None:
    headers = run.bearer("registry", party_id("large", 0))
    known = {**headers, "if-none-match": '"1"'}
    config, effort = run.config(store.url), run.effort
    async with run.servers(floor=("floor", config), own=("registry", config)) as servers:
        own, floor = servers["own"], servers["floor"]
        count = effort.requests * 2
        own_calls, floor_calls = partial(own_call, store, headers), partial(floor_call, store)
        variants = {
            "floor": partial(floor.closed, floor_calls, count, 16, 200),
            "own": partial(own.closed, own_calls, count, 16, 200),
            "own, not modified": partial(own.closed, partial(own_call, store, known), count, 16, 304),
        }
        done = await interleave(variants, effort.rounds)
        for name, batches in done.items():
            peak = servers["floor" if name == "floor" else "own"].peak_mb()
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
        rate = 0.7e6 / median(batch.wall_us for batch in done["own"])
        steady = await own.open(own_calls, rate, effort.seconds, 200)
        note = f"at {rate:.0f}/s, 0.7 of capacity"
        run.keep(figure(NAME, "own, open loop", store.database, "http", [steady], size=store.size, note=note))
