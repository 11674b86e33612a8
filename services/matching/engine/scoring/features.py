"""What the engine is told about a project and about a home unit, and nothing else.

``None`` always means "not known". An empty set means "known to be none".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

STAGES = (
    "lead",
    "screening",
    "reserve",
    "admitted",
    "incubation",
    "acceleration",
    "rnd",
    "pilot",
    "industrialisation",
    "completed",
    "rejected",
    "withdrawn",
    "failed",
    "landed_elsewhere",
    "terminated",
)
PLANT_CLASSES = (
    "none",
    "office",
    "laboratory",
    "clean_room",
    "light_industrial",
    "heavy_industrial",
    "hazardous",
)

Number = int | float | Decimal


class Source(NamedTuple):
    """The record and field a fact was read from, and the day for which it holds."""

    record_id: str
    field: str
    as_of: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFeatures:
    id: str
    title: str
    stage: str
    summary: str = ""
    industry_codes: tuple[str, ...] = ()
    strategic_fields: tuple[str, ...] = ()
    plant_class: str | None = None
    space_m2: Number | None = None
    fund_amount_cny: Number | None = None
    max_distance_km: Number | None = None
    preferred_home_unit_ids: tuple[str, ...] = ()
    host_lon: float | None = None
    host_lat: float | None = None
    host_cluster_ids: frozenset[str] | None = None
    legal_lock_home_unit_id: str | None = None
    enclave_home_unit_id: str | None = None
    as_of: date | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeUnitFeatures:
    """``landed_count`` of ``admitted_count``: the matured cohort, without projects still incubating."""

    id: str
    name: str
    description: str = ""
    adcode: str | None = None
    city_adcode: str | None = None
    lon: float | None = None
    lat: float | None = None
    cluster_ids: frozenset[str] | None = None
    leading_industries: tuple[str, ...] = ()
    accepted_plant_classes: frozenset[str] | None = None
    available_space_m2: Number | None = None
    accepted_stages: frozenset[str] | None = None
    max_fund_amount_cny: Number | None = None
    remaining_budget_cny: Number | None = None
    policy_supported_fields: frozenset[str] | None = None
    talent_count: int | None = None
    landed_count: int | None = None
    admitted_count: int | None = None
    weights: Mapping[str, int] | None = None
    as_of: date | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
