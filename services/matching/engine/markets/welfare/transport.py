"""The greatest sum of weights under quotas alone, exactly: shortest paths over home units.

Prices learnt on a sample put nearly every project where it belongs; the rest moves along cheapest paths. What
comes out is optimal by the usual argument: no reduced cost is negative, so no cycle and no path gains.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.market import NONE
from services.matching.engine.markets.welfare.flow import flow_of, least_prices, route

_SAMPLE = 2_000
_STEP = 5
_SCATTER = 2_654_435_761


class Priced(NamedTuple):
    """``assignment`` per project; ``prices`` per home unit: what one more place there would add."""

    assignment: NDArray[np.int64]
    prices: NDArray[np.int64]


def assign_under_quotas(
    weights: NDArray[np.int32], quotas: NDArray[np.int64], prices: NDArray[np.int64] | None = None
) -> Priced:
    """Return an assignment with the greatest sum of weights and the least prices that prove it.

    ``weights`` is P × H; 0 or less is never assigned. ``prices`` is a guess to begin with.
    """
    projects, homes = weights.shape
    quotas = np.minimum(quotas, projects)
    if prices is None:
        prices = _learn(weights, quotas)
    flow = flow_of(weights, quotas, prices)
    route(flow)
    least_prices(flow)
    return Priced(np.where(flow.home == homes, NONE, flow.home), flow.price[:homes].copy())


def _learn(weights: NDArray[np.int32], quotas: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the prices of a sample with its share of the places, itself begun with a smaller sample."""
    projects = len(weights)
    if projects <= _SAMPLE:
        return np.zeros(len(quotas), np.int64)
    size = max(projects // _STEP, _SAMPLE // 2)
    scattered = np.arange(projects, dtype=np.int64) * _SCATTER % (1 << 32)
    sample = np.sort(np.argsort(scattered, kind="stable")[:size])
    share = np.maximum((quotas * size + projects // 2) // projects, np.minimum(quotas, 1))
    return assign_under_quotas(np.ascontiguousarray(weights[sample]), share).prices
