"""The three yardsticks of the whole network, beside the bare driver counting the same facts in plain SQL.

Some projects are told to metrics as the registry tells of them; the others are copies of their facts
made inside the database, and their share of the figures added up in advance is multiplied accordingly.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Table, text

from benchmarks import inprocess, targets
from benchmarks.floors import Driver, driver_of
from benchmarks.inprocess import Call
from benchmarks.measure import Batch, figure, interleave
from benchmarks.run import Run
from benchmarks.stores import Store, numbers, synchronous, vacuum
from services.metrics import tables
from services.metrics.app import follow
from services.metrics.kpis.standing import LANDING_MEASURES, MEASURES
from services.metrics.settings import MetricsSettings
from tests.metrics.feed import HandmadeFeed

NAME = "yardsticks"
TOLD = 80
PATH = "/v1/kpis:yardsticks"
STAGES = ("screening", "reserve", "admitted", "incubation", "acceleration", "rnd", "pilot")
COPIED = {
    "project_versions": ("project_id",),
    "project_tags": ("project_id",),
    "stage_facts": ("project_id",),
    "landing_facts": ("landing_id", "project_id"),
    "record_parties": ("record_id",),
}

_STANDING = """
SELECT count(*) AS n FROM (
  SELECT project_id, state,
         row_number() OVER (PARTITION BY project_id ORDER BY initial, effective_at DESC, sequence DESC) AS nth
  FROM stage_facts WHERE effective_day <= {0}
) AS latest
"""
_INCUBATING = _STANDING + "WHERE nth = 1 AND state IN ('incubation', 'acceleration', 'rnd', 'pilot')"
_RESERVE = (
    _STANDING
    + "JOIN project_versions AS p ON p.project_id = latest.project_id AND p.superseded_at IS NULL "
    + "WHERE nth = 1 AND state = 'reserve' AND p.feasible AND p.last_contact_day >= {0} - 300"
)
_LANDED = """
SELECT count(*) AS admitted,
       sum(CASE WHEN landed.day <= admitted.day + {1} THEN 1 ELSE 0 END) AS landed
FROM (SELECT project_id, min(effective_day) AS day FROM stage_facts WHERE rank >= 3 GROUP BY project_id) AS admitted
LEFT JOIN (SELECT project_id, min(effective_day) AS day FROM landing_facts WHERE rank >= 2 GROUP BY project_id) AS landed
  ON landed.project_id = admitted.project_id
WHERE admitted.day + {1} <= {0}
"""  # noqa: E501


async def run(run: Run) -> None:
    for database in run.in_time("yardsticks", run.databases):
        url = run.stores.empty(database, "metrics_told", tables.metadata.create_all)
        await tell(run, url)
        told, largest = Store(database, url, TOLD, "", ""), run.effort.facts[-1]
        for size in run.in_time(f"yardsticks, {database}", run.effort.facts):
            with run.stores.copy(told, f"metrics_{size}") as copy:
                await asyncio.to_thread(multiply, copy.url, size // TOLD)
                await in_process(run, copy.url, database, size)
                if size == largest:
                    await over_http(run, copy.url, database, size)


def story() -> HandmadeFeed:
    """Projects in four enclaves: most get some way, a third lands."""
    feed, chance = HandmadeFeed(), random.Random(7)
    for number in range(4):
        feed.enclave(f"enc_{number}", operating_mode=("commissioned", "self_operated")[number % 2])
    for number in range(TOLD):
        day = date(2021, 1, 1) + timedelta(chance.randrange(1_400))
        name = f"prj_{number}"
        sections = chance.sample(["2710", "3841", "6513", "7340"], 2)
        values: dict[str, Any] = {
            "enclave_id": f"enc_{number % 4}",
            "industry_codes": sections,
            "reserve_score": 70,
        }
        feed.project(name, day.isoformat(), last_contact_on="2026-10-01", **values)
        for stage in STAGES[: chance.randrange(1, len(STAGES) + 1)]:
            day += timedelta(chance.randrange(10, 120))
            feed.stage(name, stage, day.isoformat())
        if chance.random() < 0.35:
            feed.landing(f"lnd_{number}", name, day.isoformat())
            for state in ("signed", "registered"):
                day += timedelta(chance.randrange(10, 300))
                feed.landing_state(f"lnd_{number}", state, day.isoformat())
    return feed


async def tell(run: Run, url: str) -> None:
    app, feed = targets.metrics(run.config(url, workers=False, synchronous="OFF")), story()
    settings = MetricsSettings(environment="test", database_url=url, feed_wait_s=0)
    async with inprocess.lifespan(app):
        consumer = follow(app.state.service.database, settings, feed)
        while await consumer.run_once():
            pass


def multiply(url: str, times: int) -> None:
    """Add copies of every fact under other ids, and count everything added up in advance as often."""
    sqlite = url.startswith("sqlite")
    with synchronous(url) as connection:
        for name, identifiers in COPIED.items():
            table = tables.metadata.tables[name]
            for index in table.indexes:
                index.drop(connection)
            connection.execute(text(_copy(table, identifiers, sqlite)), {"size": times - 1})
            for index in table.indexes:
                index.create(connection)
        for cells, measures in (("kpi_cells", MEASURES), ("landing_cells", LANDING_MEASURES)):
            counted = ", ".join(f"{name} = {name} * {times}" for name in measures)
            connection.execute(text(f"UPDATE {cells} SET {counted}"))
    with synchronous(url) as connection:
        connection.exec_driver_sql("ANALYZE")
    if not sqlite:
        vacuum(url)


def _copy(table: Table, identifiers: Sequence[str], sqlite: bool) -> str:
    names = [column.name for column in table.columns]
    chosen = ", ".join(f"t.{name} || '_' || i" if name in identifiers else f"t.{name}" for name in names)
    # What is read here was there before: neither database sees its own insertions in one statement.
    source = f"SELECT {chosen} FROM {table.name} AS t, {numbers(sqlite)}"
    return f"INSERT INTO {table.name} ({', '.join(names)}) {source}"


async def in_process(run: Run, url: str, database: str, size: int) -> None:
    app, driver = targets.metrics(run.config(url, workers=False)), driver_of(url)
    headers, count = run.bearer("metrics"), max(10, run.effort.requests // 10)
    today = int(date.today().strftime("%Y%m%d"))
    batch = inprocess.batch
    await driver.open()
    async with inprocess.lifespan(app):
        whole = partial(batch, app, lambda _: Call("GET", PATH, "", headers), count, 200)
        section = partial(batch, app, lambda _: Call("GET", PATH, "section=C", headers), count, 200)
        variants = {"own": whole, "own, one section": section}
        done = await interleave(variants, run.effort.rounds)
        # Once is enough of what takes seconds; it is the same work every time.
        scanned = await plain_sql(driver, today)
        narrow = await batch(app, lambda _: Call("GET", PATH, "enclave_id=enc_1", headers), 1, 200)
    await driver.close()
    base = [scanned] * run.effort.rounds
    run.keep(figure(NAME, "floor, plain SQL", database, "in process", [scanned], size=size, by="wall"))
    for name, batches in done.items():
        run.keep(figure(NAME, name, database, "in process", batches, floor=base, by="wall", size=size))
    note = "by scan of the facts"
    run.keep(figure(NAME, "own, one enclave", database, "in process", [narrow], size=size, note=note))


async def plain_sql(driver: Driver, today: int) -> Batch:
    """Each figure once, from the facts."""
    sqlite = type(driver).__name__.startswith("Sqlite")
    first, second = ("?1", "?2") if sqlite else ("$1::int", "$2::int")
    cpu, started = time.process_time(), time.perf_counter()
    await driver.rows(_INCUBATING.format(first), [today])
    await driver.rows(_RESERVE.format(first), [today])
    for years in (2, 3):
        await driver.rows(_LANDED.format(first, second), [today, years * 10_000])
    wall = time.perf_counter() - started
    return Batch(1, time.process_time() - cpu, wall, [wall])


async def over_http(run: Run, url: str, database: str, size: int) -> None:
    headers, effort = run.bearer("metrics"), run.effort
    async with run.servers(own=("metrics", run.config(url))) as servers:
        own = servers["own"]

        def calls(_number: int) -> Call:
            return Call("GET", PATH, "", headers)

        count = effort.requests // 4
        batches: list[Any] = [await own.closed(calls, count, 8, 200) for _ in range(effort.rounds)]
        run.keep(figure(NAME, "own", database, "http", batches, size=size, peak_mb=own.peak_mb()))
