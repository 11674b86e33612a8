"""The state of the exact assignment under quotas, and who would be the cheapest to move between two places.

Nodes 0…H−1 are home units, node H is *nowhere*: projects without a home unit, and places nobody takes. For
every ordered pair of nodes (a, b) the projects at a that lose least by moving to b are kept, a few of them,
so that a shortest path over home units never looks at projects.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.welfare.compiling import kernel, part

KEPT = 8
"""Projects kept per pair of nodes; the others are looked up again when these are used up."""
FAR = np.int64(1) << 60


class Flow(NamedTuple):
    """``weights`` is P × H, 0 or less: never; ``filled`` are the places of a home unit that count as taken.

    ``after``, ``before`` and ``first`` link the projects of a node; ``key[k, a, b]`` and ``who[k, a, b]`` are
    the k-th cheapest move from a to b, ``kept`` how many that are, ``cut`` whether there are more.
    """

    weights: NDArray[np.int32]
    quotas: NDArray[np.int64]
    price: NDArray[np.int64]
    home: NDArray[np.int64]
    load: NDArray[np.int64]
    filled: NDArray[np.int64]
    first: NDArray[np.int64]
    after: NDArray[np.int64]
    before: NDArray[np.int64]
    key: NDArray[np.int64]
    who: NDArray[np.int64]
    kept: NDArray[np.int64]
    cut: NDArray[np.bool_]


def flow_of(weights: NDArray[np.int32], quotas: NDArray[np.int64], price: NDArray[np.int64]) -> Flow:
    """Return the flow in which every project is where its weight exceeds the price most, full or not."""
    projects, homes = weights.shape
    nodes = homes + 1
    # Nobody looks at a home unit without places, so its price begins where nobody wants it.
    price = np.where(quotas > 0, price, weights.max(axis=0, initial=0))
    flow = Flow(
        weights=weights,
        quotas=quotas,
        price=np.append(price, 0),
        home=np.full(projects, homes, np.int64),
        load=np.zeros(nodes, np.int64),
        filled=np.zeros(nodes, np.int64),
        first=np.full(nodes, -1, np.int64),
        after=np.full(projects, -1, np.int64),
        before=np.full(projects, -1, np.int64),
        key=np.full((KEPT, nodes, nodes), FAR, np.int64),
        who=np.full((KEPT, nodes, nodes), -1, np.int64),
        kept=np.zeros((nodes, nodes), np.int64),
        cut=np.zeros((nodes, nodes), np.bool_),
    )
    choose(flow)
    return flow


@kernel
def choose(flow: Flow) -> None:
    """Put every project where it gains most, of equals where there is room, and fill the lists."""
    projects, homes = flow.weights.shape
    for project in range(projects):
        best, gain = homes, 0
        for home in range(homes):
            weight = flow.weights[project, home]
            if weight > 0 and flow.quotas[home] > 0:
                more = weight - flow.price[home]
                roomier = flow.load[home] < flow.quotas[home] and (
                    best == homes or flow.load[best] >= flow.quotas[best]
                )
                if more > gain or (more == gain and more >= 0 and roomier):
                    best, gain = home, more
        enter(flow, best, project)
    for home in range(homes):
        full = flow.price[home] > 0
        flow.filled[home] = flow.quotas[home] if full else min(flow.load[home], flow.quotas[home])


@part
def enter(flow: Flow, node: int, project: int) -> None:
    """Put a project at a node and into the node's lists."""
    flow.home[project] = node
    flow.load[node] += 1
    following = flow.first[node]
    flow.after[project] = following
    flow.before[project] = -1
    if following >= 0:
        flow.before[following] = project
    flow.first[node] = project
    keep_moves(flow, node, project, False)


@part
def leave(flow: Flow, node: int, project: int) -> None:
    """Take a project from a node and from the node's lists, and refill those that became empty."""
    flow.load[node] -= 1
    earlier, following = flow.before[project], flow.after[project]
    if earlier >= 0:
        flow.after[earlier] = following
    else:
        flow.first[node] = following
    if following >= 0:
        flow.before[following] = earlier
    wanting = False
    for to in range(len(flow.load)):
        forget(flow, node, to, project)
        wanting = wanting or (flow.kept[node, to] == 0 and flow.cut[node, to])
    if wanting:
        refill(flow, node)


@part
def refill(flow: Flow, node: int) -> None:
    """Look through a node's projects once for all its empty lists."""
    for to in range(len(flow.load)):
        if flow.kept[node, to] == 0 and flow.cut[node, to]:
            flow.kept[node, to] = -1
            flow.cut[node, to] = False
    project = flow.first[node]
    while project >= 0:
        keep_moves(flow, node, project, True)
        project = flow.after[project]
    for to in range(len(flow.load)):
        if flow.kept[node, to] < 0:
            flow.kept[node, to] = -1 - flow.kept[node, to]


@part
def keep_moves(flow: Flow, node: int, project: int, refilling: bool) -> None:
    """Put a project into a node's lists; while refilling only into the lists marked by a negative count."""
    homes = flow.weights.shape[1]
    own = 0 if node == homes else flow.weights[project, node]
    for to in range(homes + 1):
        if to == node or (refilling and flow.kept[node, to] >= 0):
            continue
        there = 0 if to == homes else flow.weights[project, to]
        if there > 0 or to == homes:
            keep(flow, node, to, project, own - there)


@part
def keep(flow: Flow, node: int, to: int, project: int, cost: int) -> None:
    """Put one project into one list at its place, by cost and then by number."""
    marked = flow.kept[node, to] < 0
    held = -1 - flow.kept[node, to] if marked else flow.kept[node, to]
    place = held
    while place > 0 and (
        cost < flow.key[place - 1, node, to]
        or (cost == flow.key[place - 1, node, to] and project < flow.who[place - 1, node, to])
    ):
        place -= 1
    # Behind the last one kept there may be cheaper ones that are not kept.
    if place == KEPT or (place == held and flow.cut[node, to] and not marked):
        flow.cut[node, to] = True
        return
    if held == KEPT:
        held -= 1
        flow.cut[node, to] = True
    for at in range(held, place, -1):
        flow.key[at, node, to] = flow.key[at - 1, node, to]
        flow.who[at, node, to] = flow.who[at - 1, node, to]
    flow.key[place, node, to] = cost
    flow.who[place, node, to] = project
    flow.kept[node, to] = -2 - held if marked else held + 1


@part
def forget(flow: Flow, node: int, to: int, project: int) -> None:
    """Take one project out of one list if it is there."""
    held = flow.kept[node, to]
    for place in range(held):
        if flow.who[place, node, to] == project:
            for at in range(place, held - 1):
                flow.key[at, node, to] = flow.key[at + 1, node, to]
                flow.who[at, node, to] = flow.who[at + 1, node, to]
            flow.key[held - 1, node, to] = FAR
            flow.who[held - 1, node, to] = -1
            flow.kept[node, to] = held - 1
            return


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
        end = nearest(flow, excess, distance, origin, via, done)
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


@part
def nearest(
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
        node, least = -1, FAR
        for one in range(nodes):
            if not done[one] and distance[one] < least:
                node, least = one, distance[one]
        if node < 0 or excess[node] < 0:
            return node
        done[node] = True
        spread(flow, node, distance, origin, via, done)


@part
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
        if flow.kept[node, to] > 0:
            length = base + flow.key[0, node, to] + flow.price[to]
            if length < distance[to]:
                distance[to], origin[to], via[to] = length, node, flow.who[0, node, to]
        if node == nowhere and flow.filled[to] > 0 and distance[node] + flow.price[to] < distance[to]:
            distance[to], origin[to], via[to] = distance[node] + flow.price[to], node, -1
        if to == nowhere and flow.filled[node] < flow.quotas[node] and base < distance[to]:
            distance[to], origin[to], via[to] = base, node, -1


@part
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
    nearest(flow, np.zeros(nodes, np.int64), distance, origin, via, done)
    for home in range(nodes - 1):
        flow.price[home] -= min(flow.price[home], distance[home])
