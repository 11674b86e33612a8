"""Landings on the wire: what a project promised a home unit, and how far it has kept it."""

from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field

from services.registry.landings.guards import LandingState
from services.registry.organisations.schemas import Uscc
from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Adcode, Amount, Count, Id, Input, Instant, Name, Output, Text

EvidenceIds = Annotated[list[Id], Field(max_length=50)]
Percent = Annotated[float, Field(ge=0, le=10_000)]


class LandingCreate(Input):
    """The intent of a project to land at a home unit."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project_id": "prj_01jd3v9w8xk4m7q2r5t6y8z0ab",
                    "home_unit_id": "org_01jd3v9w8xk4m7q2r5t6y8z0ab",
                }
            ]
        }
    )

    project_id: Id
    home_unit_id: Id
    effective_at: Instant | None = None


class Commitments(Input):
    """What the project promises the home unit."""

    amount_cny: Amount
    start_on: date
    annual_output_cny: Amount
    annual_tax_cny: Amount
    jobs: Count
    grace_working_days: Annotated[int, Field(ge=0, le=500)] = 20


class Compliance(Input):
    """What the compliance check looks at; a warning needs a named approver."""

    reinvestment_percent: Percent
    relocation_clause: bool
    approver_name: Name | None = None


class LegalEntity(Input):
    """The company that the project registered at home."""

    name: Name
    uscc: Uscc
    adcode: Adcode


class LandingTransition(Input):
    """A step of a landing: commitments and compliance come with signed, the entity with registered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "to": "signed",
                    "commitments": {
                        "amount_cny": "50000000.00",
                        "start_on": "2027-06-01",
                        "annual_output_cny": "80000000.00",
                        "annual_tax_cny": "4000000.00",
                        "jobs": 120,
                    },
                    "compliance": {"reinvestment_percent": 120, "relocation_clause": False},
                }
            ]
        }
    )

    to: LandingState
    commitments: Commitments | None = None
    compliance: Compliance | None = None
    legal_entity: LegalEntity | None = None
    verified_output_cny: Amount | None = None
    evidence_ids: EvidenceIds = Field(default_factory=list)
    reason: Text | None = None
    effective_at: Instant | None = None
    force: bool = False


class CommitmentsRead(Output):
    """What the project promised."""

    amount_cny: Amount
    start_on: date
    annual_output_cny: Amount
    annual_tax_cny: Amount
    jobs: int


class ComplianceRead(Output):
    """What the compliance check found."""

    reinvestment_percent: float
    relocation_clause: bool
    warned: bool
    approver_name: str | None


class LegalEntityRead(Output):
    """The company at home."""

    name: str
    uscc: str
    adcode: str


class LandingRead(Output):
    """A landing as the parties of its project see it."""

    id: str
    project_id: str
    home_unit_id: str
    enclave_id: str | None
    state: str
    commitments: CommitmentsRead | None
    compliance: ComplianceRead | None
    legal_entity: LegalEntityRead | None
    verified_output_cny: Amount | None
    grace_working_days: int
    lapses_after: date | None
    version: int
    created_at: Instant
    updated_at: Instant


LANDING_LIST = ListSpec(
    filters={
        "project_id": Filter(),
        "home_unit_id": Filter(),
        "enclave_id": Filter(),
        "state": Filter(choices=tuple(LandingState)),
    },
    sorts=("created_at",),
)

LANDING_CREATED = EventType(
    "landing.created",
    LandingRead,
    "A landing was intended",
    "形成落地意向",
    description_en="A project intends to land at a home unit.",
    description_zh="项目拟在飞出地落地。",
)
LANDING_UPDATED = EventType(
    "landing.updated",
    LandingRead,
    "A landing's project has another enclave",
    "落地所属飞地变更",
    description_en="A landing follows its project to another enclave; its state is as before.",
    description_zh="落地随项目改属另一飞地，状态不变。",
)
LANDING_STATE_CHANGED = EventType(
    "landing.state_changed",
    LandingRead,
    "A landing changed its state",
    "落地状态变更",
    description_en="A landing was signed, registered, started, producing or honoured, or it failed.",
    description_zh="落地状态变更：签约、注册、开工、投产、兑现，或违约、失效等。",
)
