"""Recommendations on the wire: ranked, explained, with what is refused and what is still to be asked."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from shared.messaging.outbox import EventType
from shared.types import Input, Instant, Output


class Texts(Output):
    """A text in Chinese and in English; null in the language that was not asked for."""

    zh: str | None
    en: str | None


class FactSource(Output):
    """The record and field a fact was read from, and the day for which it holds (null: not stated)."""

    record_id: str
    field: str
    as_of: date | None


class CriterionRead(Output):
    """What one criterion adds.

    `points` = `weight_permille` × `score` × 10⁶; a billion points are a perfect score. A redacted criterion
    or weight is the home unit's own and shown only to itself and to the network's administration.
    `team_points` = `team_weight_permille` × `score` × 10⁶ add up to the project's side of the pair.
    """

    criterion: str
    label: Texts
    known: bool
    redacted: bool
    value: float | str | None
    unit: str
    score: float | None
    weight_permille: int | None
    points: int | None
    team_weight_permille: int
    team_points: int | None
    median_value: float | str | None
    comparison: str | None
    sources: list[FactSource]
    text: Texts


class TwoSidedRead(Output):
    """Both sides of a pair, in fractions of a perfect score, rounded down to millionths.

    `project_score` is what the home unit is to the team, `home_unit_score` what the project is to the home
    unit, `reciprocal_score` their harmonic mean, `scarcity_adjusted_score` that less `shadow_price`, the
    worth of a place there in the last published round. Null: not known, or not for this caller, to whom
    `home_unit_score` is given in hundredths.
    """

    project_score: float | None
    home_unit_score: float
    reciprocal_score: float | None
    shadow_price: float | None
    scarcity_adjusted_score: float | None


class GateRead(Output):
    """A condition that must hold, and whether it does: pass, unknown or fail.

    `not_recorded`: registry does not record the fact yet, so the condition was not checked for anybody.
    """

    gate: str
    outcome: str
    text: Texts


class GateTotals(Output):
    """For how many candidates a gate fails, and for how many it cannot be decided yet."""

    gate: str
    label: Texts
    failed_count: int
    unknown_count: int


class QuestionRead(Output):
    """What has to be asked of whom, so that an undecided gate can be decided."""

    gate: str
    asked_of: str
    record_id: str
    field: str
    candidate_ids: list[str]
    text: Texts


class RecommendedHomeUnit(Output):
    """A home unit that passes every gate that is recorded.

    `score` = `points` / 10⁹. To callers who are neither the home unit nor the network's administration the
    score is given in hundredths and the points not at all: with them its budget could be computed.
    """

    rank: int
    home_unit_id: str
    home_unit_name: str
    score: float
    points: int | None
    redacted: bool
    two_sided: TwoSidedRead
    gates: list[GateRead]
    criteria: list[CriterionRead]


class OpenHomeUnit(Output):
    """A home unit that fails no gate but for which some cannot be decided; `score` is what it would have."""

    home_unit_id: str
    home_unit_name: str
    score: float
    unknown_gates: list[GateRead]


class RefusedHomeUnit(Output):
    """A home unit that fails a gate, and why."""

    home_unit_id: str
    home_unit_name: str
    gates: list[GateRead]


class RecommendedProject(Output):
    """A project that passes every recorded gate of the home unit."""

    rank: int
    project_id: str
    project_title: str
    score: float
    points: int | None
    redacted: bool
    two_sided: TwoSidedRead
    gates: list[GateRead]
    criteria: list[CriterionRead]


class OpenProject(Output):
    """A project that fails no gate but for which some cannot be decided; `score` is what it would have."""

    project_id: str
    project_title: str
    score: float
    unknown_gates: list[GateRead]


class RefusedProject(Output):
    """A project that fails a gate, and why."""

    project_id: str
    project_title: str
    gates: list[GateRead]


class _Recommendations(Output):
    """`directory_as_of`: up to when the registry was read; null when it never was to the end."""

    directory_as_of: Instant | None
    directory_revision: int
    lag_seconds: float | None
    considered_count: int
    feasible_count: int
    open_count: int
    refused_count: int
    gate_totals: list[GateTotals]
    questions: list[QuestionRead]


class ProjectRecommendations(_Recommendations):
    """The best home units for a project; `project_version` is the version of it that was judged."""

    project_id: str
    project_version: int
    items: list[RecommendedHomeUnit]
    open_items: list[OpenHomeUnit]
    refused_items: list[RefusedHomeUnit]


class HomeUnitRecommendations(_Recommendations):
    """The best projects for a home unit, among those it may see."""

    home_unit_id: str
    items: list[RecommendedProject]
    open_items: list[OpenProject]
    refused_items: list[RefusedProject]


class RecommendationBatch(Input):
    """Which projects to rank the home units for, and how many of each."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"project_ids": ["prj_01m84wjjsvevqt6hzyebeqsgfd"], "limit": 3}]}
    )

    project_ids: Annotated[list[Annotated[str, Field(max_length=40)]], Field(min_length=1, max_length=500)]
    limit: Annotated[int, Field(ge=1, le=20, description="Candidates ranked, and left open.")] = 10
    explain: Annotated[bool, Field(description="Whether candidates come with gates and criteria.")] = False


class RecommendationBatchRead(Output):
    """The recommendations of each project in the order asked for, and those that have none.

    `not_found`: not on file, or not the caller's to see. `closed`: the project has ended.
    """

    items: list[ProjectRecommendations]
    not_found: list[str]
    closed: list[str]


class Cause(StrEnum):
    """What made a project's first three change."""

    PROJECT = "project"
    HOME_UNIT = "home_unit"
    PROFILE = "profile"
    UNKNOWN = "unknown"


class TopHomeUnit(Output):
    """A home unit among the first three."""

    rank: int
    home_unit_id: str


class RecommendationChanged(Output):
    """The first three home units of a project, now and before; without scores.

    `cause` is unknown where several things changed at once, or while nobody followed.
    """

    project_id: str
    top: list[TopHomeUnit]
    previous_top: list[TopHomeUnit]
    cause: Cause
    directory_revision: int
    version: int


class RunState(StrEnum):
    """How far a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RecommendationRunRead(Output):
    """A run that ranks the home units for every project anew.

    `changed_count`: projects whose first three were not those on file. `peak_mb`: the largest memory the
    process has had. Counts, memory and revision are null until the run has ended.
    """

    id: str
    state: RunState
    project_count: int | None
    home_unit_count: int | None
    changed_count: int | None
    peak_mb: float | None
    directory_revision: int | None
    version: int
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None


RECOMMENDATION_CHANGED = EventType(
    "recommendation.changed",
    RecommendationChanged,
    "Other home units suit a project best",
    "项目首选飞出地变化",
    description_en="The first three home units of a project are others than before, or in another order.",
    description_zh="项目排名前三的飞出地或其次序与之前不同。",
)
