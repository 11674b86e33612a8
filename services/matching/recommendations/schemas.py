"""Recommendations on the wire: ranked, explained, with what is refused and what is still to be asked."""

from datetime import date

from shared.types import Instant, Output


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
    median_value: float | str | None
    comparison: str | None
    sources: list[FactSource]
    text: Texts


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
