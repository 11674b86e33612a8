"""Rights of first refusal: a project goes elsewhere only if the places there go to those ranked as high."""

from collections.abc import Callable

import numpy as np

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.feasibility import broken
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.room import fixed_places
from services.matching.engine.markets.terms import adjusted_scores, pair_weights
from services.matching.engine.markets.welfare.problem import Ints

Pairs = list[tuple[int, int]]


def with_rights(
    market: Market, configuration: Configuration, decide: Callable[[Ints], Ints]
) -> tuple[Ints, Pairs, Pairs]:
    """Return an assignment, the pairs that rights brought about, and those whose right could not be kept.

    ``decide`` assigns the rest around the given places; where it passes a right over, the project gets its
    place and it decides again.
    """
    place = fixed_places(market)
    assignment, used, waived = decide(place), Pairs(), Pairs()
    while passed := [pair for pair in passed_over(market, configuration, assignment) if pair not in waived]:
        project, home = passed[0]
        place[project] = home
        if broken(market, place):
            place[project] = NONE
            waived.append((project, home))
            continue
        used.append((project, home))
        assignment = decide(place)
    return assignment, used, waived


def passed_over(market: Market, configuration: Configuration, assignment: Ints) -> Pairs:
    """Return (project, home unit) of each right of first refusal that an assignment passes over."""
    rights = [one for one in market.commitments if one.kind == "first_refusal"]
    if not rights:
        return []
    weights, v = pair_weights(market, configuration), adjusted_scores(market).v
    fixed, found = fixed_places(market), Pairs()
    for one in rights:
        if fixed[one.project] != NONE or assignment[one.project] == one.home:
            continue
        there = np.flatnonzero(assignment == one.home)
        free = there[fixed[there] == NONE]
        outranks = bool((v[free, one.home] < v[one.project, one.home]).any())
        if weights[one.project, one.home] > 0 and (len(there) < market.quotas[one.home] or outranks):
            found.append((one.project, one.home))
    return sorted(found)
