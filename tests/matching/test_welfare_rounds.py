"""Around a welfare round: moves, rights, reasons, comparisons, and projects that arrive one by one."""

import numpy as np
import pytest

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.comparison import blocking_pairs, compare
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidConfiguration, InvalidMarket
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.result import Result
from services.matching.engine.markets.rolling import assign_arrivals, greedy_arrivals
from services.matching.engine.markets.solving import solve
from services.matching.engine.markets.terms import adjusted_scores
from services.matching.engine.markets.welfare.explaining import counterfactual, explain, shadow_prices
from tests.matching.welfare_markets import SEED, bound_of, random_market

WELFARE = Configuration("welfare", iterations=20)


def market(u: object, quotas: object, **more: object) -> Market:
    scores = np.array(u)
    return market_of(
        project_ids=[f"p{n:04}" for n in range(scores.shape[0])],
        home_unit_ids=[f"h{n:02}" for n in range(scores.shape[1])],
        u=scores,
        v=more.pop("v", scores),  # type: ignore[arg-type]
        quotas=quotas,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def random_scores(seed: int, projects: int, homes: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    liked = np.random.default_rng(99).integers(0, 400_000, homes)
    good = chance.integers(0, 300_000, (projects, 1))
    return np.minimum(chance.integers(0, 300_000, (projects, homes)) + liked + good, 1_000_000)


def test_nothing_moves_if_nothing_changed_and_who_is_displaced_is_named() -> None:
    scores = random_scores(1, 60, 4)
    before = solve(market(scores, [12] * 4), WELFARE, SEED).assignment
    penal = Configuration("welfare", move_penalty=40_000)
    again = solve(market(scores, [12] * 4, previous=before), penal, SEED)
    assert again.assignment.tolist() == before.tolist()
    assert again.figures["displaced_by"] == []
    changed = scores.copy()
    newcomer = int(np.flatnonzero(before == NONE)[0])
    changed[newcomer] = [1_000_000, 1, 1, 1]
    after = solve(market(changed, [12] * 4, previous=before), penal, SEED)
    assert after.assignment[newcomer] == 0
    assert [one for one, _ in after.figures["displaced_by"]] == after.figures["moved"]
    assert [newcomer] in [by for _, by in after.figures["displaced_by"]]
    stays = np.count_nonzero(after.assignment == before)
    freely = solve(market(changed, [12] * 4), WELFARE, SEED)
    assert stays >= np.count_nonzero(freely.assignment == before)


def test_first_refusal_is_kept_unless_the_places_go_to_better_ones() -> None:
    scores = [[900_000, 800_000], [800_000, 100_000]]
    right = [(0, 1, "first_refusal", 0, "h01")]
    free = solve(market(scores, [1, 1]), WELFARE, SEED)
    bound = solve(market(scores, [1, 1], commitments=right), WELFARE, SEED)
    assert free.assignment.tolist() == [1, 0]
    scores[1] = [1, 900_000]
    taken = solve(market(scores, [1, 1], commitments=right), WELFARE, SEED)
    assert bound.assignment.tolist() == [1, 0]
    assert taken.assignment.tolist() == [0, 1]
    scores[1] = [1, 700_000]
    kept = solve(market(scores, [1, 1], commitments=right), WELFARE, SEED)
    assert kept.assignment.tolist() == [1, 0]
    assert kept.figures["first_refusals_enforced"] == [[0, 1]]
    assert kept.certificate["kind"] == "bound"
    assert bound_of(kept.document()) // 1_000_000 == kept.certificate["bound"] >= kept.figures["welfare"]


def test_the_weight_that_is_needed_is_exact_under_quotas() -> None:
    chance = np.random.default_rng(3)
    seen = 0
    for _ in range(40):
        scores = chance.integers(1, 1_000, (6, 3))
        quotas = chance.integers(0, 3, 3)
        result = solve(market(scores, quotas), WELFARE, SEED)
        project, home = int(chance.integers(6)), int(chance.integers(3))
        needed = counterfactual(result, project, home)["weight_needed"]
        if not quotas[home]:
            assert needed is None
            continue
        for weight, gets in ((needed + 1, True), (needed - 1, False)):
            if 0 <= weight <= 1_000_000:
                changed = scores.copy()
                changed[project, home] = weight
                again = solve(market(changed, quotas), WELFARE, SEED)
                assert (again.assignment[project] == home) == gets
                seen += 1
    assert seen > 40


def test_reasons_add_up_and_prices_are_told_per_home_unit() -> None:
    result = solve(market(random_scores(4, 80, 5), [10] * 5), WELFARE, SEED)
    for project in range(80):
        told = explain(result, project)
        best, assigned = told["options"][0], told["assigned"]
        assert told["basis"] == "exact"
        if assigned == NONE:
            assert best["value"] <= 0
        else:
            chosen = next(option for option in told["options"] if option["home_unit"] == assigned)
            assert chosen["value"] == best["value"] >= 0
    assert shadow_prices(result) == result.certificate["prices"]
    demands = np.random.default_rng(5).integers(1, 50, (1, 80))
    ruled = market(
        random_scores(4, 80, 5),
        [20] * 5,
        demand_names=["space_m2"],
        demands=demands,
        resources=[(home, 0, 200) for home in range(5)],
    )
    tight = solve(ruled, WELFARE, SEED)
    assert tight.certificate["kind"] == "bound"
    assert all(price > 0 for price in shadow_prices(tight))
    assert counterfactual(tight, 0, 1)["basis"] == "indication"


def blocking_by_hand(one: Market, assignment: list[int]) -> int:
    """Count under quotas alone, pair by pair."""
    found = 0
    for project, mine in enumerate(assignment):
        for home, quota in enumerate(one.quotas.tolist()):
            there = [int(one.v[q, home]) for q, at in enumerate(assignment) if at == home]
            own = -1 if mine == NONE else int(one.u[project, mine])
            room = len(there) < quota or any(v < one.v[project, home] for v in there)
            found += one.u[project, home] > own and room
    return found


def test_two_results_side_by_side() -> None:
    chance = np.random.default_rng(6)
    for _ in range(60):
        one = random_market(chance, rules=False, fixed=False)
        result = solve(one, WELFARE, SEED)
        expected = blocking_by_hand(one, result.assignment.tolist())
        assert blocking_pairs(one, adjusted_scores(one), result.assignment) == expected
    first = market(random_scores(7, 30, 3), [8, 8, 2])
    plain, fair = (
        solve(first, Configuration("welfare", fairness=kind), SEED) for kind in ("none", "max_min")
    )
    told = compare(plain, fair)
    assert told["projects_better"] + told["projects_worse"] + told["projects_same"] == 30
    assert told["second"]["least_home_welfare_per_place"] >= told["first"]["least_home_welfare_per_place"]
    assert told["price_of_fairness_ppm"] == fair.figures["price_of_fairness_ppm"] >= 0
    assert told["price_of_stability_ppm"] is None
    stable = Result(first, Configuration("stable"), SEED, np.full(30, NONE), {}, {})
    assert compare(plain, stable)["price_of_stability_ppm"] == 1_000_000
    assert compare(plain, plain)["moves"] == []
    with pytest.raises(InvalidConfiguration):
        compare(plain, solve(market(random_scores(8, 30, 3), [8, 8, 2]), WELFARE, SEED))


def test_arrivals_answered_at_once_come_close_to_hindsight() -> None:
    one = market(random_scores(9, 1_500, 8), [120] * 8)
    history = market(random_scores(10, 1_500, 8), [120] * 8)
    order = np.random.default_rng(11).permutation(1_500)
    hindsight = solve(one, WELFARE, SEED).figures["welfare"]
    rolled = assign_arrivals(one, WELFARE, order, history=history)
    greedy = greedy_arrivals(one, WELFARE, order)
    assert greedy.welfare < 0.93 * hindsight
    assert 0.97 * hindsight <= assign_arrivals(one, WELFARE, order, every=100).welfare <= hindsight
    assert 0.98 * hindsight <= rolled.welfare <= hindsight
    assert (np.bincount(rolled.assignment[rolled.assignment != NONE], minlength=8) <= 120).all()
    with pytest.raises(InvalidMarket):
        assign_arrivals(one, WELFARE, order[1:])
    with pytest.raises(InvalidMarket):
        assign_arrivals(one, WELFARE, order, history=market(random_scores(9, 20, 3), [1] * 3))
