"""A market as the columns a search works on, with what is fixed already taken out of every limit."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import Infeasible
from services.matching.engine.markets.feasibility import broken
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.room import fixed_places
from services.matching.engine.markets.terms import adjusted_scores, weights_at, weights_of
from services.matching.engine.markets.wording import what_is_fixed

Ints = NDArray[np.int64]
UNLIMITED = 1 << 60
_ROWS = 4_096


class Problem(NamedTuple):
    """P projects, H home units, J industries, R regions, D kinds of demand.

    ``weights`` P × H, 0 where a project never goes; ``industry`` is 0 for none, else 1…J, ``region``
    likewise; ``industry_limit`` (J + 1) × H, ``region_limit`` R + 1, ``capacity`` D × H, unlimited where
    there is no rule; ``place`` is where a project is fixed, −1 if it is free; a fixed one has no weights.
    """

    weights: NDArray[np.int32]
    quotas: Ints
    lower: Ints
    industry: Ints
    industry_limit: Ints
    region: Ints
    region_limit: Ints
    demands: Ints
    capacity: Ints
    place: Ints
    fixed_value: int


def problem_of(market: Market, configuration: Configuration, place: Ints | None = None) -> Problem:
    """Return what is left to decide once ``place`` (by default the fixed commitments) is kept.

    Raises ``Infeasible`` if that alone breaks a rule.
    """
    place = fixed_places(market) if place is None else place.copy()
    if wrong := broken(market, place):
        raise Infeasible(*what_is_fixed(market, wrong[0]))
    homes = market.shape[1]
    weights = welfare_weights(market, configuration)
    taken = np.flatnonzero(place != NONE)
    weights[taken] = 0
    at, industry = place[taken], market.project_industry + 1
    fixed_value = int(weights_at(market, configuration, taken, at).sum())
    quotas = market.quotas - np.bincount(at, minlength=homes)
    industry_limit = np.full((len(market.industries) + 1, homes), UNLIMITED, np.int64)
    for home, kind, most in market.industry_caps:
        industry_limit[kind + 1, home] = most
    np.subtract.at(industry_limit, (industry[taken], at), 1)
    region_limit = np.full(len(market.regions) + 1, UNLIMITED, np.int64)
    for region, most in market.region_caps:
        region_limit[region + 1] = most
    np.subtract.at(region_limit, market.home_region[at] + 1, 1)
    capacity = np.full((len(market.demand_names), homes), UNLIMITED, np.int64)
    for resource in market.resources:
        demand = market.demands[resource.demand]
        capacity[resource.demand, resource.home] = (
            resource.capacity - demand[taken[at == resource.home]].sum()
        )
        weights[demand > capacity[resource.demand, resource.home], resource.home] = 0
    return Problem(
        weights=weights,
        quotas=quotas,
        lower=np.maximum(market.lower_quotas - np.bincount(at, minlength=homes), 0),
        industry=industry,
        industry_limit=industry_limit,
        region=market.home_region + 1,
        region_limit=region_limit,
        demands=market.demands,
        capacity=capacity,
        place=place,
        fixed_value=fixed_value,
    )


def welfare_weights(market: Market, configuration: Configuration) -> NDArray[np.int32]:
    """Return ``terms.pair_weights`` with 0 for every pair that is not permitted or adds nothing, P × H."""
    scores = adjusted_scores(market)
    weights = np.zeros(market.shape, np.int32)
    for start in range(0, market.shape[0], _ROWS):
        rows = slice(start, start + _ROWS)
        weights[rows] = np.maximum(weights_of(market, configuration, scores, rows), 0)
    return weights
