"""The steps a synthetic project's history is made of, in the order the registry's own guards ask for.

Each step has the date it takes effect. A step may rely on everything before it in the tuple, also on the
same day. An exit releases the space of its project: no `ResidencyMoved` to `left` stands beside it.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

Stage: TypeAlias = Literal[
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
]
ExitStage: TypeAlias = Literal["rejected", "withdrawn", "failed", "landed_elsewhere", "terminated"]
ResidencyState: TypeAlias = Literal["approved", "resident", "expiring", "left"]
LandingState: TypeAlias = Literal[
    "signed", "registered", "started", "producing", "honoured", "lapsed", "breached", "moved_away"
]
Function: TypeAlias = Literal["rnd", "pilot", "production", "sales_hq", "registration", "tax"]
EvidenceKind: TypeAlias = Literal[
    "gate_review_minutes",
    "technology_maturity_review",
    "pilot_report",
    "tax_registration",
    "paid_in_capital",
    "works_start",
    "output_statistics",
    "fulfilment_report",
]
GateReview: TypeAlias = Literal["acceleration", "rnd", "technology_maturity", "pilot_report"]


@dataclass(frozen=True, slots=True)
class LandingCommitments:
    amount_cny: Decimal
    start_on: date
    annual_output_cny: Decimal
    annual_tax_cny: Decimal
    jobs: int
    reinvestment_percent: int
    relocation_clause: bool


@dataclass(frozen=True, slots=True)
class LegalEntity:
    name: str
    uscc: str
    adcode: str


@dataclass(frozen=True, slots=True)
class ProjectOpened:
    """Creates the project in stage lead, with its owner and industries."""

    on: date


@dataclass(frozen=True, slots=True)
class ContactNoted:
    on: date


@dataclass(frozen=True, slots=True)
class HomeMatched:
    """A feasible home with the score (0 to 1) and reasons; the project is proposed to this home unit."""

    on: date
    home_unit_key: str
    score: Decimal
    reasons_zh: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvidenceFiled:
    on: date
    key: str
    evidence_kind: EvidenceKind
    title: str


@dataclass(frozen=True, slots=True)
class GateReviewPassed:
    on: date
    review: GateReview
    grade: Literal["A", "B"]
    evidence_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageMoved:
    on: date
    to_stage: Stage
    evidence_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StageExited:
    on: date
    to_stage: ExitStage
    reason: str


@dataclass(frozen=True, slots=True)
class ResidencyApplied:
    on: date
    enclave_key: str
    seats: int
    area_m2: int
    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class ResidencyMoved:
    on: date
    to_state: ResidencyState


@dataclass(frozen=True, slots=True)
class ApprovalGiven:
    """One of the two keys of admission."""

    on: date
    role: Literal["operator", "home_unit"]
    organisation_key: str


@dataclass(frozen=True, slots=True)
class AgreementSigned:
    on: date
    agreement_kind: Literal["residency", "investment"]
    organisation_keys: tuple[str, ...]
    starts_on: date
    ends_on: date | None
    commitments_zh: str


@dataclass(frozen=True, slots=True)
class FunctionPlaced:
    on: date
    function: Function
    adcode: str


@dataclass(frozen=True, slots=True)
class LandingOpened:
    """Creates the landing in state intent."""

    on: date
    home_unit_key: str


@dataclass(frozen=True, slots=True)
class LandingMoved:
    """commitments come with signed, legal_entity with registered, verified_output_cny with producing."""

    on: date
    to_state: LandingState
    commitments: LandingCommitments | None = None
    legal_entity: LegalEntity | None = None
    verified_output_cny: Decimal | None = None
    evidence_keys: tuple[str, ...] = ()
    reason: str | None = None


Step: TypeAlias = (
    ProjectOpened
    | ContactNoted
    | HomeMatched
    | EvidenceFiled
    | GateReviewPassed
    | StageMoved
    | StageExited
    | ResidencyApplied
    | ResidencyMoved
    | ApprovalGiven
    | AgreementSigned
    | FunctionPlaced
    | LandingOpened
    | LandingMoved
)
