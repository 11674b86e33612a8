"""Whether an assignment keeps every rule of its market, as a table that says how full everything is."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.market import NONE, Market

Row = dict[str, Any]
"""``rule``, whom it concerns by index, ``used`` and ``limit``."""


def table(market: Market, assignment: NDArray[np.int64]) -> list[Row]:
    """Return every limit with what the assignment uses of it, in a fixed order."""
    return list(_rows(market, assignment))


def _rows(market: Market, assignment: NDArray[np.int64]) -> Iterator[Row]:
    taken = np.flatnonzero(assignment != NONE)
    homes = assignment[taken]
    filled = np.bincount(homes, minlength=market.shape[1])
    for home, quota in enumerate(market.quotas.tolist()):
        yield {"rule": "quota", "home_unit": home, "used": int(filled[home]), "limit": quota}
    for home, industry, most in market.industry_caps:
        used = np.count_nonzero((homes == home) & (market.project_industry[taken] == industry))
        whom = {"home_unit": home, "industry": industry}
        yield {"rule": "industry_cap", **whom, "used": int(used), "limit": most}
    for region, most in market.region_caps:
        used = np.count_nonzero(market.home_region[homes] == region)
        yield {"rule": "region_cap", "region": region, "used": int(used), "limit": most}
    for resource in market.resources:
        used = market.demands[resource.demand, taken[homes == resource.home]].sum()
        whom = {"home_unit": resource.home, "demand": resource.demand}
        yield {"rule": "resource", **whom, "used": int(used), "limit": resource.capacity}


def broken(market: Market, assignment: NDArray[np.int64]) -> list[Row]:
    """Return what an assignment breaks: limits, pairs not permitted, fixed commitments not kept."""
    found = [row for row in table(market, assignment) if row["used"] > row["limit"]]
    for project, home in enumerate(assignment.tolist()):
        if home != NONE and market.u[project, home] == NONE and not _is_fixed(market, project, home):
            found.append({"rule": "permitted", "project": project, "home_unit": home})
    for one in market.commitments:
        if one.kind == "fixed" and assignment[one.project] != one.home:
            found.append({"rule": "fixed", "project": one.project, "home_unit": one.home})
    return found


def _is_fixed(market: Market, project: int, home: int) -> bool:
    return any(one[:3] == (project, home, "fixed") for one in market.commitments)


def short_of_lower_quotas(market: Market, assignment: NDArray[np.int64]) -> list[list[int]]:
    """Return [home unit, projects it has, projects it was to have at least] where that is missed."""
    filled = np.bincount(assignment[assignment != NONE], minlength=market.shape[1])
    short = np.flatnonzero(filled < market.lower_quotas)
    return [[int(home), int(filled[home]), int(market.lower_quotas[home])] for home in short]
