"""Stages on the wire: steps of a project, the two keys of its admission, its reviews, its history."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from services.registry.projects.stage import Stage
from shared.messaging.outbox import EventType
from shared.types import Id, Input, Instant, Output, Text

EvidenceIds = Annotated[list[Id], Field(max_length=50)]


class Role(StrEnum):
    """Whose key an approval is."""

    OPERATOR = "operator"
    HOME_UNIT = "home_unit"


class Gate(StrEnum):
    """What a review decides on."""

    ACCELERATION = "acceleration"
    RND = "rnd"
    TECHNOLOGY_MATURITY = "technology_maturity"
    PILOT_REPORT = "pilot_report"
    ANNUAL = "annual"


class StageTransition(Input):
    """A step of a project. Without ``effective_at`` it happens now; a late fact gives when it did."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"to": "screening", "effective_at": "2026-09-01T01:00:00Z"}]}
    )

    to: Stage
    reason: Text | None = None
    evidence_ids: EvidenceIds = Field(default_factory=list)
    effective_at: Instant | None = None
    force: bool = False


class ApprovalCreate(Input):
    """One of the two keys; whose it is follows from the caller's organisation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "同意入驻"}]})

    note: Text | None = None
    effective_at: Instant | None = None


class ApprovedTerms(Output):
    """The enclave and the space that an approval is for; null where no space was applied for."""

    enclave_id: str | None
    seats: int | None
    area_m2: float | None
    starts_on: date | None
    ends_on: date | None


class ApprovalRead(Output):
    """An approval of a project's admission. It counts for what it `approved` and is void after a step back.

    `approved` is null where an approval was given before this was kept.
    """

    id: str
    project_id: str
    role: str
    organisation_id: str
    actor_id: str
    approved: ApprovedTerms | None
    note: str | None
    effective_at: Instant
    voided_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


class ReviewCreate(Input):
    """What a review decided; it opens its gate only with evidence."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "gate": "acceleration",
                    "outcome": "passed",
                    "held_on": "2026-10-15",
                    "annual_grade": "A",
                    "evidence_ids": ["evd_01jd3v9w8xk4m7q2r5t6y8z0ab"],
                }
            ]
        }
    )

    gate: Gate
    outcome: Literal["passed", "failed"]
    held_on: date
    evidence_ids: EvidenceIds = Field(default_factory=list)
    annual_grade: Literal["A", "B", "C"] | None = None
    note: Text | None = None


class ReviewRead(Output):
    """A gate review. The latest of a gate counts."""

    id: str
    project_id: str
    gate: str
    outcome: str
    annual_grade: str | None
    evidence_ids: list[str]
    note: str | None
    held_on: date
    version: int
    created_at: Instant
    updated_at: Instant


class Approvals(Output):
    """The approvals of a project, oldest first."""

    items: list[ApprovalRead]


class Reviews(Output):
    """The reviews of a project, oldest first."""

    items: list[ReviewRead]


class TimelineEntry(Output):
    """One thing that happened to a project: when it did, and when it was recorded."""

    kind: str
    id: str
    subject_id: str
    what: str
    from_state: str | None
    actor_organisation_id: str | None
    evidence_ids: list[str]
    reason: str | None
    forced: bool
    details: dict[str, Any]
    effective_at: Instant
    recorded_at: Instant


class Timeline(Output):
    """All three tracks, approvals, reviews and places of a project in the order in which they happened."""

    items: list[TimelineEntry]


APPROVAL_CREATED = EventType(
    "approval.created",
    ApprovalRead,
    "An admission was approved",
    "准入获批准",
    description_en="One of the two keys of an admission was turned.",
    description_zh="准入所需的两方同意之一已作出。",
)
APPROVAL_VOIDED = EventType(
    "approval.voided",
    ApprovalRead,
    "An approval became void",
    "批准失效",
    description_en="An approval no longer counts, because what was approved has been taken back or changed.",
    description_zh="获批的内容被撤回或变更，该同意不再有效。",
)
REVIEW_CREATED = EventType(
    "review.created",
    ReviewRead,
    "A review was held",
    "评审完成",
    description_en="A gate review was held and recorded; the latest of a gate counts.",
    description_zh="一次关口评审已登记；同一关口以最近一次为准。",
)
