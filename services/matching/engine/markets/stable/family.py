"""The caps of a market as a laminar family: (home unit, industry) within home unit within region."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.market import NONE, Market

Ints = NDArray[np.int64]
NO_LIMIT = 2**62
"""The limit of a set that has none."""


@dataclass(frozen=True, eq=False)
class Family:
    """Each pair lies in one leaf: its home unit's projects of one capped industry, or of all the others.

    ``leaf_of[h, industry + 1]`` is the leaf, column 0 for no industry. Leaves of home unit h are
    ``leaf_start[h]…leaf_end[h]``, those of capped region r ``region_start[r]…region_end[r]``; ``home_region``
    is the place in ``market.region_caps``, −1 where none applies.
    """

    leaf_of: Ints
    leaf_home: Ints
    leaf_start: Ints
    leaf_end: Ints
    leaf_limit: Ints
    home_limit: Ints
    home_region: Ints
    region_limit: Ints
    region_start: Ints
    region_end: Ints


class Usage(NamedTuple):
    """How many projects each set has: per leaf, per home unit, per capped region."""

    leaves: Ints
    homes: Ints
    regions: Ints


def family_of(market: Market) -> Family:
    """Return the family of a market's quotas, industry caps and region caps."""
    homes, regions = market.shape[1], np.arange(len(market.region_caps))
    home_region = np.full(homes, NONE, np.int64)
    for number, (region, _) in enumerate(market.region_caps):
        home_region[market.home_region == region] = number
    caps = np.array(market.industry_caps, np.int64).reshape(-1, 3)
    owner = np.concatenate((np.arange(homes), caps[:, 0]))
    order = np.lexsort((owner, home_region[owner]))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    leaf_of = np.repeat(place[:homes, None], len(market.industries) + 1, axis=1)
    leaf_of[caps[:, 0], caps[:, 1] + 1] = place[homes:]
    leaf_home = owner[order]
    leaf_start = np.full(homes, len(order), np.int64)
    np.minimum.at(leaf_start, leaf_home, np.arange(len(order)))
    return Family(
        leaf_of=np.ascontiguousarray(leaf_of, np.int64),
        leaf_home=leaf_home,
        leaf_start=leaf_start,
        leaf_end=leaf_start + np.bincount(leaf_home, minlength=homes),
        leaf_limit=np.concatenate((np.full(homes, NO_LIMIT), caps[:, 2]))[order],
        home_limit=market.quotas.astype(np.int64),
        home_region=home_region,
        region_limit=np.array([most for _, most in market.region_caps], np.int64),
        region_start=np.searchsorted(home_region[leaf_home], regions, "left"),
        region_end=np.searchsorted(home_region[leaf_home], regions, "right"),
    )


def usage_of(family: Family, column: Ints, assignment: Ints) -> Usage:
    """Return how many projects an assignment puts into each set; ``column`` is industry + 1 per project."""
    taken = np.flatnonzero(assignment != NONE)
    homes = assignment[taken]
    regions = family.home_region[homes]
    return Usage(
        np.bincount(family.leaf_of[homes, column[taken]], minlength=len(family.leaf_home)),
        np.bincount(homes, minlength=len(family.home_limit)),
        np.bincount(regions[regions != NONE], minlength=len(family.region_limit)),
    )
