"""Recommendations on the wire: ranked, explained, with what is refused and what is still to be asked."""

from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field

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


class Obstacle(Output):
    """A condition that does not pass: unknown or fail."""

    gate: str
    outcome: str
    label: Texts


class ProjectStanding(Output):
    """How a project stands; `rank` is null unless it is feasible, `score` what it has or would have."""

    rank: int | None
    score: float
    points: int
    obstacles: list[Obstacle]


class ComparedProject(Output):
    """A project before and after; a positive `rank_change` is a rise, null where it has no rank in both."""

    project_id: str
    project_title: str
    rank_change: int | None
    before: ProjectStanding
    after: ProjectStanding


class GateTally(Output):
    """For how many projects a gate passes, cannot be decided, and fails."""

    gate: str
    label: Texts
    passed_count: int
    unknown_count: int
    failed_count: int


class ProfileOutlook(Output):
    """What a profile means for the projects; `items` are its ten best."""

    feasible_count: int
    open_count: int
    refused_count: int
    gates: list[GateTally]
    items: list[ComparedProject]


class ComparedProjects(Output):
    """How many projects, and the first twenty of them, the best first."""

    count: int
    items: list[ComparedProject]


class ProfileWarning(Output):
    """Something the home unit may not have meant; `about` names the entries or projects concerned."""

    code: str
    field: str
    about: list[str]
    text: Texts


class ProfilePreview(Output):
    """What a profile would change, for the projects the caller may see; nothing has changed.

    `profile_version` is the version it was compared with; null when there is none yet.
    """

    home_unit_id: str
    profile_version: int | None
    directory_as_of: Instant | None
    directory_revision: int
    lag_seconds: float | None
    changed: list[str]
    considered_count: int
    before: ProfileOutlook
    after: ProfileOutlook
    newly_feasible: ComparedProjects
    no_longer_feasible: ComparedProjects
    warnings: list[ProfileWarning]


class CounterfactualAsk(Input):
    """Which home unit is asked about, and the rank it should reach."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"home_unit_id": "org_0000000000000000000000000", "rank": 1}]}
    )

    home_unit_id: Annotated[str, Field(min_length=1, max_length=40)]
    rank: Annotated[int, Field(ge=1, le=100)] = 1


class GoalRead(Output):
    """The smallest change of one lever that is enough for a goal.

    Not feasible: no value of this lever does it, and `needed_value` is null. Feasible but not `sufficient`:
    its own gate passes then, but others do not. Redacted: all null, because a home unit's own figures could
    be computed from it.
    """

    redacted: bool
    feasible: bool | None
    sufficient: bool | None
    needed_value: float | str | None
    text: Texts


class LeverRead(Output):
    """One fact that could be another, on the side of the project or of the home unit.

    `to_pass_gate` and `to_reach_rank` are null where there is nothing to do. `step` is the unit in which
    `to_reach_rank` was looked for.
    """

    lever: str
    side: str
    label: Texts
    redacted: bool
    unit: str
    step: float | None
    current_value: float | str | None
    gate: str | None
    to_pass_gate: GoalRead | None
    to_reach_rank: GoalRead | None


class CounterfactualRead(Output):
    """What would make a home unit pass its gates, or reach a rank, for a project.

    `rank` is its place now among all home units that pass every gate; null when it does not. `levers` is
    empty when the wanted rank is reached already. All else stays as it is while one lever moves.
    """

    project_id: str
    project_version: int
    home_unit_id: str
    home_unit_name: str
    redacted: bool
    wanted_rank: int
    rank: int | None
    gates: list[GateRead]
    levers: list[LeverRead]
    directory_as_of: Instant | None
    directory_revision: int
    lag_seconds: float | None
