"""Profiles of home units on the wire: what a home unit takes, offers and weighs."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from shared.db.keyset import ListSpec
from shared.messaging.outbox import EventType
from shared.types import Amount, Count, Id, Input, Instant, Name, Output, Text, decimal_text


class AcceptedStage(StrEnum):
    """Stages of a project that has not ended."""

    LEAD = "lead"
    SCREENING = "screening"
    RESERVE = "reserve"
    ADMITTED = "admitted"
    INCUBATION = "incubation"
    ACCELERATION = "acceleration"
    RND = "rnd"
    PILOT = "pilot"
    INDUSTRIALISATION = "industrialisation"


class PlantClass(StrEnum):
    """Classes of plant a home unit can offer."""

    NONE = "none"
    OFFICE = "office"
    LABORATORY = "laboratory"
    CLEAN_ROOM = "clean_room"
    LIGHT_INDUSTRIAL = "light_industrial"
    HEAVY_INDUSTRIAL = "heavy_industrial"
    HAZARDOUS = "hazardous"


IndustryKey = Annotated[
    str,
    Field(
        pattern=r"^([A-T]|[0-9]{2,4}|[a-z][a-z_]{1,59})$",
        description="GB/T 4754-2017 section, division, group or class, or a strategic emerging industry.",
        examples=["2710", "biotechnology"],
    ),
]
IndustryKeys = Annotated[list[IndustryKey], Field(max_length=200)]
_CAP = r"[0-9]{1,13}(\.[0-9]{1,2})?"
SpaceM2 = Annotated[float, Field(ge=0, le=1e8)]


CapCny = Annotated[Decimal, *decimal_text(f"^{_CAP}$", "5000000.00")]
Weight = Annotated[int, Field(ge=0, le=1000)]


Period = Annotated[
    str,
    Field(
        pattern=r"^20[0-9]{2}(-H[12]|-Q[1-4])?$",
        description="A year, half-year or quarter of the calendar.",
        examples=["2026", "2026-H1", "2026-Q3"],
    ),
]
Division = Annotated[
    str,
    Field(pattern=r"^[0-9]{2}$", description="A division of GB/T 4754-2017, 01 to 97.", examples=["27"]),
]


class Weights(Input):
    """How much each criterion counts for this home unit; only their proportions matter."""

    industry_fit: Weight = 0
    text_similarity: Weight = 0
    plant_and_space: Weight = 0
    fund_within_caps: Weight = 0
    distance: Weight = 0
    city_cluster: Weight = 0
    track_record: Weight = 0
    team_preference: Weight = 0
    talent: Weight = 0
    own_enclave: Weight = 0


class WeightsRead(Output):
    """The weights as the home unit set them."""

    industry_fit: int
    text_similarity: int
    plant_and_space: int
    fund_within_caps: int
    distance: int
    city_cluster: int
    track_record: int
    team_preference: int
    talent: int
    own_enclave: int


class Quota(Input):
    """How many projects a home unit takes in a period, and how many at least."""

    period: Period
    projects: Count
    at_least: Count = 0


class QuotaRead(Output):
    """A quota as it was set."""

    period: str
    projects: int
    at_least: int


class IndustryCap(Input):
    """How many projects of one industry a home unit takes."""

    industry: Division
    projects: Count


class IndustryCapRead(Output):
    """A cap as it was set."""

    industry: str
    projects: int


class BudgetKind(StrEnum):
    """Where the money of a budget comes from."""

    FUND = "fund"
    POLICY = "policy"


class Budget(Input):
    """One fund or policy and what is left of it.

    Without a cap per project only what is left limits; without fields every project may draw on it; without
    a day it is open on that side.
    """

    name: Name
    kind: BudgetKind
    remaining_cny: CapCny
    per_project_cap_cny: CapCny | None = None
    supported_fields: IndustryKeys | None = None
    valid_from: date | None = None
    valid_to: date | None = None


class BudgetRead(Output):
    """A budget as it was set."""

    name: str
    kind: str
    remaining_cny: Amount
    per_project_cap_cny: Amount | None
    supported_fields: list[str] | None
    valid_from: date | None
    valid_to: date | None


class Preference(Input):
    """A project the home unit would like to have; priority 1 is wanted most."""

    project_id: Id
    priority: Annotated[int, Field(ge=1, le=5)]
    reason: Annotated[str, Field(max_length=500)] = ""


class PreferenceRead(Output):
    """A preference as it was set."""

    project_id: str
    priority: int
    reason: str


_EXAMPLE: JsonDict = {
    "description": "生物医药与高端医疗器械产业集聚区，拥有 GMP 标准厂房",
    "leading_industries": ["2710", "3581", "biotechnology"],
    "accepted_stages": ["reserve", "incubation", "rnd", "pilot"],
    "accepted_plant_classes": ["laboratory", "clean_room", "light_industrial"],
    "available_space_m2": 21000,
    "max_fund_amount_cny": "5000000.00",
    "remaining_budget_cny": "36000000.00",
    "policy_supported_fields": ["biotechnology"],
    "talent_count": 320,
    "figures_as_of": "2026-10-31",
    "quotas": [{"period": "2027-H1", "projects": 6, "at_least": 1}],
    "industry_caps": [{"industry": "27", "projects": 4}],
    "budgets": [
        {
            "name": "生物医药产业引导基金",
            "kind": "fund",
            "remaining_cny": "30000000.00",
            "per_project_cap_cny": "5000000.00",
            "supported_fields": ["biotechnology"],
            "valid_to": "2027-12-31",
        }
    ],
    "preferences": [
        {
            "project_id": "prj_01jd3v9w8xk4m7q2r5t6y8z0ab",
            "priority": 1,
            "reason": "与现有抗体药物产线互补",
        }
    ],
}


class ProfilePut(Input):
    """The whole profile. A field left out or null is not known, never zero and never "anything goes".

    The order within quotas, caps, budgets and preferences means nothing.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    description: Text = ""
    leading_industries: IndustryKeys = Field(default_factory=list)
    accepted_stages: Annotated[list[AcceptedStage], Field(max_length=20)] | None = None
    accepted_plant_classes: Annotated[list[PlantClass], Field(max_length=20)] | None = None
    available_space_m2: SpaceM2 | None = None
    max_fund_amount_cny: CapCny | None = None
    remaining_budget_cny: CapCny | None = None
    policy_supported_fields: IndustryKeys | None = None
    talent_count: Count | None = None
    weights: Weights | None = None
    figures_as_of: date | None = None
    quotas: Annotated[list[Quota], Field(max_length=40)] | None = None
    industry_caps: Annotated[list[IndustryCap], Field(max_length=200)] | None = None
    budgets: Annotated[list[Budget], Field(max_length=50)] | None = None
    preferences: Annotated[list[Preference], Field(max_length=200)] | None = None
    synthetic: bool = False


class ProfileRead(Output):
    """What a home unit takes, offers and weighs; only itself and the network's administration see this."""

    home_unit_id: str
    description: str
    leading_industries: list[str]
    accepted_stages: list[str] | None
    accepted_plant_classes: list[str] | None
    available_space_m2: float | None
    max_fund_amount_cny: Amount | None
    remaining_budget_cny: Amount | None
    policy_supported_fields: list[str] | None
    talent_count: int | None
    weights: WeightsRead | None
    figures_as_of: date | None
    quotas: list[QuotaRead] | None
    industry_caps: list[IndustryCapRead] | None
    budgets: list[BudgetRead] | None
    preferences: list[PreferenceRead] | None
    synthetic: bool
    version: int
    created_at: Instant
    updated_at: Instant


class ProfileVersionRead(Output):
    """One version of a profile and who set it."""

    id: str
    version: int
    changed: list[str]
    actor_kind: str
    actor_id: str
    actor_organisation_id: str | None
    recorded_at: Instant
    profile: ProfileRead


PROFILE_VERSION_LIST = ListSpec(sorts=("version",), default_sort="-version")

PROFILE_UPDATED = EventType(
    "home_unit_profile.updated",
    ProfileRead,
    "A home unit changed its profile",
    "飞出地更新画像",
    description_en="What a home unit takes, offers or weighs changed; others do not get this event.",
    description_zh="飞出地所收、所供或所重发生变更；其他方收不到此事件。",
)
