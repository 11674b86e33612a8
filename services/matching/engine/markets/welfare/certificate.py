"""What proves a welfare round, or says how far from the best it can be at most."""

from typing import Any

import numpy as np

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.feasibility import table
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.welfare.plans import Plan
from services.matching.engine.markets.welfare.problem import Ints, Problem, welfare_weights
from services.matching.engine.markets.welfare.relaxation import HIGHEST, SCALE, Multipliers, bound


def certificate_of(
    market: Market, configuration: Configuration, problem: Problem, plan: Plan, assignment: Ints, value: int
) -> dict[str, Any]:
    """Return ``optimality`` with prices if they prove the assignment, otherwise ``bound`` with multipliers.

    ``problem`` is the one the plan's prices are about; ``value`` is the welfare of the assignment.
    """
    rows = table(market, assignment)
    if plan.proven:
        prices = (plan.prices.quota // SCALE).tolist()
        return {"kind": "optimality", "prices": prices, "price_scale": 1, "feasibility": rows}
    permitted = welfare_weights(market, configuration)
    permitted[problem.place != NONE] = 0
    for one in market.resources:
        too_much = market.demands[one.demand] > problem.capacity[one.demand, one.home]
        permitted[too_much, one.home] = 0
    whole = problem._replace(weights=permitted)
    prices = closed(whole, plan.prices)
    most = bound(whole, prices) // SCALE + problem.fixed_value
    return {
        "kind": "bound",
        "multipliers": multipliers_of(market, prices),
        "multiplier_scale": SCALE,
        "bound": most,
        "value": value,
        "gap_ppm": -((value - most) * 1_000_000 // max(most, 1)),
        "method": plan.method if plan.method == "milp" else "search",
        "claimed_optimal": plan.claimed,
        "feasibility": rows,
    }


def closed(problem: Problem, prices: Multipliers) -> Multipliers:
    """Return prices at which nobody wants what there is none of; that costs the bound nothing."""
    dear = min((int(problem.weights.max(initial=0)) + 1) * SCALE, HIGHEST)
    limits = (problem.quotas, problem.industry_limit, problem.region_limit, problem.capacity)
    return Multipliers(
        *(np.where(limit == 0, dear, price) for limit, price in zip(limits, prices, strict=True))
    )


def multipliers_of(market: Market, prices: Multipliers) -> list[int]:
    """Return one price for each row of ``feasibility.table``, in its order."""
    found = [int(price) for price in prices.quota]
    found += [int(prices.industry[kind + 1, home]) for home, kind, _ in market.industry_caps]
    found += [int(prices.region[region + 1]) for region, _ in market.region_caps]
    found += [int(prices.resource[one.demand, one.home]) for one in market.resources]
    return found
