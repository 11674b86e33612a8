"""Evaluations on the wire: shares and probabilities are numbers from 0 to 1, and null is not known."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from services.matching.engine.evaluation.cohorts import PPM
from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Input, Instant, Output


class Kind(StrEnum):
    """What is looked into."""

    BACKTEST = "backtest"
    CALIBRATION = "calibration"
    PLACEBO = "placebo"


_EXAMPLE: JsonDict = {"kind": "calibration", "horizon_months": 24, "as_of": "2026-10-31", "seed": 7}


class EvaluationCreate(Input):
    """What to look into. Without ``as_of`` it is today; the seed draws what is drawn at random."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    kind: Kind
    horizon_months: Literal[24, 36] = 24
    as_of: date | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class ShareRead(Output):
    """A mean and its 90 % bootstrap interval."""

    value: float
    low: float
    high: float


class AgreementRead(Output):
    """How often today's scoring ranks the home unit that ``n`` projects went to among its first.

    ``refused`` of them fail a gate of their home unit today and count as not found.
    """

    n: int
    refused: int
    hit_at_1: ShareRead | None
    hit_at_3: ShareRead | None
    hit_at_10: ShareRead | None
    mean_reciprocal_rank: ShareRead | None


class BacktestRead(Output):
    """Agreement of today's scoring with what was done. It is no estimate of landings.

    ``censored`` admissions are younger than the horizon; of ``left_out`` the home unit or the project is not
    known, or they are beyond the sample.
    """

    landed: AgreementRead
    not_landed: AgreementRead
    censored: int
    left_out: int


class BinRead(Output):
    """Judged admissions with like predictions."""

    count: int
    predicted: float
    landed: float


class LandingProbabilityRead(Output):
    """The probability that what a home unit admits lands there in time, with its 90 % interval, or reasons
    for saying nothing."""

    home_unit_id: str
    probability: float | None
    low: float | None
    high: float | None
    admitted: int
    landed: int
    network: int
    reasons: list[str]


class CalibrationRead(Output):
    """Whether what was said of later cohorts came true, and the probabilities if it did."""

    verdict: str
    reasons: list[str]
    split_on: date | None
    fitted: int
    judged: int
    censored: int
    left_out: int
    ece: float | None
    brier: float | None
    base_brier: float | None
    base_rate: float | None
    bins: list[BinRead]
    home_units: list[LandingProbabilityRead]


class GainRead(Output):
    """A claimed gain relative to the rate that happened, with its 95 % interval. The truth here is 0."""

    value: float
    low: float
    high: float
    contains_zero: bool


class PlaceboRead(Output):
    """What three estimators claim on a synthetic market in which no home unit makes a difference."""

    projects: int
    home_units: int
    landing_rate: float
    naive: GainRead
    ipw: GainRead
    self_normalised: GainRead
    effective_sample: int


class Meaning(Output):
    """What the figures mean or do not mean."""

    zh: str
    en: str


class EvaluationRead(Output):
    """One report; only the part of its kind is there. The same directory, day and seed give the same."""

    id: str
    kind: str
    horizon_months: int
    as_of: date
    seed: int
    directory_revision: int
    meaning: list[Meaning]
    backtest: BacktestRead | None
    calibration: CalibrationRead | None
    placebo: PlaceboRead | None
    created_by: str
    created_at: Instant


class RefusalCount(Output):
    """How many offers were refused for one reason; null where none was given."""

    reason: str | None
    count: int


class FeedbackCounts(Output):
    """What became of offers, and of projects: admitted ever, and landed ever, young ones included."""

    offered: int
    accepted: int
    refused: int
    expired: int
    refusals: list[RefusalCount]
    admitted: int
    landed: int


class HomeUnitFeedback(FeedbackCounts):
    """What came back of one home unit."""

    home_unit_id: str


class FeedbackRead(Output):
    """What came back, by home unit as far as the caller may see it; the total for network reach only."""

    items: list[HomeUnitFeedback]
    total: FeedbackCounts | None


class WeightProposalCreate(Input):
    """Asks for a proposal; the seed draws the decisions again of which the intervals are made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seed": 7}]})

    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class WeightProposalDecline(Input):
    """Why the home unit keeps its weights."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "样本来自同一轮次，暂不调整"}]})

    reason: Annotated[str, Field(min_length=1, max_length=1000)]


class WeightEvidenceRead(Output):
    """One criterion: its mean score among accepted less that among refused offers, with a 99 % interval.

    Null where too few decisions have it known. Weights are permille, as they count for ranking.
    """

    criterion: str
    accepted: int
    refused: int
    difference: float | None
    low: float | None
    high: float | None
    weight: int
    proposed: int


class WeightProposalRead(Output):
    """Weights proposed to a home unit, with the evidence. They take effect only if it accepts them.

    ``weights`` is null where the evidence moves nothing.
    """

    id: str
    home_unit_id: str
    status: str
    profile_version: int
    directory_revision: int
    weights: dict[str, int] | None
    evidence: list[WeightEvidenceRead]
    decision_reason: str | None
    decided_by: str | None
    decided_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


def share_of(millionths: int) -> float:
    """Return a number of millionths as it travels."""
    return millionths / PPM


def known_share(millionths: int | None) -> float | None:
    """Return a number of millionths as it travels; what is not known stays so."""
    return None if millionths is None else share_of(millionths)


WEIGHT_PROPOSAL_CREATED = EventType(
    "weight_proposal.created",
    WeightProposalRead,
    "Weights were proposed to a home unit",
    "已向飞出地提出权重建议",
    description_en="What a home unit accepted and refused speaks for other weights, or for none; others do "
    "not get this event.",
    description_zh="依据飞出地接受与拒绝的要约提出权重建议，或说明无须调整；其他方收不到此事件。",
)
WEIGHT_PROPOSAL_DECIDED = EventType(
    "weight_proposal.decided",
    WeightProposalRead,
    "A home unit decided on proposed weights",
    "飞出地已就权重建议作出决定",
    description_en="A home unit took proposed weights into its profile, or declined them and said why.",
    description_zh="飞出地已将建议权重写入画像，或予以拒绝并说明原因。",
)
EVALUATION_LIST = ListSpec(filters={"kind": Filter(choices=tuple(Kind))})
WEIGHT_PROPOSAL_LIST = ListSpec(
    filters={"status": Filter(choices=("open", "nothing_proposed", "accepted", "declined"))}
)
