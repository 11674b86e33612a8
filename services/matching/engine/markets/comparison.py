"""Two results on one snapshot side by side: what stability or fairness costs, and for whom it is better."""

from collections.abc import Callable
from typing import Any

import numpy as np

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidConfiguration
from services.matching.engine.markets.market import FULL, NONE, Ints, Market
from services.matching.engine.markets.result import Result
from services.matching.engine.markets.terms import Scores, adjusted_scores, pair_weights

_PLAIN = Configuration("welfare")


def compare(first: Result, second: Result) -> dict[str, Any]:
    """Return the figures of both by the same yardstick, and how the projects fare in the second.

    ``price_of_stability_ppm``: what a stable result loses of the welfare of the other;
    ``price_of_fairness_ppm`` likewise for a fair one beside one that is not; None where the two are no such
    pair. Raises ``InvalidConfiguration`` for results of different snapshots.
    """
    market = first.market
    if market.hash != second.market.hash:
        raise InvalidConfiguration(
            "two results of different snapshots cannot be compared", "不同快照的两个结果无法比较"
        )
    scores, weights = adjusted_scores(market), pair_weights(market, _PLAIN)
    sides = [_side(market, scores, weights, one.assignment) for one in (first, second)]
    before, after = (_own(scores, one.assignment) for one in (first, second))
    return {
        "first": sides[0],
        "second": sides[1],
        "projects_better": int(np.count_nonzero(after > before)),
        "projects_worse": int(np.count_nonzero(after < before)),
        "projects_same": int(np.count_nonzero(after == before)),
        "moves": np.flatnonzero(first.assignment != second.assignment).tolist(),
        "price_of_stability_ppm": _price(first, second, sides, _is_stable),
        "price_of_fairness_ppm": _price(first, second, sides, _is_fair),
    }


def _is_stable(result: Result) -> bool:
    return result.configuration.mechanism == "stable"


def _is_fair(result: Result) -> bool:
    return result.configuration.fairness != "none"


def _price(
    first: Result, second: Result, sides: list[dict[str, Any]], has: Callable[[Result], bool]
) -> int | None:
    """Return what the one that has a property loses of the welfare of the one that has not, rounded up."""
    if has(first) == has(second):
        return None
    with_it, without = (sides[0], sides[1]) if has(first) else (sides[1], sides[0])
    best: int = without["welfare"]
    lost: int = best - with_it["welfare"]
    return -(-lost * 1_000_000 // max(best, 1))


def _side(market: Market, scores: Scores, weights: Ints, assignment: Ints) -> dict[str, Any]:
    taken = np.flatnonzero(assignment != NONE)
    at = assignment[taken]
    welfare = np.zeros(market.shape[1], np.int64)
    np.add.at(welfare, at, weights[taken, at])
    can = np.flatnonzero((market.quotas > 0) & market.permitted.any(axis=0))
    per_place = welfare[can] // market.quotas[can]
    return {
        "matched": len(taken),
        "welfare": int(welfare.sum()),
        "least_home_welfare_per_place": int(per_place.min()) if can.size else 0,
        "blocking_pairs": blocking_pairs(market, scores, assignment),
    }


def _own(scores: Scores, assignment: Ints) -> Ints:
    """Return what each project thinks of what it has, −1 for nothing."""
    own, taken = np.full(len(assignment), NONE, np.int64), np.flatnonzero(assignment != NONE)
    own[taken] = scores.u[taken, assignment[taken]]
    return own


def blocking_pairs(market: Market, scores: Scores, assignment: Ints) -> int:
    """Count pairs that both would rather have, by what they think of each other, ties not counting.

    A fixed project wishes for nothing else. The home unit has room under its quota, its caps and its
    region's, or the smallest of these that is full has somebody whom its home unit thinks less of. A demand
    has to fit into what is left, or into what that project leaves.
    """
    own, found = _own(scores, assignment), 0
    own[[one.project for one in market.commitments if one.kind == "fixed"]] = FULL
    for home in range(market.shape[1]):
        wishing = np.flatnonzero(scores.u[:, home] > own)
        for industry in np.unique(market.project_industry[wishing]).tolist():
            mine = wishing[market.project_industry[wishing] == industry]
            bar, freed = _bar(market, scores, assignment, home, industry)
            fits = np.ones(len(mine), np.bool_)
            for resource in market.resources:
                if resource.home == home:
                    demand = market.demands[resource.demand]
                    left = resource.capacity - int(demand[assignment == home].sum())
                    left += int(demand[freed]) if freed != NONE and assignment[freed] == home else 0
                    fits &= demand[mine] <= left
            found += int(np.count_nonzero(fits & (scores.v[mine, home] > bar)))
    return found


def _bar(market: Market, scores: Scores, assignment: Ints, home: int, industry: int) -> tuple[int, int]:
    """Return what has to be exceeded at a home unit, and who leaves then; −1 and −1 if there is room."""
    there = assignment == home
    region = market.home_region[home]
    sets = [
        (there & (market.project_industry == industry), most)
        for at, kind, most in market.industry_caps
        if (at, kind) == (home, industry)
    ]
    sets.append((there, int(market.quotas[home])))
    inside = np.append(market.home_region, NONE - 1)[assignment] == region
    sets += [(inside, most) for at, most in market.region_caps if at == region]
    bound = {one.project for one in market.commitments if one.kind == "fixed"}
    for members, most in sets:
        taken = np.flatnonzero(members)
        if len(taken) >= most:
            free = [project for project in taken.tolist() if project not in bound]
            if not free:
                return 1 << 30, NONE
            worst = min(free, key=lambda project: (int(scores.v[project, assignment[project]]), project))
            return int(scores.v[worst, assignment[worst]]), worst
    return NONE, NONE
