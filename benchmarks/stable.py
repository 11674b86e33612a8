"""Stable rounds: compiled deferred acceptance beside plain Python, others' packages and itself."""

import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from heapq import heappush, heapreplace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Batch, Figure, figure, interleave
from benchmarks.run import Run
from services.matching.engine.markets import lottery
from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.stable import acceptance, fallback
from services.matching.engine.markets.stable.certificate import certificate
from services.matching.engine.markets.stable.family import Family, family_of
from services.matching.engine.markets.stable.incremental import Arrival, Standing
from services.matching.engine.markets.stable.lists import Lists, lists_of
from services.matching.engine.markets.stable.mechanism import solve_stable

NAME = "stable"
HOMES = 20
LARGE = 100_000
SEED = "5eed" * 16
CHOSEN = Configuration("stable")
ROOT = Path(__file__).resolve().parent.parent
PEERS = {"matching": "≥5,000", "algmatch": "≥2,000"}
PATIENCE_S = {True: 20, False: 60}


async def run(run: Run) -> None:
    acceptance.compiled()
    plain, laminar = market(LARGE), market(LARGE, caps=True)
    await compiled(run, plain, laminar)
    await whole(run, plain)
    largest(run)
    for size in run.in_time("stable, peers", run.effort.sizes[:1]):
        beside_peers(run, size if run.effort.rounds > 3 else 1_000)


def market(projects: int, caps: bool = False) -> Market:
    """Projects agree in part on which home units are good, and there are places for 95 of 100."""
    chance = np.random.default_rng(7)
    u = chance.integers(0, 400_000, HOMES) + chance.integers(0, 600_000, (projects, HOMES))
    v = chance.integers(0, 1_000_001, (projects, HOMES))
    gated = chance.random((projects, HOMES)) > 0.9
    u[gated] = v[gated] = NONE
    quota = projects * 95 // (100 * HOMES)
    content: dict[str, Any] = {
        "project_ids": [f"prj_{n:07}" for n in range(projects)],
        "home_unit_ids": [f"org_{n:03}" for n in range(HOMES)],
        "u": u,
        "v": v,
        "quotas": [quota] * HOMES,
    }
    if caps:
        content |= {
            "industries": [f"{n:02}" for n in range(10)],
            "project_industry": chance.integers(0, 10, projects),
            "industry_caps": [(h, i, quota * 12 // 100) for h in range(HOMES) for i in range(0, 10, 2)],
            "regions": [f"region_{n}" for n in range(5)],
            "home_region": np.arange(HOMES) % 5,
            "region_caps": [(n, quota * HOMES // 5 * 9 // 10) for n in range(5)],
        }
    return market_of(**content)


def parts(one: Market) -> tuple[Lists, Family]:
    return lists_of(one, CHOSEN, lottery.numbers(SEED, one.project_ids)), family_of(one)


async def compiled(run: Run, plain: Market, laminar: Market) -> None:
    """The same lists by the shortest plain Python, and by the compiled code without and with caps."""
    lists, family = parts(plain)
    wished = [lists.homes[a:b].tolist() for a, b in zip(lists.starts, lists.ends, strict=True)]
    keys = lists.keys()
    ranked = [keys[a:b].tolist() for a, b in zip(lists.starts, lists.ends, strict=True)]
    variants = {
        "floor, plain Python": partial(timed, partial(plain_python, wished, ranked, plain.quotas.tolist())),
        "own, compiled": partial(timed, prepared(lists, family), 5),
        "own, with caps": partial(timed, prepared(*parts(laminar)), 5),
        "own, not compiled": partial(timed, partial(uncompiled, lists, family)),
    }
    done = await interleave(variants, min(run.effort.rounds, 3))
    base = done["floor, plain Python"]
    goals = ("quotas only", "goal: ≥40", "goal: ≤3 times that without", "knows caps, promotion and ties")
    for (name, batches), note in zip(done.items(), goals, strict=True):
        run.keep(figure(NAME, name, "", "in process", batches, floor=base, size=LARGE, note=note))


def uncompiled(lists: Lists, family: Family) -> None:
    """What runs where nothing can be compiled, its lists ready as for the others but for one conversion."""
    columns = acceptance.columns_of(lists, HOMES)
    fallback.propose(np.flatnonzero(lists.starts < lists.ends), columns, family)


def plain_python(wished: list[list[int]], ranked: list[list[int]], quotas: list[int]) -> Any:
    """Deferred acceptance as short as it can be said: quotas only, a heap for each home unit."""
    held: list[list[tuple[int, int]]] = [[] for _ in quotas]
    asked, free = [0] * len(wished), list(range(len(wished)))
    while free:
        project = free.pop()
        keys, homes = ranked[project], wished[project]
        for number in range(asked[project], len(homes)):
            heap, key = held[homes[number]], -keys[number]
            if len(heap) < quotas[homes[number]]:
                heappush(heap, (key, project))
            elif quotas[homes[number]] and key > heap[0][0]:
                free.append(heapreplace(heap, (key, project))[1])
            else:
                continue
            asked[project] = number + 1
            break
        else:
            asked[project] = len(homes)
    return held


def prepared(lists: Lists, family: Family) -> Callable[[], None]:
    columns, asking = acceptance.columns_of(lists, HOMES), acceptance.asking(lists, family)

    def once() -> None:
        state = acceptance.fresh_state(asking, family, lists.starts.copy())
        acceptance.run(state, np.flatnonzero(lists.starts < lists.ends), columns, family)

    return once


async def timed(work: Callable[[], object], count: int = 1) -> Batch:
    cpu, started = time.process_time(), time.perf_counter()
    for _ in range(count):
        work()
    return Batch(count, time.process_time() - cpu, time.perf_counter() - started)


async def whole(run: Run, plain: Market) -> None:
    """A whole round with certificate and figures, the check of one, and one arrival in a standing one."""
    result, standing = solve_stable(plain, CHOSEN, SEED), Standing(plain, CHOSEN, SEED)

    def verify() -> None:
        zeros = np.zeros(LARGE, np.int64)
        proof = certificate(plain, *parts(plain), result.assignment, zeros, promotion=False)
        assert proof == result.certificate

    arrivals = iter(range(10**9))
    chance = np.random.default_rng(8)

    def arrive() -> None:
        scores = chance.integers(0, 1_000_001, (2, HOMES))
        standing.arrive(Arrival(f"new_{next(arrivals):09}", *scores))

    variants = {
        "floor, a whole round": partial(timed, partial(solve_stable, plain, CHOSEN, SEED)),
        "own, its check": partial(timed, verify),
        "own, one arrival": partial(timed, arrive, 300),
    }
    done = await interleave(variants, min(run.effort.rounds, 5))
    base = done["floor, a whole round"]
    for (name, batches), note in zip(done.items(), ("", "goal: ≥1", "goal: ≥1,000"), strict=True):
        run.keep(figure(NAME, name, "", "in process", batches, floor=base, size=LARGE, note=note))


def largest(run: Run) -> None:
    """A million projects and five home units: a whole round, in a process of its own for its memory."""
    if run.effort.rounds <= 3:
        return
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.stable"], check=True, capture_output=True, text=True, cwd=ROOT
    )
    said = json.loads(done.stdout)
    seconds, size = said["seconds"], said["projects"]
    note = f"whole round in {seconds:.1f} s, {said['matched']:,} matched, by process"
    run.keep(
        Figure(
            NAME, "own, a million", "", "process", size, wall_us=seconds * 1e6, peak_mb=said["peak_mb"],
            batches=1, requests=1, failures=int(said["blocking_pairs"] > 0), note=note,
        )
    )  # fmt: skip


def a_million() -> dict[str, Any]:
    projects = 1_000_000
    scores = np.random.default_rng(9).integers(0, 1_000_001, (projects, 5), np.int32)
    ids = [f"prj_{n:07}" for n in range(projects)], [f"org_{n}" for n in range(5)]
    one = market_of(project_ids=ids[0], home_unit_ids=ids[1], u=scores, v=scores, quotas=[150_000] * 5)
    acceptance.compiled()
    begun = time.perf_counter()
    result = solve_stable(one, CHOSEN, SEED)
    return {
        "projects": projects,
        "seconds": time.perf_counter() - begun,
        "matched": result.figures["matched"],
        "blocking_pairs": result.certificate["blocking_pairs"],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def beside_peers(run: Run, size: int) -> None:
    """Each package solves the same instance once, in its own environment, to the same assignment."""
    lists, family = parts(market(size))
    path = run.directory / f"stable_{size}.npz"
    quotas = family.home_limit
    columns = {"starts": lists.starts, "ends": lists.ends, "homes": lists.homes, "keys": lists.keys()}
    np.savez(path, quotas=quotas, **columns)  # type: ignore[arg-type]
    own = acceptance.accept(lists, family).assignment.tolist()
    expected = hashlib.sha256(json.dumps(own).encode()).hexdigest()
    work = prepared(lists, family)
    for name, goal in PEERS.items():
        limit = PATIENCE_S[run.effort.rounds <= 3]
        said = ask_peer(name, path, limit)
        begun = time.perf_counter()
        for _ in range(20):
            work()
        wall = (time.perf_counter() - begun) / 20
        seconds = said["seconds"] if said else limit
        note = f"own {wall * 1000:.2f} ms, {name} {seconds:.2f} s; goal at 10,000: {goal}"
        note += f"; {said['versions']}" if said else f"; {name} did not end within {limit} s: at least this"
        run.keep(
            Figure(
                NAME,
                f"own, {name} is the floor",
                "",
                "in process",
                size=size,
                wall_us=wall * 1e6,
                ratio=seconds / wall,
                ratio_low=seconds / wall,
                ratio_high=seconds / wall,
                ratio_of="wall",
                batches=1,
                requests=20,
                failures=int(bool(said) and said["assignment"] != expected),
                note=note,
            )
        )


def ask_peer(name: str, path: Path, limit: int) -> dict[str, Any]:
    """What a peer's process prints; nothing if it did not end in time."""
    command = [str(ROOT / "dev"), "peers", name, str(path)]
    environment = {**os.environ, "FEIDI_VENV": ".venv-peers"}
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=environment, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return {}
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


if __name__ == "__main__":
    print(json.dumps(a_million()))
