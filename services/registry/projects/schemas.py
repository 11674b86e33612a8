"""Projects on the wire: one project under one id, from a lead in the host city to production at home."""

from datetime import date
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from services.registry.organisations.schemas import Uscc
from services.registry.projects.stage import Function, PlantClass, Stage
from services.registry.reference.schemas import Place
from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Adcode, Amount, Area, Count, ExternalId, Id, Input, Instant, Name, Output, Text

IndustryCode = Annotated[
    str, Field(pattern=r"^([A-T]|[0-9]{2,4})$", description="GB/T 4754-2017", examples=["2710"])
]
StrategicField = Annotated[str, Field(pattern=r"^[a-z_]{1,60}$", examples=["biotechnology"])]
IndustryCodes = Annotated[list[IndustryCode], Field(max_length=20)]
StrategicFields = Annotated[list[StrategicField], Field(max_length=20)]
HomeUnitIds = Annotated[list[Id], Field(max_length=50)]


class Needs(Input):
    """What the project needs at home; a missing value is unknown, never zero."""

    plant_class: PlantClass | None = None
    space_m2: Area | None = None
    seats: Count | None = None
    fund_amount_cny: Amount | None = None
    max_distance_km: Annotated[float, Field(ge=0, le=20_000)] | None = None
    preferred_home_unit_ids: HomeUnitIds = Field(default_factory=list)


class NeedsRead(Output):
    """What the project needs at home; null is unknown."""

    plant_class: str | None
    space_m2: float | None
    seats: int | None
    fund_amount_cny: Amount | None
    max_distance_km: float | None
    preferred_home_unit_ids: list[str]


class ProjectCreate(Input):
    """A new lead."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "柔性脑机接口电极",
                    "team_name": "示例神经工程团队",
                    "enclave_id": "enc_01jd3v9w8xk4m7q2r5t6y8z0ab",
                    "owner_name": "招商专员",
                    "industry_codes": ["3581"],
                    "needs": {"plant_class": "clean_room", "space_m2": 800},
                }
            ]
        }
    )

    title: Name
    summary: Text = ""
    team_name: Name
    enclave_id: Id | None = None
    operator_id: Id | None = None
    team_organisation_id: Id | None = None
    owner_name: Name | None = None
    uscc: Uscc | None = None
    external_id: ExternalId | None = None
    industry_codes: IndustryCodes = Field(default_factory=list)
    strategic_fields: StrategicFields | None = None
    needs: Needs = Needs()
    host_adcode: Adcode | None = None
    last_contact_on: date | None = None
    synthetic: bool = False
    effective_at: Instant | None = None


class ProjectUpdate(Input):
    """A merge patch: only the fields sent are changed; ``needs`` is replaced as a whole."""

    title: Name = ""
    summary: Text = ""
    team_name: Name = ""
    enclave_id: Id | None = None
    operator_id: Id | None = None
    team_organisation_id: Id | None = None
    owner_name: Name | None = None
    uscc: Uscc | None = None
    external_id: ExternalId | None = None
    industry_codes: IndustryCodes = Field(default_factory=list)
    strategic_fields: StrategicFields | None = None
    needs: Needs = Needs()
    host_adcode: Adcode | None = None
    last_contact_on: date | None = None


class ProjectRead(Output):
    """A project as its parties see it."""

    id: str
    title: str
    summary: str
    stage: str
    enclave_id: str | None
    operator_id: str | None
    home_unit_ids: list[str]
    team_name: str
    team_organisation_id: str | None
    owner_name: str | None
    uscc: str | None
    external_id: str | None
    industry_codes: list[str]
    strategic_fields: list[str]
    needs: NeedsRead
    host_adcode: str | None
    host_place: Place | None
    last_contact_on: date | None
    reserve_score: float | None
    admitted_at: Instant | None
    party_ids: list[str]
    synthetic: bool
    version: int
    created_at: Instant
    updated_at: Instant


class ProjectProposal(Input):
    """The home units a project is proposed to; they see it from then on."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"home_unit_ids": ["org_01jd3v9w8xk4m7q2r5t6y8z0ab"]}]}
    )

    home_unit_ids: Annotated[list[Id], Field(min_length=1, max_length=50)]


class FunctionPlaceCreate(Input):
    """Where a function sits from a day on. A place without an end is closed by the next one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"function": "rnd", "adcode": "310112", "starts_on": "2026-03-01"}]}
    )

    function: Function
    adcode: Adcode
    starts_on: date
    ends_on: date | None = None


class FunctionPlaceRead(Output):
    """Where a function sits; both days belong to the period, and no end means that it is there now."""

    id: str
    project_id: str
    function: str
    adcode: str
    place: Place
    starts_on: date
    ends_on: date | None
    version: int
    created_at: Instant
    updated_at: Instant


class FunctionPlaces(Output):
    """All places of a project's functions, oldest first."""

    items: list[FunctionPlaceRead]


class TransitionRead(Output):
    """One entry of the log of a project's three tracks; entries are never changed."""

    id: str
    project_id: str
    track: str
    subject_id: str
    from_state: str | None
    to_state: str
    actor_kind: str
    actor_id: str
    actor_organisation_id: str | None
    evidence_ids: list[str]
    reason: str | None
    forced: bool
    details: dict[str, Any]
    effective_at: Instant
    recorded_at: Instant


class Transitions(Output):
    """The log of one subject in the order in which it was recorded."""

    items: list[TransitionRead]


PROJECT_LIST = ListSpec(
    filters={
        "stage": Filter(choices=tuple(Stage)),
        "enclave_id": Filter(),
        "operator_id": Filter(),
        "team_organisation_id": Filter(),
        "industry": Filter(operators=("eq",), description="A GB/T 4754 section, division or class."),
        "title": Filter(operators=("eq", "contains")),
        "uscc": Filter(operators=("eq",)),
        "external_id": Filter(),
        "synthetic": Filter(bool, ("eq",)),
    },
    sorts=("created_at", "updated_at"),
)

PROJECT_CREATED = EventType(
    "project.created",
    ProjectRead,
    "A project was found",
    "发现项目",
    description_en="A lead was recorded; from now on it keeps this id until production.",
    description_zh="登记了一条项目线索；自此至投产沿用同一编号。",
)
PROJECT_UPDATED = EventType(
    "project.updated",
    ProjectRead,
    "A project changed",
    "项目信息变更",
    description_en="Fields or parties of a project changed; for its stage see `project.stage_changed`.",
    description_zh="项目字段或当事方变更；阶段变更见 `project.stage_changed`。",
)
PROJECT_PROPOSED = EventType(
    "project.proposed",
    ProjectRead,
    "A project was proposed to home units",
    "项目推荐给飞出地",
    description_en="A project was proposed to home units, which see it from now on.",
    description_zh="项目已推荐给飞出地，对方自此可见该项目。",
)
PROJECT_STAGE_CHANGED = EventType(
    "project.stage_changed",
    ProjectRead,
    "A project changed its stage",
    "项目阶段变更",
    description_en="A project took a step forwards, back or out; `previous.stage` is where it was.",
    description_zh="项目阶段前进、退回或退出；`previous.stage` 为原阶段。",
)
FUNCTION_PLACE_CHANGED = EventType(
    "function_place.changed",
    FunctionPlaceRead,
    "A function of a project has a place",
    "项目职能所在地变更",
    description_en="A function of a project has a place from a day on, or its period there ended.",
    description_zh="项目的一项职能（如研发、生产）自某日起位于某地，或该期间已结束。",
)
