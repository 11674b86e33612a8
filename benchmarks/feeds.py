"""Reading the event feed: pages of a thousand beside the bare driver reading the same rows."""

import time
from functools import partial
from typing import Any

from sqlalchemy import text

from benchmarks import inprocess, targets
from benchmarks.floors import driver_of
from benchmarks.inprocess import Call
from benchmarks.measure import Batch, figure, interleave
from benchmarks.run import Run
from benchmarks.stores import numbers, padded, party_id, synchronous
from services.registry import tables
from services.registry.base import messaging
from shared.messaging.cursor import Cursor

NAME = "feed"
PAGE = 1_000


async def run(run: Run) -> None:
    size = run.effort.sizes[1]
    for database in run.in_time("feed", run.databases):
        store = await run.stores.registry(database, 10_000)
        with run.stores.copy(store, "feed") as copy:
            epoch = await prepare(run, copy.url, size)
            await in_process(run, copy.url, database, epoch, size)


async def prepare(run: Run, url: str, size: int) -> str:
    """Many copies of the event of the project that was filed first, numbered."""
    app = targets.registry(run.config(url, workers=False))
    async with inprocess.lifespan(app):
        from shared.messaging.sequencer import Sequencer

        await Sequencer(app.state.service.database, messaging).run_once()
    sqlite = url.startswith("sqlite")
    changed = {
        "row_id": "i + 1000",
        "sequence": "i + 1000",
        "id": padded(sqlite, "evt_0", 25),
        "root_id": padded(sqlite, "prj_0", 25, "(i % 10000)"),
        "subject_id": padded(sqlite, "prj_0", 25, "(i % 10000)"),
    }
    names = [column.name for column in tables.metadata.tables["events"].columns]
    chosen = ", ".join(changed.get(name, f"e.{name}") for name in names)
    sample = "SELECT * FROM events WHERE type = 'project.created' LIMIT 1"
    with synchronous(url) as connection:
        connection.execute(
            text(
                f"INSERT INTO events ({', '.join(names)}) SELECT {chosen} "
                f"FROM {numbers(sqlite)} CROSS JOIN ({sample}) AS e"
            ),
            {"size": size},
        )
        connection.execute(text("UPDATE feed_state SET head = :head"), {"head": size + 999})
        connection.exec_driver_sql("ANALYZE")
        return str(connection.execute(text("SELECT epoch FROM feed_state")).scalar())


async def in_process(run: Run, url: str, database: str, epoch: str, size: int) -> None:
    app, driver = targets.registry(run.config(url, workers=False)), driver_of(url)
    pages = min(20, size // PAGE)
    network = run.bearer("registry")
    party = run.bearer("registry", party_id("large", 0))

    def call(headers: dict[str, str], number: int) -> Call:
        after = Cursor(epoch, 1_000 + number % pages * PAGE)
        return Call("GET", "/v1/events", f"after={after}&limit={PAGE}", headers)

    await driver.open()
    async with inprocess.lifespan(app):
        variants = {
            "floor": partial(bare, driver, url, pages),
            "own": partial(per_event, app, partial(call, network), pages, PAGE),
            "own, party of a tenth": partial(per_event, app, partial(call, party), pages, PAGE),
        }
        done = await interleave(variants, run.effort.rounds)
    await driver.close()
    for name, batches in done.items():
        note = "per event; " + ("all of them read" if "party" not in name else "of the events it may see")
        summed = figure(
            NAME, name, database, "in process", batches, floor=done["floor"], size=size, note=note
        )
        run.keep(summed)


async def per_event(app: Any, calls: Any, pages: int, size: int) -> Batch:
    """A batch of pages counted in events; a caller who sees fewer gets full pages of those he sees."""
    batch = await inprocess.batch(app, calls, pages, 200)
    return Batch(pages * size, batch.cpu_s, batch.wall_s, batch.latencies_s, batch.failures)


async def bare(driver: Any, url: str, pages: int) -> Batch:
    mark = "?1" if url.startswith("sqlite") else "$1"
    sql = f"SELECT payload FROM events WHERE sequence > {mark} ORDER BY sequence LIMIT {PAGE}"
    cpu, started, latencies = time.process_time(), time.perf_counter(), []
    for number in range(pages):
        begun = time.perf_counter()
        rows = await driver.rows(sql, [1_000 + number * PAGE])
        b",".join([row["payload"].encode() for row in rows])
        latencies.append(time.perf_counter() - begun)
    return Batch(pages * PAGE, time.process_time() - cpu, time.perf_counter() - started, latencies)
