"""What a change would do, on the wire: a profile before it is put, and what would raise a home unit."""

from typing import Annotated

from pydantic import ConfigDict, Field

from services.matching.recommendations.schemas import GateRead, Texts
from shared.types import Input, Instant, Output


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
