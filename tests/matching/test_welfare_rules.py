"""Welfare under every rule: never above its bound, never above the best there is, no rule broken."""

import subprocess
import sys

import numpy as np
import pytest

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import Infeasible
from services.matching.engine.markets.feasibility import broken
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.solving import solve
from services.matching.engine.markets.welfare.certificate import certificate_of
from services.matching.engine.markets.welfare.plans import Plan, has_other_rules, quotas_only
from services.matching.engine.markets.welfare.problem import problem_of
from services.matching.engine.markets.welfare.relaxation import learn_prices
from services.matching.engine.markets.welfare.search import search
from tests.matching.welfare_markets import SEED, allowed, bound_of, random_market, values

WELFARE = Configuration("welfare", iterations=30)


def test_what_a_search_finds_lies_between_what_it_says_and_the_best() -> None:
    chance, reached, possible = np.random.default_rng(5), 0, 0
    for _ in range(500):
        market = random_market(chance, rules=True)
        rows = allowed(market)
        try:
            problem = problem_of(market, WELFARE)
        except Infeasible:
            assert not len(rows)
            continue
        prices, lists = learn_prices(problem, 20)
        found = search(problem, prices, lists, steps=1, seed=SEED, bonus=0)
        assignment = np.where(problem.place != NONE, problem.place, found.home)
        assert not broken(market, assignment)
        assert assignment.tolist() in rows.tolist()
        value, best = found.total + problem.fixed_value, int(values(market, rows).max())
        plan = Plan(found.home, prices, False, "search", False)
        certificate = certificate_of(market, WELFARE, problem, plan, assignment, value)
        document = {"snapshot": market.document(), "certificate": certificate}
        assert bound_of(document) // certificate["multiplier_scale"] == certificate["bound"]
        assert value <= best <= certificate["bound"]
        reached, possible = reached + value, possible + best
    assert reached >= 0.99 * possible


def test_a_round_is_the_best_of_all_assignments() -> None:
    chance, kinds = np.random.default_rng(6), set()
    for _ in range(60):
        market = random_market(chance, rules=True)
        rows = allowed(market)
        if not len(rows):
            continue
        result = solve(market, WELFARE, SEED)
        kinds.add(result.certificate["kind"])
        assert result.figures["welfare"] == values(market, rows).max()
        if result.certificate["kind"] == "bound":
            certificate = result.certificate
            gap = (certificate["bound"] - certificate["value"]) * 10**6 / max(certificate["bound"], 1)
            assert certificate["claimed_optimal"]
            assert gap <= certificate["gap_ppm"] < gap + 1
    assert kinds == {"optimality", "bound"}


def test_lower_quotas_are_missed_by_as_little_as_possible_and_then_it_is_the_best() -> None:
    chance = np.random.default_rng(7)
    for number in range(120):
        market = random_market(chance, rules=number % 6 == 0, fixed=False, lower=True)
        # Pairs worth nothing are never chosen, not even for a lower quota.
        if (market.u == 0).any() or (market.v == 0).any():
            continue
        rows = allowed(market, lower=True)
        result = solve(market, WELFARE, SEED)
        assert result.assignment.tolist() in rows.tolist()
        assert result.figures["welfare"] == values(market, rows).max()
        assert bound_of(result.document()) >= result.figures["welfare"]


def medium_market(projects: int = 400, homes: int = 12) -> Market:
    chance = np.random.default_rng(8)
    u = chance.integers(0, 1_000_000, (projects, homes))
    demands = chance.integers(1, 4_000_000, (1, projects))
    return market_of(
        project_ids=[f"p{n:03}" for n in range(projects)],
        home_unit_ids=[f"h{n:02}" for n in range(homes)],
        u=u,
        v=chance.integers(0, 1_000_000, u.shape),
        quotas=np.full(homes, projects // homes),
        demand_names=["funds_cny"],
        demands=demands,
        resources=[(home, 0, int(demands.mean() * projects / homes * 0.7)) for home in range(homes)],
    )


def test_a_larger_round_is_close_to_its_bound_and_more_steps_bring_it_closer() -> None:
    market = medium_market()
    gaps = []
    for iterations in (0, 40):
        result = solve(market, Configuration("welfare", iterations=iterations), SEED)
        assert not broken(market, result.assignment)
        assert bound_of(result.document()) // 1_000_000 == result.certificate["bound"]
        gaps.append(result.certificate["gap_ppm"])
    assert gaps[1] <= gaps[0]
    assert gaps[1] < 10_000


@pytest.mark.parametrize("setting", ["NUMBA_NUM_THREADS", "NUMBA_DISABLE_JIT"])
def test_another_process_writes_the_same_bytes_with_one_thread_and_not_compiled(setting: str) -> None:
    code = (
        "from tests.matching.test_welfare_rules import *; market = medium_market(90, 4);"
        "print(solve(market, Configuration('welfare', iterations=3), SEED).document()['result_hash'])"
    )
    environment = {setting: "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": "."}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    own = solve(medium_market(90, 4), Configuration("welfare", iterations=3), SEED).document()
    # The solver writes a line of its own when it likes.
    assert own["result_hash"] in done.stdout.decode().split()


def test_rules_that_bind_nobody_leave_the_proof_of_prices() -> None:
    market = medium_market(60, 3)
    roomy = [resource._replace(capacity=10**15) for resource in market.resources]
    easy = market_of(
        project_ids=market.project_ids,
        home_unit_ids=market.home_unit_ids,
        u=market.u,
        v=market.v,
        quotas=market.quotas,
        demand_names=market.demand_names,
        demands=market.demands,
        resources=roomy,
    )
    problem = problem_of(easy, WELFARE)
    assert has_other_rules(problem)
    result = solve(easy, WELFARE, SEED)
    assert result.certificate["kind"] == "optimality"
    assert result.assignment.tolist() == quotas_only(problem).home.tolist()


def test_demands_as_large_as_numbers_go_break_nothing() -> None:
    market = market_of(
        project_ids=["a", "b", "c"],
        home_unit_ids=["x", "y"],
        u=np.full((3, 2), 1_000_000),
        v=np.full((3, 2), 1_000_000),
        quotas=[3, 10**15],
        demand_names=["funds_cny"],
        demands=[[10**15, 10**15, 1]],
        resources=[(0, 0, 10**15), (1, 0, 10**15 - 1)],
    )
    result = solve(market, WELFARE, SEED)
    assert not broken(market, result.assignment)
    assert result.figures["matched"] == 2
    assert bound_of(result.document()) // 1_000_000 == result.certificate["bound"]
