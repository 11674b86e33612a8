"""The greatest sum of weights under quotas alone, exactly: shortest paths over home units.

Prices learnt on a sample put nearly every project where it belongs; the rest moves along cheapest paths. What
comes out is optimal by the usual argument: no reduced cost is negative, so no cycle and no path gains.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.market import NONE
from services.matching.engine.markets.welfare.compiling import kernel
from services.matching.engine.markets.welfare.flow import FAR, Flow, enter, flow_of, leave

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


@kernel
def route(flow: Flow) -> None:
    """Move what is too much where room is left, one cheapest path after the other."""
    nodes = len(flow.load)
    nowhere = nodes - 1
    excess = np.zeros(nodes, np.int64)
    for home in range(nowhere):
        excess[home] = flow.load[home] - flow.filled[home]
        excess[nowhere] -= excess[home]
    distance, origin = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    via, done = np.empty(nodes, np.int64), np.empty(nodes, np.bool_)
    while excess.max() > 0:
        distance[:] = FAR
        origin[:] = -1
        done[:] = False
        for node in range(nodes):
            if excess[node] > 0:
                distance[node] = 0
        end = search(flow, excess, distance, origin, via, done)
        reach = distance[end]
        base = min(distance[nowhere], reach)
        for home in range(nowhere):
            flow.price[home] += base - min(distance[home], reach)
        node = end
        while origin[node] >= 0:
            move(flow, origin[node], node, via[node])
            node = origin[node]
        excess[node] -= 1
        excess[end] += 1


@kernel
def search(
    flow: Flow,
    excess: NDArray[np.int64],
    distance: NDArray[np.int64],
    origin: NDArray[np.int64],
    via: NDArray[np.int64],
    done: NDArray[np.bool_],
) -> int:
    """Return the nearest node that lacks something (−1: none), with distances and the way there."""
    nodes = len(distance)
    while True:
        node, nearest = -1, FAR
        for one in range(nodes):
            if not done[one] and distance[one] < nearest:
                node, nearest = one, distance[one]
        if node < 0 or excess[node] < 0:
            return node
        done[node] = True
        spread(flow, node, distance, origin, via, done)


@kernel
def spread(
    flow: Flow,
    node: int,
    distance: NDArray[np.int64],
    origin: NDArray[np.int64],
    via: NDArray[np.int64],
    done: NDArray[np.bool_],
) -> None:
    """Shorten the distances of those that can be reached from a node: by a project or by a place."""
    nowhere = len(distance) - 1
    base = distance[node] - flow.price[node]
    for to in range(nowhere + 1):
        if done[to]:
            continue
        if flow.count[node, to] > 0:
            length = base + flow.key[0, node, to] + flow.price[to]
            if length < distance[to]:
                distance[to], origin[to], via[to] = length, node, flow.who[0, node, to]
        if node == nowhere and flow.filled[to] > 0 and distance[node] + flow.price[to] < distance[to]:
            distance[to], origin[to], via[to] = distance[node] + flow.price[to], node, -1
        if to == nowhere and flow.filled[node] < flow.quotas[node] and base < distance[to]:
            distance[to], origin[to], via[to] = base, node, -1


@kernel
def move(flow: Flow, node: int, to: int, project: int) -> None:
    """Move a project from a node to another; −1: count one place more, or one less, as taken."""
    if project >= 0:
        leave(flow, node, project)
        enter(flow, to, project)
    elif node == len(flow.load) - 1:
        flow.filled[to] -= 1
    else:
        flow.filled[node] += 1


@kernel
def least_prices(flow: Flow) -> None:
    """Lower every price to what one more place would add, which no other optimal solution would change."""
    nodes = len(flow.load)
    for home in range(nodes - 1):
        flow.price[home] = max(flow.price[home], 0)
    distance, origin = np.full(nodes, FAR, np.int64), np.full(nodes, -1, np.int64)
    via, done = np.empty(nodes, np.int64), np.zeros(nodes, np.bool_)
    distance[nodes - 1] = 0
    search(flow, np.zeros(nodes, np.int64), distance, origin, via, done)
    for home in range(nodes - 1):
        flow.price[home] -= min(flow.price[home], distance[home])
