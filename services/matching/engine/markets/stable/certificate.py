"""What proves that a round is stable: how full every set is, and the worst it took."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.feasibility import short_of_lower_quotas, table
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.stable.family import NO_LIMIT, Family, usage_of
from services.matching.engine.markets.stable.lists import Lists

Ints = NDArray[np.int64]


class Bars(NamedTuple):
    """Per set, in leaves, home units and regions: the worst key taken if the set is full, else −1.

    ``full`` says which are; ``last_home`` is the region's home unit that holds the worst.
    """

    full: tuple[NDArray[np.bool_], ...]
    used: tuple[Ints, ...]
    worst: tuple[Ints, ...]
    last_home: Ints


def bars_of(lists: Lists, family: Family, assignment: Ints) -> Bars:
    """Return how high each set's bar stands under an assignment."""
    held = lists.held(assignment)
    taken = np.flatnonzero(assignment != NONE)
    keys, homes = lists.keys()[held[taken]], assignment[taken]
    leaves, regions = family.leaf_of[homes, lists.column[taken]], family.home_region[homes]
    used = usage_of(family, lists.column, assignment)
    limits = (family.leaf_limit, family.home_limit, family.region_limit)
    full = tuple(one >= limit for one, limit in zip(used, limits, strict=True))
    ranked = keys * len(family.home_limit) + homes
    worst = []
    for place, size in ((leaves, len(limits[0])), (homes, len(limits[1])), (regions, len(limits[2]))):
        found = np.full(size + 1, NONE, np.int64)
        np.maximum.at(found, place, ranked)
        worst.append(found[:-1])
    last_home = np.where(worst[2] == NONE, NONE, worst[2] % max(len(family.home_limit), 1))
    bars = [
        np.where(is_full, one // max(len(family.home_limit), 1), NONE)
        for is_full, one in zip(full, worst, strict=True)
    ]
    return Bars(full, tuple(used), tuple(bars), last_home)


def blocking(
    lists: Lists, family: Family, assignment: Ints, bars: Bars, by_class: bool = False
) -> tuple[Ints, Ints]:
    """Return the blocking pairs as projects and home units.

    A pair blocks if the project prefers it and the smallest full set it lies in, if there is one, took a
    project that is worse: by priority, or by a worse class only.
    """
    owners = lists.owners()
    better = np.flatnonzero(np.arange(len(owners)) < lists.held(assignment)[owners])
    projects, homes = owners[better], lists.homes[better]
    leaf, region = family.leaf_of[homes, lists.column[projects]], family.home_region[homes]
    keys = lists.classes[better] * lists.span + lists.number[projects]
    conditions = [bars.full[0][leaf], bars.full[1][homes]]
    levels = [bars.worst[0][leaf], bars.worst[1][homes]]
    tie = np.zeros(len(better), bool)
    if len(bars.full[2]):
        capped = region != NONE
        conditions.append(capped & bars.full[2][region])
        levels.append(bars.worst[2][region])
        above = ~conditions[0] & ~conditions[1] & conditions[2]
        tie = above & (keys == levels[2]) & (homes < bars.last_home[region])
    bar = np.select(conditions, levels, NO_LIMIT)
    if by_class:
        keys, bar, tie = keys // max(lists.span, 1), bar // max(lists.span, 1), np.zeros(len(better), bool)
    blocks = (keys < bar) | tie
    return projects[blocks], homes[blocks].astype(np.int64)


def cutoffs(market: Market, family: Family, bars: Bars) -> list[dict[str, Any]]:
    """Return limit, use and cutoff of every home unit, then industry cap, then region cap."""
    rows = []
    for home, limit in enumerate(market.quotas.tolist()):
        rows.append(_row("home_unit", (home, NONE, NONE), limit, bars.used[1][home], bars.worst[1][home]))
    for home, industry, limit in market.industry_caps:
        leaf = family.leaf_of[home, industry + 1]
        rows.append(_row("industry", (home, industry, NONE), limit, bars.used[0][leaf], bars.worst[0][leaf]))
    for number, (region, limit) in enumerate(market.region_caps):
        worst = bars.worst[2][number]
        rows.append(_row("region", (NONE, NONE, region), limit, bars.used[2][number], worst))
    return rows


def _row(kind: str, whom: tuple[int, int, int], limit: int, used: Any, cutoff: Any) -> dict[str, Any]:
    names = dict(zip(("home_unit", "industry", "region"), whom, strict=True))
    return {"set": kind, **names, "limit": limit, "used": int(used), "cutoff": int(cutoff)}


def certificate(
    market: Market, lists: Lists, family: Family, assignment: Ints, lifted: Ints, promotion: bool
) -> dict[str, Any]:
    """Return the certificate of stability, with the blocking pairs as counted, not as promised."""
    bars = bars_of(lists, family, assignment)
    held = lists.held(assignment)
    lengths = lists.ends - lists.starts
    made = held - lists.starts + (held < lists.ends) + lengths * lifted
    promoted = {"promoted": np.flatnonzero(lifted).tolist()} if promotion else {}
    return {
        "kind": "stability",
        **promoted,
        "feasibility": table(market, assignment),
        "cutoffs": cutoffs(market, family, bars),
        "blocking_pairs": len(blocking(lists, family, assignment, bars, promotion)[0]),
        "blocking_by": "class" if promotion else "key",
        "proposals": int(made.sum()),
        "short_of_lower_quotas": short_of_lower_quotas(market, assignment),
        "lower_quotas_possible": possible(market, family, assignment, bars, promotion),
    }


def possible(market: Market, family: Family, assignment: Ints, bars: Bars, promotion: bool) -> bool | None:
    """Return whether a stable assignment under this lottery can meet every lower quota; None if unknown.

    Every stable assignment fills a home unit equally (rural hospitals): so does any, unless the home unit
    shares a region cap that is full, or promotion makes stability weak.
    """
    short = [home for home, _, _ in short_of_lower_quotas(market, assignment)]
    if not short:
        return True
    shared = family.home_region[short]
    decided = [region == NONE or not bars.full[2][region] for region in shared.tolist()]
    return False if any(decided) and not promotion else None
