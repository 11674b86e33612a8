"""Evidence on the wire: what a step of a project is proved by."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Input, Instant, Name, Output


class EvidenceKind(StrEnum):
    """What a piece of evidence shows."""

    GATE_REVIEW_MINUTES = "gate_review_minutes"
    TECHNOLOGY_MATURITY_REVIEW = "technology_maturity_review"
    PILOT_REPORT = "pilot_report"
    BUSINESS_LICENCE = "business_licence"
    TAX_REGISTRATION = "tax_registration"
    PAID_IN_CAPITAL = "paid_in_capital"
    FIXED_ASSETS = "fixed_assets"
    WORKS_START = "works_start"
    LEASE_START = "lease_start"
    OUTPUT_STATISTICS = "output_statistics"
    FULFILMENT_REPORT = "fulfilment_report"
    INSURED_EMPLOYEES = "insured_employees"
    USAGE_RECORD = "usage_record"
    AGREEMENT_COPY = "agreement_copy"
    OTHER = "other"


Uri = Annotated[str, Field(min_length=1, max_length=2000, description="Where the document is kept.")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the document, in hex.")]


class EvidenceCreate(Input):
    """A new piece of evidence. The document itself is kept elsewhere; its hash proves which one was meant."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "tax_registration",
                    "title": "税务登记信息表",
                    "issued_by": "丽水市税务局",
                    "issued_on": "2026-09-01",
                }
            ]
        }
    )

    kind: EvidenceKind
    title: Name
    uri: Uri | None = None
    sha256: Sha256 | None = None
    issued_by: Name | None = None
    issued_on: date | None = None


class EvidenceRead(Output):
    """Evidence filed for a project. It is never changed; a home unit may verify it."""

    id: str
    project_id: str
    kind: str
    title: str
    uri: str | None
    sha256: str | None
    issued_by: str | None
    issued_on: date | None
    filed_by_id: str | None
    verified_by_id: str | None
    verified_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


EVIDENCE_LIST = ListSpec(
    filters={"kind": Filter(choices=tuple(EvidenceKind))},
    sorts=("created_at",),
)

EVIDENCE_CREATED = EventType(
    "evidence.created",
    EvidenceRead,
    "Evidence was filed",
    "证明材料提交",
    description_en="A document that proves something was filed for a project.",
    description_zh="为项目提交了一份证明材料。",
)
EVIDENCE_VERIFIED = EventType(
    "evidence.verified",
    EvidenceRead,
    "Evidence was verified",
    "证明材料核验",
    description_en="A home unit has verified a piece of evidence, so that steps may rely on it.",
    description_zh="飞出地已核验证明材料，后续步骤可据此进行。",
)
