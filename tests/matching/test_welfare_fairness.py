"""Welfare that is shared among home units, and what it costs."""

import numpy as np
import pytest

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import Infeasible
from services.matching.engine.markets.feasibility import broken
from services.matching.engine.markets.market import Market
from services.matching.engine.markets.solving import solve
from services.matching.engine.markets.welfare import fairness
from tests.matching.welfare_markets import (
    SEED,
    allowed,
    bound_of,
    home_values,
    pair_values,
    random_market,
    values,
)

MAX_MIN = Configuration("welfare", fairness="max_min", iterations=24)


def least_of(market: Market, rows: np.ndarray) -> np.ndarray:
    """Return per assignment the least welfare per place among home units that can get something."""
    can = (market.quotas > 0) & (pair_values(market)[:, :-1] > 0).any(axis=0)
    if not can.any():
        return np.zeros(len(rows), np.int64)
    return (home_values(market, rows)[:, can] // market.quotas[can]).min(axis=1)


def test_the_least_is_as_much_as_it_can_be_and_then_the_sum() -> None:
    chance = np.random.default_rng(11)
    for number in range(60):
        market = random_market(chance, rules=number % 2 == 0, fixed=False)
        rows = allowed(market)
        result = solve(market, MAX_MIN, SEED)
        least = least_of(market, rows)
        assert result.figures["least_home_welfare_per_place"] == least.max()
        fairest = rows[least == least.max()]
        assert result.figures["welfare"] == values(market, fairest).max()
        lost = values(market, rows).max() - result.figures["welfare"]
        assert result.figures["price_of_fairness_ppm"] == -(
            -lost * 10**6 // max(values(market, rows).max(), 1)
        )
        assert bound_of(result.document()) >= result.figures["welfare"]


@pytest.mark.parametrize("alpha", [1, 500, 2_000])
def test_alpha_welfare_is_the_greatest_of_all_assignments(alpha: int) -> None:
    chance, configuration = (
        np.random.default_rng(12),
        Configuration("welfare", fairness="alpha", alpha_permille=alpha),
    )
    for number in range(20):
        market = random_market(chance, rules=number % 2 == 0, fixed=False)
        try:
            result = solve(market, configuration, SEED)
        except Infeasible:
            continue
        rows = allowed(market)
        totals = alpha_totals(market, rows, alpha)
        own = alpha_totals(market, result.assignment[None, :], alpha)[0]
        assert own >= totals.max() - 1e-6 * abs(totals.max())


def alpha_totals(market: Market, rows: np.ndarray, alpha: int) -> np.ndarray:
    """Return Σ over home units of a concave function in 16 steps; each step counts (1 / its middle) ^ α."""
    unit = max(-(-int(pair_values(market).max(initial=0)) // 16), 1)
    total = np.zeros(len(rows))
    for home, place in enumerate(market.quotas.tolist()):
        left = home_values(market, rows)[:, home].astype(float)
        for step in range(16):
            part = left if step == 15 else np.minimum(left, unit * place)
            total += part * int(1_000 * (32 / (2 * step + 1)) ** (alpha / 1_000) + 1e-9)
            left = left - part
    return total


def unequal_market() -> Market:
    """One home unit of six is worth little to everybody: the sum alone gives it nobody."""
    chance = np.random.default_rng(13)
    u = chance.integers(400_000, 900_000, (60, 6))
    u[:, 5] = chance.integers(50_000, 100_000, 60)
    return market_of(
        project_ids=[f"p{n:02}" for n in range(60)],
        home_unit_ids=[f"h{n}" for n in range(6)],
        u=u,
        v=u,
        quotas=[12, 12, 12, 12, 12, 6],
        demand_names=["space_m2"],
        demands=chance.integers(1, 9, (1, 60)),
        resources=[(home, 0, 50) for home in range(6)],
    )


@pytest.mark.parametrize("kind", ["max_min", "alpha"])
def test_too_large_for_a_program_it_is_fairer_than_without(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fairness, "SMALL_PROJECTS", 0)
    market = unequal_market()
    plain = solve(market, Configuration("welfare", iterations=24), SEED)
    fair = solve(market, Configuration("welfare", iterations=24, fairness=kind, alpha_permille=2_000), SEED)  # type: ignore[arg-type]
    assert not broken(market, fair.assignment)
    assert min(fair.figures["home_welfare"]) > min(plain.figures["home_welfare"])
    assert fair.figures["price_of_fairness_ppm"] > 0
    assert fair.certificate["kind"] == "bound"
    assert not fair.certificate["claimed_optimal"]
