"""Profiles of home units on the wire: what a home unit takes, offers and weighs."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from shared.db.keyset import ListSpec
from shared.messaging.outbox import EventType
from shared.types import Amount, Count, Input, Instant, Output, Text, decimal_text


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
}


class ProfilePut(Input):
    """The whole profile. A field left out or null is not known, never zero and never "anything goes"."""

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
