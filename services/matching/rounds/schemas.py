"""Rounds on the wire: what is asked for, what was found, and what its parties were told."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from services.matching.profiles.schemas import AcceptedStage
from services.matching.recommendations.schemas import Texts
from services.matching.rounds.configuration import RoundConfiguration
from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Adcode, Count, Id, Input, Instant, Name, Output, Text


class RoundStateName(StrEnum):
    """Where a round stands."""

    DRAFT = "draft"
    FROZEN = "frozen"
    RUNNING = "running"
    FAILED = "failed"
    PROPOSED = "proposed"
    OFFERING = "offering"
    PUBLISHED = "published"
    CANCELLED = "cancelled"


class CommitmentKind(StrEnum):
    """How a commitment binds: for certain, as the first to be asked, or as a weight."""

    FIXED = "fixed"
    FIRST_REFUSAL = "first_refusal"
    WEIGHT = "weight"


class CertificateFor(StrEnum):
    """Who may read the certificate, with every score and budget in it, once the round is published."""

    NETWORK = "network"
    PARTICIPANTS = "participants"


Period = Annotated[
    str,
    Field(
        pattern=r"^20[0-9]{2}(-H[12]|-Q[1-4])?$",
        description="A year, half-year or quarter, as in the profiles' quotas.",
        examples=["2027-H1"],
    ),
]
WithResources = Annotated[
    bool,
    Field(
        description="Whether budgets and space count over all projects together; each pair's gates count in "
        "any case. A `stable` round keeps no such limit, and is refused where one could bind."
    ),
]
OfferDays = Annotated[int, Field(ge=1, le=90, description="Whole days in China after the day of the offer.")]


class ProjectFilter(Input):
    """Which projects take part: all that meet every condition given, and those named."""

    stages: Annotated[list[AcceptedStage], Field(max_length=20)] = Field(
        default_factory=lambda: [AcceptedStage.RESERVE]
    )
    industries: Annotated[
        list[Annotated[str, Field(pattern=r"^([A-T]|[0-9]{2,4}|[a-z][a-z_]{1,59})$")]], Field(max_length=200)
    ] = Field(default_factory=list)
    enclave_ids: Annotated[list[Id], Field(max_length=500)] = Field(default_factory=list)
    project_ids: Annotated[list[Id], Field(max_length=5000)] = Field(default_factory=list)
    only_named: bool = False


class RegionCap(Input):
    """How many projects all home units of a province take together."""

    province_adcode: Adcode
    projects: Count


class QuotaOverride(Input):
    """A quota for this round instead of the one in the home unit's profile."""

    home_unit_id: Id
    projects: Count
    at_least: Count = 0


class RoundCommitment(Input):
    """What binds a project to a home unit, and who said so; `value` counts for `weight` only."""

    project_id: Id
    home_unit_id: Id
    kind: CommitmentKind
    value: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    set_by: Id
    reason: Text = ""


_EXAMPLE: JsonDict = {
    "name": "2027 年上半年科创飞地项目撮合",
    "period": "2027-H1",
    "projects": {"stages": ["reserve"]},
    "configuration": {"mechanism": "stable", "priority_step": 10_000},
    "region_caps": [{"province_adcode": "330000", "projects": 20}],
    "offer_days": 14,
}
RegionCaps = Annotated[list[RegionCap], Field(max_length=60)]
Quotas = Annotated[list[QuotaOverride], Field(max_length=3000)]
Commitments = Annotated[list[RoundCommitment], Field(max_length=2000)]
HomeUnitIds = Annotated[list[Id], Field(max_length=3000)]


class RoundCreate(Input):
    """A round in draft. Without `home_unit_ids` every home unit that has a profile is asked."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    period: Period
    projects: ProjectFilter = Field(default_factory=ProjectFilter)
    home_unit_ids: HomeUnitIds | None = None
    configuration: RoundConfiguration = Field(default_factory=RoundConfiguration)
    region_caps: RegionCaps = Field(default_factory=list)
    quotas: Quotas = Field(default_factory=list)
    commitments: Commitments = Field(default_factory=list)
    offer_days: OfferDays = 14
    with_resources: WithResources = True
    certificate_for: CertificateFor = CertificateFor.NETWORK


class RoundUpdate(Input):
    """A merge patch of a draft: only the fields sent are changed, each as a whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"offer_days": 21}]})

    name: Name = ""
    period: Period = ""
    projects: ProjectFilter = Field(default_factory=ProjectFilter)
    home_unit_ids: HomeUnitIds | None = None
    configuration: RoundConfiguration = Field(default_factory=RoundConfiguration)
    region_caps: RegionCaps = Field(default_factory=list)
    quotas: Quotas = Field(default_factory=list)
    commitments: Commitments = Field(default_factory=list)
    offer_days: OfferDays = 14
    with_resources: WithResources = True
    certificate_for: CertificateFor = CertificateFor.NETWORK


class NotTakingPart(Output):
    """A home unit without a quota for the period: an unknown is not a place. What to ask it."""

    home_unit_id: str
    question: Texts


class RoundRunRead(Output):
    """One run: what was committed to and what came of it.

    `seed` is shown once the round is published; figures, failure and the displaced only to the network's
    administration.
    """

    number: int
    state: str
    snapshot_hash: str
    configuration_hash: str
    commitment: str
    seed: str | None
    projects: int
    matched: int | None
    result_hash: str | None
    certificate_kind: str | None
    figures: dict[str, Any] | None
    displaced_project_ids: list[str]
    failure: Texts | None
    created_at: Instant
    finished_at: Instant | None


class RoundRead(Output):
    """A round as its parties see it; `settings` is shown to the network's administration only."""

    id: str
    name: str
    period: str
    state: str
    settings: dict[str, Any] | None
    party_ids: list[str]
    not_taking_part: list[NotTakingPart]
    runs: list[RoundRunRead]
    published_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


ROUND_LIST = ListSpec(
    filters={"state": Filter(choices=tuple(RoundStateName)), "period": Filter()}, sorts=("created_at",)
)

ROUND_FROZEN = EventType(
    "round.frozen",
    RoundRead,
    "A round was frozen",
    "撮合轮次已冻结",
    description_en="The snapshot of a round is fixed and its lottery committed to; the last run says how.",
    description_zh="轮次的快照已固定，抽签种子已承诺；最后一次运行载有两个摘要。",
)
ROUND_CANCELLED = EventType(
    "round.cancelled",
    RoundRead,
    "A round was cancelled",
    "撮合轮次已取消",
    description_en="A round ended without a result; offers that were not decided are withdrawn.",
    description_zh="轮次未产生结果即告结束，未决要约一并撤回。",
)
ROUND_PUBLISHED = EventType(
    "round.published",
    RoundRead,
    "A round was published",
    "撮合轮次已公布",
    description_en="A round has ended; its lotteries' seeds are revealed and agreed pairs become landings.",
    description_zh="轮次结束，抽签种子公开，双方同意的配对将形成落地意向。",
)


# -- offers


class OfferStateName(StrEnum):
    """Where an offer stands; `accepted` is said by both sides."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Side(StrEnum):
    """The two that have to agree."""

    HOME_UNIT = "home_unit"
    PROJECT = "project"


class RefusalReason(StrEnum):
    """Why an offer is refused."""

    CAPACITY = "capacity"
    BUDGET = "budget"
    SPACE = "space"
    INDUSTRY = "industry"
    DISTANCE = "distance"
    TIMING = "timing"
    TERMS = "terms"
    OTHER_PLACE = "other_place"
    OTHER = "other"


class OfferAcceptance(Input):
    """One side agrees."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"side": "home_unit"}]})

    side: Side


class OfferRefusal(Input):
    """One side refuses and says why; `other` needs a text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"side": "project", "reason": "distance", "text": "团队核心成员不便长期往返。"}]
        }
    )

    side: Side
    reason: RefusalReason
    text: Text = ""


class AnswerRead(Output):
    """What one side said."""

    decision: str
    reason: str | None
    text: str
    organisation_id: str | None
    answered_at: Instant


class LandingOutcome(Output):
    """What became of the landing intent in registry: pending, created, or refused with registry's code."""

    state: str
    landing_id: str | None
    code: str | None


class OfferRead(Output):
    """A place offered to a project and a project offered to a home unit; both have until `deadline_at`."""

    id: str
    round_id: str
    run_number: int
    project_id: str
    project_title: str
    home_unit_id: str
    home_unit_name: str
    state: str
    home_unit_answer: AnswerRead | None
    project_answer: AnswerRead | None
    deadline_at: Instant
    decided_at: Instant | None
    landing: LandingOutcome | None
    party_ids: list[str]
    version: int
    created_at: Instant
    updated_at: Instant


OFFER_LIST = ListSpec(
    filters={
        "state": Filter(choices=tuple(OfferStateName)),
        "round_id": Filter(),
        "project_id": Filter(),
        "home_unit_id": Filter(),
    },
    sorts=("created_at",),
)

OFFER_MADE = EventType(
    "offer.made",
    OfferRead,
    "An offer was made",
    "发出要约",
    description_en="A round offers a project a place and the home unit the project; both have to accept.",
    description_zh="轮次向项目与飞出地双方发出要约，须双方接受。",
)
OFFER_ANSWERED = EventType(
    "offer.answered",
    OfferRead,
    "An offer was answered",
    "要约已答复",
    description_en="One side accepted or refused an offer.",
    description_zh="一方接受或拒绝了要约。",
)
OFFER_WITHDRAWN = EventType(
    "offer.withdrawn",
    OfferRead,
    "An offer was withdrawn",
    "要约已撤回",
    description_en="The round was cancelled before the offer was decided.",
    description_zh="要约答复之前，轮次已取消。",
)
OFFER_EXPIRED = EventType(
    "offer.expired",
    OfferRead,
    "An offer expired",
    "要约已过期",
    description_en="The deadline passed before both sides had accepted.",
    description_zh="期限届满，双方未全部接受。",
)
