"""The snapshot of a round: projects, home units and every rule between them, as integer columns.

Rows and columns stand in the order of their ids, so that one content has one snapshot and one hash.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.canonical import digest

NONE = -1
"""No industry, no region, no home unit; in ``u`` and ``v``: a pair that is not permitted."""
FULL = 1_000_000
"""The best a side can think of the other."""

Ints = NDArray[np.int64]


class Resource(NamedTuple):
    """What a home unit has ``capacity`` of and each project takes ``Market.demands[demand]`` of."""

    home: int
    demand: int
    capacity: int


class Commitment(NamedTuple):
    """What binds a project to a home unit, and the party that said so.

    ``fixed``: assigned before anything else. ``first_refusal``: the project goes elsewhere only if this home
    unit's places go to projects it ranks higher. ``weight``: ``value`` millionths on top of what either side
    thinks of the other.
    """

    project: int
    home: int
    kind: Literal["fixed", "first_refusal", "weight"]
    value: int
    set_by: str


@dataclass(frozen=True, eq=False)
class Market:
    """P projects and H home units; build it with ``building.market_of`` which checks everything.

    ``u[p, h]`` is what project p thinks of home unit h and ``v[p, h]`` the reverse: 0…1,000,000, or −1 where
    the pair is not permitted. ``demands`` has a row per kind of demand (space in m², funds in CNY) and a
    column per project.
    """

    project_ids: tuple[str, ...]
    home_unit_ids: tuple[str, ...]
    u: NDArray[np.int32]
    v: NDArray[np.int32]
    quotas: Ints
    lower_quotas: Ints
    industries: tuple[str, ...] = ()
    project_industry: Ints = None  # type: ignore[assignment]
    regions: tuple[str, ...] = ()
    home_region: Ints = None  # type: ignore[assignment]
    industry_caps: tuple[tuple[int, int, int], ...] = ()
    """(home unit, industry, most projects)."""
    region_caps: tuple[tuple[int, int], ...] = ()
    """(region, most projects)."""
    demand_names: tuple[str, ...] = ()
    demands: Ints = None  # type: ignore[assignment]
    resources: tuple[Resource, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    previous: Ints | None = None
    """Where each project was before, −1 for nowhere; None if this is no re-match."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return how many projects and home units there are."""
        return len(self.project_ids), len(self.home_unit_ids)

    @property
    def permitted(self) -> NDArray[np.bool_]:
        """Return which pairs pass every gate, P × H."""
        return self.u >= 0

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256 of the snapshot."""
        return digest(self.document())

    def document(self) -> dict[str, Any]:
        """Return the snapshot as it is published and hashed."""
        return {
            "projects": list(self.project_ids),
            "home_units": list(self.home_unit_ids),
            "pairs": _pairs(self.u, self.v),
            "quotas": self.quotas.tolist(),
            "lower_quotas": self.lower_quotas.tolist(),
            "industries": list(self.industries),
            "project_industry": self.project_industry.tolist(),
            "regions": list(self.regions),
            "home_unit_region": self.home_region.tolist(),
            "industry_caps": [list(cap) for cap in self.industry_caps],
            "region_caps": [list(cap) for cap in self.region_caps],
            "demand_names": list(self.demand_names),
            "demands": self.demands.tolist(),
            "resources": [list(resource) for resource in self.resources],
            "commitments": [list(commitment) for commitment in self.commitments],
            "previous": None if self.previous is None else self.previous.tolist(),
        }


def _pairs(u: NDArray[np.int32], v: NDArray[np.int32]) -> list[list[list[int]]]:
    """Return per project the permitted home units as [home unit, u, v], by home unit."""
    found: list[list[list[int]]] = []
    for ours, theirs in zip(u, v, strict=True):
        homes = np.flatnonzero(ours >= 0)
        found.append(np.stack((homes, ours[homes], theirs[homes]), axis=1).tolist())
    return found
