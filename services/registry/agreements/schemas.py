"""Agreements on the wire."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, Field

from services.registry.agreements.terms import AgreementKind
from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Amount, Count, ExternalId, Id, Input, Instant, Name, Output, decimal_text

_SHARE = r"^(0(\.[0-9]{1,8})?|1(\.0{1,8})?)$"
_FIGURE = r"^-?[0-9]{1,18}(\.[0-9]{1,6})?$"


Share = Annotated[Decimal, *decimal_text(_SHARE, "0.35")]
"""A part of one, exact to eight decimals."""

Figure = Annotated[Decimal, *decimal_text(_FIGURE, "21000")]
"""A figure of any unit, as its source states it."""


class AgreedCommitments(Input):
    """What the project commits itself to."""

    amount_cny: Amount
    start_on: date
    annual_output_cny: Amount
    annual_tax_cny: Amount
    jobs: Count


class AgreedKpi(Input):
    """A yardstick the operator is paid by."""

    name: Name
    target: Figure
    unit: Name
    due_on: date | None = None


class AgreedShare(Input):
    """The part of one party in what is shared."""

    organisation_id: Id
    share: Share


Parties = Annotated[list[Id], Field(min_length=2, max_length=20, description="The organisations that sign.")]
Kpis = Annotated[list[AgreedKpi], Field(max_length=50)]
Shares = Annotated[
    list[AgreedShare], Field(max_length=20, description="Of 利益分享协议; they add up to exactly 1.")
]


class AgreementCreate(Input):
    """A new agreement between organisations of the network."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "benefit_sharing",
                    "title": "利益分享协议",
                    "party_ids": ["org_01jd3v9w8xk4m7q2r5t6y8z0ab", "org_01jd3v9w8xk4m7q2r5t6y8z0ac"],
                    "signed_on": "2026-03-01",
                    "shares": [
                        {"organisation_id": "org_01jd3v9w8xk4m7q2r5t6y8z0ab", "share": "0.65"},
                        {"organisation_id": "org_01jd3v9w8xk4m7q2r5t6y8z0ac", "share": "0.35"},
                    ],
                }
            ]
        }
    )

    kind: AgreementKind
    title: Name
    party_ids: Parties
    project_id: Id | None = None
    enclave_id: Id | None = None
    signed_on: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    commitments: AgreedCommitments | None = None
    kpis: Kpis = Field(default_factory=list)
    shares: Shares = Field(default_factory=list)
    external_id: ExternalId | None = None
    synthetic: bool = False


class AgreementUpdate(Input):
    """A merge patch of an agreement that is not signed, or whose day of signing is unknown."""

    title: Name = ""
    signed_on: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    commitments: AgreedCommitments | None = None
    kpis: Kpis = Field(default_factory=list)
    shares: Shares = Field(default_factory=list)


class AgreedCommitmentsRead(Output):
    """What the project commits itself to."""

    amount_cny: Amount
    start_on: date
    annual_output_cny: Amount
    annual_tax_cny: Amount
    jobs: int


class AgreedKpiRead(Output):
    """A yardstick the operator is paid by."""

    name: str
    target: Figure
    unit: str
    due_on: date | None


class AgreedShareRead(Output):
    """The part of one party in what is shared."""

    organisation_id: str
    share: Share


class AgreementRead(Output):
    """An agreement as those who sign it see it; nobody else does."""

    id: str
    kind: str
    title: str
    party_ids: list[str]
    project_id: str | None
    enclave_id: str | None
    signed_on: date | None
    valid_from: date | None
    valid_to: date | None
    commitments: AgreedCommitmentsRead | None
    kpis: list[AgreedKpiRead]
    shares: list[AgreedShareRead]
    external_id: str | None
    synthetic: bool
    version: int
    created_at: Instant
    updated_at: Instant


AGREEMENT_LIST = ListSpec(
    filters={
        "kind": Filter(choices=tuple(AgreementKind)),
        "project_id": Filter(),
        "enclave_id": Filter(),
        "signed_on": Filter(date, ("gte", "lte")),
        "title": Filter(operators=("eq", "contains")),
        "external_id": Filter(),
        "synthetic": Filter(bool, ("eq",)),
    },
    sorts=("created_at",),
)

AGREEMENT_CREATED = EventType(
    "agreement.created",
    AgreementRead,
    "An agreement was recorded",
    "协议登记",
    description_en="An agreement was recorded. It reaches only those who sign it.",
    description_zh="登记了一份协议；仅签署方可收到。",
)
AGREEMENT_UPDATED = EventType(
    "agreement.updated",
    AgreementRead,
    "An agreement changed",
    "协议变更",
    description_en="An agreement that was not signed yet changed, or was signed.",
    description_zh="未签署的协议变更，或协议已签署。",
)
