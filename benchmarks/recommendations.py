"""The ten best of many home units for a project: through the service, by the engine alone, by numpy alone."""

import random
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from pydantic_core import to_json

from benchmarks import inprocess, targets
from benchmarks.inprocess import Call
from benchmarks.measure import Batch, figure, interleave
from benchmarks.run import Run
from services.matching import tables
from services.matching.directory import service as directory
from services.matching.engine.scoring.evaluation import for_project
from services.matching.engine.scoring.features import ProjectFeatures
from services.matching.engine.scoring.gates import PASS
from services.matching.engine.scoring.ranking import best_rows, recommend_home_units
from services.matching.engine.scoring.snapshot import Snapshot
from services.matching.profiles import service as profiles
from services.matching.profiles.schemas import ProfilePut
from shared.identity import SYSTEM
from shared.messaging.received import Event
from tests.matching.registry_double import (
    CHENGDU,
    LISHUI,
    SHANGHAI,
    RegistryDouble,
    enclave,
    home_unit,
    identifier,
    project,
)

NAME = "recommend"
SIZES = (340, 3_200)
PROJECTS = 40
INDUSTRIES = ("3581", "2710", "3841", "3963", "6513", "3612", "7340", "2770")
WORDS = ("高端医疗器械", "新能源汽车", "集成电路", "生物医药", "光电显示", "高端装备", "新材料", "人工智能")


async def run(run: Run) -> None:
    for database in run.in_time("recommend", run.databases):
        for size in SIZES:
            url = run.stores.empty(database, f"matching_{size}", tables.metadata.create_all)
            await fill(run, url, size)
            await in_process(run, url, database, size)
        await over_http(run, url, database, size)


async def fill(run: Run, url: str, size: int) -> None:
    """Home units and projects as the registry tells of them, and a profile of each home unit."""
    chance, registry = random.Random(7), RegistryDouble({})
    units = [home_unit(f"飞出地{n}", chance.choice((LISHUI, CHENGDU, SHANGHAI))) for n in range(size)]
    for unit in units:
        registry.tell("organisation.created", unit)
    registry.tell("enclave.created", enclave("张江飞地", units[0]["id"], SHANGHAI))
    for number in range(PROJECTS):
        industries = chance.sample(INDUSTRIES, 2)
        told = project(f"项目{number}", units[0]["id"], enclave_id=identifier("enc", "张江飞地"))
        summary = "、".join(chance.sample(WORDS, 3))
        registry.tell("project.created", {**told, "industry_codes": industries, "summary": summary})
    app = targets.matching(run.config(url, workers=False, synchronous="OFF"))
    async with inprocess.lifespan(app), app.state.service.database.write() as tx:
        await directory.apply_events(tx, [Event.parse(event) for event in registry.events])
        for unit in units:
            offer = profile(chance)
            await profiles.put_profile(tx, SYSTEM, unit["id"], offer, expected_version=None, only_new=False)


def profile(chance: random.Random) -> ProfilePut:
    keys = chance.sample(INDUSTRIES, 3)
    return ProfilePut.model_validate(
        {
            "description": "、".join(chance.sample(WORDS, 4)),
            "leading_industries": keys,
            "accepted_stages": ["screening", "reserve"],
            "accepted_plant_classes": ["clean_room", "laboratory"],
            "available_space_m2": chance.randrange(500, 20_000),
            "max_fund_amount_cny": str(chance.randrange(2, 20) * 1_000_000),
            "remaining_budget_cny": "40000000",
            "policy_supported_fields": keys if chance.random() < 0.9 else None,
            "talent_count": chance.randrange(0, 500),
            "figures_as_of": "2026-10-31",
        }
    )


def call(headers: dict[str, str], query: str, number: int) -> Call:
    path = f"/v1/projects/{identifier('prj', f'项目{number % PROJECTS}')}/recommendations"
    return Call("GET", path, query, headers)


async def in_process(run: Run, url: str, database: str, size: int) -> None:
    app = targets.matching(run.config(url, workers=False))
    headers, count = run.bearer("matching"), max(40, run.effort.requests // 4)
    brief = "limit=10&refused_limit=0&explain=false"
    async with inprocess.lifespan(app):
        engine = app.state.service.extra["engine"]
        await engine.refresh()
        features = [engine.features_of(identifier("prj", f"项目{n}")) for n in range(PROJECTS)]
        scores = np.random.default_rng(7).integers(0, 10**9, size, np.int32)
        whole, short = partial(call, headers, ""), partial(call, headers, brief)
        variants = {
            "floor, numpy top ten": partial(repeat, lambda n: bare_top(scores), count * 20),
            "engine, top ten alone": partial(
                repeat, lambda n: unexplained_top(engine.snapshot, features[n % PROJECTS]), count * 4
            ),
            "engine alone": partial(
                repeat, lambda n: recommend_home_units(engine.snapshot, features[n % PROJECTS]), count
            ),
            "engine alone, worded": partial(
                repeat, lambda n: worded(engine.snapshot, features[n % PROJECTS]), count
            ),
            "own, not explained": partial(inprocess.batch, app, short, count, 200),
            "own": partial(inprocess.batch, app, whole, count, 200),
        }
        done = await interleave(variants, run.effort.rounds)
    base = done["floor, numpy top ten"]
    for name, batches in done.items():
        run.keep(figure(NAME, name, database, "in process", batches, floor=base, size=size))


def bare_top(scores: Any) -> bytes:
    """The ten best of scores somebody else has computed, as JSON."""
    best = np.argpartition(scores, -10)[-10:]
    best = best[np.argsort(-scores[best])]
    return to_json([{"row": row, "score": int(scores[row])} for row in best.tolist()])


def unexplained_top(snapshot: Snapshot, features: ProjectFeatures) -> list[int]:
    """Gates, scores and the ten best, and nothing said about them."""
    found, _, _ = for_project(snapshot, snapshot.compiled(features))
    return best_rows(found.total, found.outcomes.max(axis=0) == PASS, snapshot.home_table.ids, 10)


def worded(snapshot: Snapshot, features: ProjectFeatures) -> list[str]:
    """The ten best explained, and every sentence of them in one language."""
    cards = recommend_home_units(snapshot, features).ranked
    return [entry.zh for card in cards for entry in card.explanation]


async def repeat(work: Callable[[int], object], count: int) -> Batch:
    cpu, started, latencies = time.process_time(), time.perf_counter(), []
    for number in range(count):
        begun = time.perf_counter()
        work(number)
        latencies.append(time.perf_counter() - begun)
    return Batch(count, time.process_time() - cpu, time.perf_counter() - started, latencies)


async def over_http(run: Run, url: str, database: str, size: int) -> None:
    headers, effort = run.bearer("matching"), run.effort
    async with run.servers(own=("matching", run.config(url))) as servers:
        own, calls = servers["own"], partial(call, headers, "")
        batches = [await own.closed(calls, effort.requests // 2, 8, 200) for _ in range(effort.rounds + 1)][
            1:
        ]
        run.keep(figure(NAME, "own", database, "http", batches, size=size, peak_mb=own.peak_mb()))
        rate = 0.7e6 / median(batch.wall_us for batch in batches)
        steady = await own.open(calls, rate, effort.seconds, 200)
        note = f"at {rate:.0f}/s, 0.7 of capacity"
        run.keep(figure(NAME, "own, open loop", database, "http", [steady], size=size, note=note))
