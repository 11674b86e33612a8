"""Welfare under quotas alone: the best there is, proven by prices that say what one more place would add."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import Infeasible, InvalidConfiguration
from services.matching.engine.markets.market import NONE
from services.matching.engine.markets.solving import solve
from services.matching.engine.markets.welfare.transport import assign_under_quotas
from tests.matching.welfare_markets import SEED, allowed, bound_of, random_market, values

WELFARE = Configuration("welfare")


def best_by_scipy(weights: np.ndarray, quotas: np.ndarray) -> int:
    columns = np.repeat(np.arange(len(quotas)), quotas)
    expanded = np.maximum(weights, 0)[:, columns]
    return int(expanded[linear_sum_assignment(expanded, maximize=True)].sum())


def check_proof(weights: np.ndarray, quotas: np.ndarray) -> int:
    """Look at everything an optimal answer has, and return its value."""
    assignment, prices = assign_under_quotas(weights, quotas)
    taken = np.flatnonzero(assignment != NONE)
    filled = np.bincount(assignment[taken], minlength=len(quotas))
    assert (filled <= quotas).all()
    assert (prices >= 0).all()
    assert (filled == quotas)[prices > 0].all()
    assert (weights[taken, assignment[taken]] > 0).all()
    reduced = np.where(weights > 0, weights.astype(np.int64), -(1 << 40)) - prices
    value = int(weights[taken, assignment[taken]].sum(dtype=np.int64))
    assert value == int(np.maximum(reduced.max(axis=1, initial=0), 0).sum() + (prices * quotas).sum())
    return value


def test_it_is_the_best_of_all_assignments_and_the_prices_prove_it() -> None:
    chance = np.random.default_rng(1)
    for _ in range(500):
        market = random_market(chance, rules=False)
        try:
            result = solve(market, WELFARE, SEED)
        except Infeasible:
            assert not len(allowed(market))
            continue
        assert result.figures["welfare"] == values(market, allowed(market)).max()
        assert result.certificate["kind"] == "optimality"
        document = result.document()
        assert bound_of(document) == result.figures["welfare"] * result.certificate["price_scale"]
        assert result.assignment.tolist() in allowed(market).tolist()


def test_larger_ones_are_the_best_by_another_algorithm() -> None:
    chance = np.random.default_rng(2)
    for _ in range(60):
        projects, homes = int(chance.integers(20, 90)), int(chance.integers(1, 12))
        weights = chance.integers(-2, int(chance.choice([3, 1_000_000])), (projects, homes)).astype(np.int32)
        quotas = chance.integers(0, 12, homes)
        assert check_proof(weights, quotas) == best_by_scipy(weights, quotas)


def test_prices_learnt_on_a_sample_end_in_the_same_proof() -> None:
    chance = np.random.default_rng(3)
    weights = (chance.integers(0, 500_000, (5_000, 9)) + chance.integers(0, 500_000, 9)).astype(np.int32)
    check_proof(weights, np.full(9, 450))


def test_a_price_is_what_one_more_place_would_add() -> None:
    chance = np.random.default_rng(4)
    for _ in range(100):
        projects, homes = int(chance.integers(1, 12)), int(chance.integers(1, 5))
        weights = chance.integers(-1, int(chance.choice([3, 1_000])), (projects, homes)).astype(np.int32)
        quotas = chance.integers(0, 4, homes)
        value, prices = best_by_scipy(weights, quotas), assign_under_quotas(weights, quotas).prices
        for home in range(homes):
            more = quotas + (np.arange(homes) == home)
            assert prices[home] == best_by_scipy(weights, more) - value


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (4, 3)])
def test_markets_without_anything_to_decide(shape: tuple[int, int]) -> None:
    projects, homes = shape
    market = market_of(
        project_ids=[f"p{n}" for n in range(projects)],
        home_unit_ids=[f"h{n}" for n in range(homes)],
        u=np.full(shape, -1),
        v=np.full(shape, -1),
        quotas=np.full(homes, 2),
    )
    for configuration in (WELFARE, Configuration("welfare", fairness="max_min")):
        result = solve(market, configuration, SEED)
        assert result.assignment.tolist() == [NONE] * projects
        assert result.figures["welfare"] == 0
        result.document()


def test_one_home_unit_everybody_wants_takes_the_best_and_all_tied_are_all_placed() -> None:
    weights = np.zeros((50, 3), np.int32)
    weights[:, 1] = np.arange(1, 51)
    assignment, prices = assign_under_quotas(weights, np.array([9, 10, 0]))
    assert assignment.tolist() == [NONE] * 40 + [1] * 10
    assert prices.tolist() == [0, 40, 0]
    tied, prices = assign_under_quotas(np.full((300, 4), 7, np.int32), np.array([100, 0, 150, 10**15]))
    assert (tied != NONE).all()
    assert np.bincount(tied)[1] == 0
    assert prices.tolist() == [0, 0, 0, 0]


def test_more_fixed_than_places_is_infeasible_and_list_length_is_refused() -> None:
    market = market_of(
        project_ids=["a", "b"],
        home_unit_ids=["x"],
        u=[[5], [-1]],
        v=[[5], [-1]],
        quotas=[1],
        commitments=[(0, 0, "fixed", 0, "owner"), (1, 0, "fixed", 0, "owner")],
    )
    with pytest.raises(Infeasible):
        solve(market, WELFARE, SEED)
    with pytest.raises(InvalidConfiguration):
        solve(market, Configuration("welfare", list_length=3), SEED)
