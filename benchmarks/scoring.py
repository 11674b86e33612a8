"""Scoring in bulk beside plain linear algebra, a profile through to events, and one answer under load."""

import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import insert

from benchmarks import inprocess, markets, targets
from benchmarks.inprocess import Call
from benchmarks.measure import Batch, figure, interleave
from benchmarks.process import Server, serving
from benchmarks.recommendations import bare_top, repeat
from benchmarks.run import Run
from services.matching import tables
from services.matching.base import messaging, parties
from services.matching.directory import models as directory_models
from services.matching.directory import service as directory
from services.matching.engine.scoring.features import HomeUnitFeatures, ProjectFeatures
from services.matching.engine.scoring.ranking import recommend_home_units
from services.matching.profiles import service as profiles
from services.matching.profiles.schemas import ProfilePut
from shared.clock import now
from shared.db.engine import Database
from shared.identity import SYSTEM
from shared.messaging.sequencer import Sequencer

NAME = "scoring"
HOMES, LOADED = 340, 100_000
LARGEST = ((1_000_000, 340), (800_000, 1_500))
BULK = ("the GEMM alone", "own, top 20", "own, top 3", "own, top 3, two threads")
CITY = ("matrix-vector product", "top 10 for a city, cold", "top 10 for a city, warm")
NAIVE = "naive cube, top 20"
_CHUNK = 2_000


async def run(run: Run) -> None:
    full = len(run.effort.sizes) > 2
    for size in (10_000, 100_000):
        await engine(run, size, HOMES)
    for size, homes in run.in_time("scoring", LARGEST if full else ()):
        await engine(run, size, homes, rounds=1)
    for database in run.in_time("scoring", run.databases):
        url = run.stores.empty(database, "matching_loaded", tables.metadata.create_all)
        await through_to_events(run, url, database)
        await under_load(run, url, database)


# -- the engine, in a process of its own


async def engine(run: Run, size: int, homes: int, rounds: int | None = None) -> None:
    config = {"projects": size, "homes": homes}
    log = run.directory / "scoring.log"
    async with serving("scoring", config, log, "benchmarks.scoring_child", start_s=600) as child:
        small = size <= 10_000
        groups = {BULK[0]: (*BULK, NAIVE) if small else BULK, CITY[0]: CITY}
        for floor, names in groups.items():
            variants = {name: partial(timed, child, name, size) for name in names}
            done = await interleave(variants, rounds or run.effort.rounds)
            for name, batches in done.items():
                memory = (await child.ask("memory", name=name))["mb"] if small else child.peak_mb()
                note = f"{homes} home units; MB: " + ("of this alone" if small else "of the process")
                run.keep(
                    figure(
                        NAME,
                        name,
                        "none",
                        "engine",
                        batches,
                        floor=done[floor],
                        by="wall",
                        size=size,
                        peak_mb=memory,
                        note=note,
                    )
                )


async def timed(child: Server, name: str, size: int) -> Batch:
    told = await child.ask("time", name=name)
    return Batch(size, told["cpu"], told["wall"])


# -- a store with many projects


async def fill(database: Database) -> None:
    """What the registry would have told of, written at once."""
    units = markets.homes(HOMES)
    waiting = markets.projects(LOADED, HOMES)
    async with database.write() as tx:
        revision = await directory.touch(tx)
        stamps = {"version": 1, "updated_at": now(), "revision": revision, "synthetic": True}
        places = [{**stamps, "id": unit.id, "name": unit.name, "place": _place(unit)} for unit in units]
        await tx.execute(insert(directory_models.home_units), places)
        for unit in units:
            offer = ProfilePut.model_validate(_offer(unit))
            await profiles.put_profile(tx, SYSTEM, unit.id, offer, expected_version=None, only_new=False)
    for some in _chunks(waiting):
        async with database.write() as tx:
            revision = await directory.touch(tx)
            rows = [_project(project, revision) for project in some]
            await tx.execute(insert(directory_models.projects), rows)
            seen = [{"record_id": row["id"], "organisation_id": "org_operator"} for row in rows]
            await tx.execute(insert(parties), seen)


def _chunks(waiting: Iterator[ProjectFeatures]) -> Iterator[list[ProjectFeatures]]:
    while some := list(islice(waiting, _CHUNK)):
        yield some


def _place(unit: HomeUnitFeatures) -> dict[str, Any]:
    return {"lon": unit.lon, "lat": unit.lat, "cluster_ids": sorted(unit.cluster_ids or ())}


def _offer(unit: HomeUnitFeatures, **changes: Any) -> dict[str, Any]:
    def listed(values: Any) -> Any:
        return None if values is None else sorted(values)

    return {
        "description": unit.description,
        "leading_industries": list(unit.leading_industries),
        "accepted_stages": listed(unit.accepted_stages),
        "accepted_plant_classes": listed(unit.accepted_plant_classes),
        "available_space_m2": unit.available_space_m2,
        "max_fund_amount_cny": str(unit.max_fund_amount_cny),
        "remaining_budget_cny": str(unit.remaining_budget_cny),
        "policy_supported_fields": listed(unit.policy_supported_fields),
        "talent_count": unit.talent_count,
        "weights": dict(unit.weights) if unit.weights else None,
        **changes,
    }


def _project(project: ProjectFeatures, revision: int) -> dict[str, Any]:
    place = {
        "lon": project.host_lon,
        "lat": project.host_lat,
        "cluster_ids": sorted(project.host_cluster_ids or ()),
    }
    return {
        "id": project.id,
        "title": project.title,
        "summary": project.summary,
        "stage": project.stage,
        "enclave_id": None,
        "industry_codes": list(project.industry_codes),
        "strategic_fields": list(project.strategic_fields),
        "needs": {
            "plant_class": project.plant_class,
            "space_m2": project.space_m2,
            "fund_amount_cny": str(project.fund_amount_cny),
            "max_distance_km": project.max_distance_km,
            "preferred_home_unit_ids": list(project.preferred_home_unit_ids),
        },
        "host_adcode": "310115",
        "host_place": place,
        "synthetic": True,
        "version": 1,
        "updated_at": now(),
        "revision": revision,
    }


async def through_to_events(run: Run, url: str, database: str) -> None:
    """From a profile's change to the events of the first threes it changed, numbered in the feed."""
    app = targets.matching(run.config(url, workers=False, synchronous="OFF"))
    async with inprocess.lifespan(app):
        state = app.state.service
        await fill(state.database)
        follower, sequencer = state.extra["follower"], Sequencer(state.database, messaging)
        started = time.perf_counter()
        filled = await follower.run_once()
        wall = time.perf_counter() - started
        run.keep(figure(NAME, "first fill", database, "in process", [Batch(filled, wall, wall)], size=LOADED))
        while await sequencer.run_once():
            pass
        unit, batches, moved = markets.homes(HOMES)[0], [], []
        for number in range(run.effort.rounds + 1):
            offer = ProfilePut.model_validate(_offer(unit, talent_count=5_000 * (number % 2)))
            cpu, started = time.process_time(), time.perf_counter()
            async with state.database.write() as tx:
                await profiles.put_profile(
                    tx, SYSTEM, unit.id, offer, expected_version=number + 1, only_new=False
                )
            moved.append(await follower.run_once())
            while await sequencer.run_once():
                pass
            wall = time.perf_counter() - started
            batches.append(Batch(1, time.process_time() - cpu, wall, [wall]))
        note = f"{median(moved[1:]):.0f} first threes changed"
        run.keep(
            figure(NAME, "profile to events", database, "in process", batches[1:], size=LOADED, note=note)
        )


async def under_load(run: Run, url: str, database: str) -> None:
    """One recommendation through HTTP with many projects loaded, beside the engine alone."""
    effort, headers = run.effort, run.bearer("matching")
    features = list(islice(markets.projects(LOADED, HOMES), 200))

    def call(number: int) -> Call:
        return Call("GET", f"/v1/projects/{features[number % 200].id}/recommendations", "", headers)

    app = targets.matching(run.config(url, workers=False))
    async with inprocess.lifespan(app):
        engine = app.state.service.extra["engine"]
        await engine.refresh()
        scores = np.random.default_rng(7).integers(0, 10**9, HOMES, np.int32)
        variants = {
            "bare top ten": partial(repeat, lambda n: bare_top(scores), effort.requests * 5),
            "engine alone, explained": partial(
                repeat,
                lambda n: recommend_home_units(engine.snapshot, features[n % 200]),
                effort.requests,
            ),
        }
        done = await interleave(variants, effort.rounds)
    for name, batches in done.items():
        floor = done["bare top ten"]
        run.keep(figure(NAME, name, database, "engine", batches, floor=floor, by="p50", size=LOADED))
    alone = done["engine alone, explained"]
    async with run.servers(own=("matching", run.config(url, workers=False))) as servers:
        own = servers["own"]
        closed = [await own.closed(call, effort.requests, 8, 200) for _ in range(effort.rounds + 1)][1:]
        run.keep(figure(NAME, "over HTTP", database, "http", closed, size=LOADED, peak_mb=own.peak_mb()))
        rate = 0.7e6 / median(batch.wall_us for batch in closed)
        steady = [await own.open(call, rate, effort.seconds, 200) for _ in alone]
        for by in ("p50", "p99"):
            note = f"at {rate:.0f}/s, 0.7 of capacity; against the engine alone"
            name = f"over HTTP, open loop, {by}"
            run.keep(figure(NAME, name, database, "http", steady, floor=alone, by=by, size=LOADED, note=note))
