"""Welfare rounds: the optimal assignment beside OR-Tools, every rule beside HiGHS, arrivals beside hindsight.

Gaps are to the round's own bound, which no assignment exceeds. The engine alone is measured, without reading
a market and without figures of the result.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from scipy.optimize import Bounds, LinearConstraint, milp

from benchmarks.measure import Batch, figure
from benchmarks.run import Run
from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import Market
from services.matching.engine.markets.rolling import assign_arrivals, greedy_arrivals
from services.matching.engine.markets.welfare.exact import Program
from services.matching.engine.markets.welfare.plans import best_plan, value_of
from services.matching.engine.markets.welfare.problem import problem_of
from services.matching.engine.markets.welfare.relaxation import SCALE, bound
from services.matching.engine.markets.welfare.transport import assign_under_quotas

NAME = "welfare"
SEED = "5e" * 32
WELFARE = Configuration("welfare")
PEERS = os.environ.get("FEIDI_PEERS_VENV", ".venv-peers")
RULED = ((5_000, 340, 0), (5_000, 340, 8_000), (100_000, 340, 1_400))
"""Projects, home units and steps: about 1, 20 and 25 s on two cores that do nothing else."""
BESIDE_SOLVERS, SOLVER_SECONDS = ((1_000, 60), (5_000, 340)), 60.0


async def run(run: Run) -> None:
    compiled()
    await assignment(run)
    await ruled(run)
    arrivals(run)


def compiled() -> None:
    """Compile everything before anything is measured."""
    best_plan(problem_of(market(60, 4), WELFARE), 1, SEED)
    assign_under_quotas(weights_of(5_000, 4), np.full(4, 9))


def timed(work: Callable[[], Any]) -> tuple[Any, Batch]:
    """Do the work once and return what it returns and what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    return found, Batch(1, time.process_time() - cpu, time.perf_counter() - wall)


def weights_of(projects: int, homes: int, seed: int = 1) -> np.ndarray:
    """Some home units are liked by all, some projects are good everywhere, a third of pairs is refused."""
    chance = np.random.default_rng(seed)
    found = chance.integers(0, 600_000, (projects, homes), dtype=np.int32)
    found += chance.integers(1, 300_000, homes, dtype=np.int32)
    found += chance.integers(0, 100_000, (projects, 1), dtype=np.int32)
    found[chance.random((projects, homes), dtype=np.float32) < 0.3] = 0
    return found


async def assignment(run: Run) -> None:
    """The best assignment under quotas: equal to OR-Tools' on every instance, and what share of its time."""
    sizes = ((10_000, 20), (5_000, 340), (100_000, 20))
    for projects, homes in sizes[: 2 if run.effort.minutes < 5 else 3]:
        own, theirs, versions = [], [], ""
        for seed in range(min(run.effort.rounds, 3)):
            weights, quotas = weights_of(projects, homes, seed), np.full(homes, projects * 9 // 10 // homes)
            found, batch = timed(lambda w=weights, q=quotas: assign_under_quotas(w, q))  # type: ignore[misc]
            taken = np.flatnonzero(found.assignment >= 0)
            value = int(weights[taken, found.assignment[taken]].sum(dtype=np.int64))
            told = await peer(run, "ortools", weights=weights, quotas=quotas)
            versions = ", ".join(f"{name} {one}" for name, one in told["versions"].items())
            own.append(Batch(1, batch.cpu_s, batch.wall_s, failures=int(value != told["value"])))
            theirs.append(Batch(1, told["seconds"], told["seconds"]))
        what = f"assignment to {homes}"
        run.keep(figure(NAME, f"{what}, OR-Tools", "", "process", theirs, size=projects, note=versions))
        note = "equal" if not any(one.failures for one in own) else "DIFFERENT"
        run.keep(figure(NAME, what, "", "engine", own, floor=theirs, by="wall", size=projects, note=note))


async def peer(run: Run, name: str, **instance: np.ndarray) -> dict[str, Any]:
    """Ask a peer in its own environment: what it brings cannot stand beside HiGHS in one process."""
    path = run.directory / "instance.npz"
    await asyncio.to_thread(np.savez, path, **instance)  # type: ignore[arg-type]
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "dev",
        "peers",
        name,
        str(path),
        env={**os.environ, "FEIDI_VENV": PEERS},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"the peer {name} ended with {child.returncode}")
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def market(projects: int, homes: int, seed: int = 1) -> Market:
    """Quotas, industry caps, region caps, plant space and funds, most of which bind."""
    chance = np.random.default_rng(seed)
    weights = weights_of(projects, homes, seed)
    demands = np.stack((chance.lognormal(6.5, 0.8, projects) + 50, chance.lognormal(14.8, 0.8, projects)))
    demands = demands.astype(np.int64)
    quotas = np.maximum(projects / homes * chance.uniform(0.6, 1.4, homes), 1).astype(np.int64)
    rooms = (quotas * demands.mean(axis=1)[:, None] * chance.uniform(0.5, 1.1, (2, homes))).astype(np.int64)
    region = chance.integers(0, 20, homes)
    caps = [
        (h, int(j), max(int(quotas[h]) * 3 // 20, 1))
        for h in range(homes)
        for j in chance.choice(12, 3, False)
    ]
    return market_of(
        project_ids=[f"p{n:06}" for n in range(projects)],
        home_unit_ids=[f"h{n:04}" for n in range(homes)],
        u=np.where(weights > 0, weights, -1),
        v=np.where(weights > 0, weights, -1),
        quotas=quotas,
        industries=[str(n) for n in range(12)],
        project_industry=chance.integers(0, 12, projects),
        regions=[str(n) for n in range(20)],
        home_region=region,
        industry_caps=caps,
        region_caps=[(r, int(quotas[region == r].sum()) * 17 // 20) for r in range(20)],
        demand_names=["space_m2", "funds_cny"],
        demands=demands,
        resources=[(h, d, int(rooms[d, h])) for h in range(homes) for d in range(2)],
    )


async def ruled(run: Run) -> None:
    """Every rule at once: how far from the bound, and what HiGHS and CP-SAT reach with the same one."""
    short = run.effort.minutes < 5
    for projects, homes, steps in RULED[: 1 if short else 3]:
        problem = problem_of(market(projects, homes), WELFARE)
        plan, batch = timed(lambda p=problem, s=steps: best_plan(p, s, SEED))  # type: ignore[misc]
        most, value = bound(problem, plan.prices) // SCALE, value_of(problem, plan.home)
        note = f"gap {(most - value) / most:.2%}, {steps} steps"
        run.keep(figure(NAME, f"every rule, {homes}", "", "engine", [batch], size=projects, note=note))
    for projects, homes in BESIDE_SOLVERS[: 1 if short else 2]:
        await beside_solvers(run, projects, homes, 20.0 if short else SOLVER_SECONDS)


async def beside_solvers(run: Run, projects: int, homes: int, seconds: float) -> None:
    """What a moment of ours and so many seconds of theirs reach, as gaps to one bound."""
    problem = problem_of(market(projects, homes), WELFARE)
    plan, batch = timed(lambda: best_plan(problem, 2_000, SEED))
    most = bound(problem, plan.prices) // SCALE
    program = Program(problem)
    reached, highs = timed(lambda: by_highs(program, seconds))
    matrix, _, limits = program.matrix()
    told = await peer(
        run,
        "cpsat",
        weights=program.weights.astype(np.int64),
        ends=matrix.indptr,
        columns=matrix.indices,
        factors=matrix.data.astype(np.int64),
        most=limits.astype(np.int64),
        limit_s=np.float64(seconds),
    )
    theirs = Batch(1, told["seconds"], told["seconds"])
    versions = ", ".join(f"{name} {one}" for name, one in told["versions"].items())
    for name, value, one, more in (
        (f"every rule, {homes}, beside solvers", value_of(problem, plan.home), batch, "2,000 steps"),
        (f"HiGHS, {homes}", reached, highs, f"SciPy {scipy.__version__}, limit {seconds:.0f} s"),
        (f"CP-SAT, {homes}", told["value"], theirs, f"{versions}, limit {seconds:.0f} s"),
    ):
        said = f"gap {(most - value) / most:.2%}" if value else "nothing found"
        run.keep(figure(NAME, name, "", "process", [one], size=projects, note=f"{said}, {more}"))


def by_highs(program: Program, seconds: float) -> int:
    """What HiGHS reaches with the same program in so much time; 0 if it has nothing by then."""
    done = milp(
        -program.weights,
        integrality=np.ones(program.pairs),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(*program.matrix()),
        options={"time_limit": seconds},
    )
    return 0 if done.x is None else round(-done.fun)


def arrivals(run: Run) -> None:
    """Projects that are answered as they arrive, as a share of what hindsight reaches."""
    for name, rules in (("quotas", False), ("every rule", True)):
        one = market(4_000, 40)
        if not rules:
            one = market_of(
                project_ids=one.project_ids,
                home_unit_ids=one.home_unit_ids,
                u=one.u,
                v=one.v,
                quotas=one.quotas * 7 // 10,
            )
        problem, order = problem_of(one, WELFARE), np.random.default_rng(5).permutation(4_000)
        plan = best_plan(problem, 200, SEED)
        best = bound(problem, plan.prices) // SCALE
        rolled, batch = timed(lambda m=one, o=order: assign_arrivals(m, WELFARE, o))  # type: ignore[misc]
        greedy = greedy_arrivals(one, WELFARE, order)
        note = f"{rolled.welfare / best:.3f} of hindsight at best, greedy {greedy.welfare / best:.3f}"
        run.keep(figure(NAME, f"arrivals, {name}", "", "engine", [batch], size=4_000, note=note))
