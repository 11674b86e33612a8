"""Soft lower quotas: home units that are short ask first, for no more projects than they lack."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.stable.acceptance import Outcome, accept
from services.matching.engine.markets.stable.certificate import certificate
from services.matching.engine.markets.stable.family import Family, usage_of
from services.matching.engine.markets.stable.lists import Lists

Ints = NDArray[np.int64]


def soft(market: Market, lists: Lists, family: Family, outcome: Outcome) -> tuple[Outcome, dict[str, Any]]:
    """Return the assignment after short home units have asked first, with kind ``soft_lower_quotas``.

    A short home unit takes, up to its lower quota, projects that list it and whose present home unit has more
    than its own: those that fall the fewest places in their list, then by its priorities. The rest is matched
    again around them, until nobody is short or nobody is left to ask. ``reserved`` names them; every blocking
    pair is counted.
    """
    reserved: dict[int, int] = {}
    fixed = {one.project: one.home for one in market.commitments if one.kind == "fixed"}
    while asked := _ask(market, lists, family, outcome.assignment, fixed | reserved):
        reserved |= asked
        outcome = accept(lists.bound_to(reserved), family)
    proof = certificate(market, lists, family, outcome.assignment, outcome.lifted, False)
    return outcome, {
        **proof,
        "kind": "soft_lower_quotas",
        "reserved": [list(one) for one in sorted(reserved.items())],
    }


def _ask(
    market: Market, lists: Lists, family: Family, assignment: Ints, bound: dict[int, int]
) -> dict[int, int]:
    filled = np.bincount(assignment[assignment != NONE], minlength=market.shape[1])
    surplus, room = filled - market.lower_quotas, _Room(market, lists, family, bound)
    held, keys = lists.held(assignment), lists.keys()
    asked: dict[int, int] = {}
    for home in np.flatnonzero(surplus < 0).tolist():
        lacking = -int(surplus[home])
        entries = np.flatnonzero(lists.homes == home)
        projects = np.searchsorted(lists.ends, entries, side="right")
        fall = np.where(assignment[projects] == NONE, NONE, entries - held[projects])
        for at in np.lexsort((keys[entries], fall)).tolist():
            project, present = int(projects[at]), int(assignment[projects[at]])
            if lacking == 0:
                break
            if project in bound or project in asked or present == home:
                continue
            if present != NONE and surplus[present] <= 0:
                continue
            if room.take(project, home):
                asked[project] = home
                lacking -= 1
                if present != NONE:
                    surplus[present] -= 1
    return asked


class _Room:
    """What the sets still hold besides the projects that are bound."""

    def __init__(self, market: Market, lists: Lists, family: Family, bound: dict[int, int]) -> None:
        assignment = np.full(market.shape[0], NONE, np.int64)
        for project, home in bound.items():
            assignment[project] = home
        self.family, self.column = family, lists.column
        self.leaves, self.homes, self.regions = usage_of(family, lists.column, assignment)
        self.least = market.lower_quotas

    def take(self, project: int, home: int) -> bool:
        """Take a place if every set has one and the home unit's bound projects are below its lower quota."""
        family, region = self.family, int(self.family.home_region[home])
        leaf = int(family.leaf_of[home, self.column[project]])
        if self.leaves[leaf] >= family.leaf_limit[leaf] or self.homes[home] >= self.least[home]:
            return False
        if region != NONE and self.regions[region] >= family.region_limit[region]:
            return False
        self.leaves[leaf] += 1
        self.homes[home] += 1
        if region != NONE:
            self.regions[region] += 1
        return True
