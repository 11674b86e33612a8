"""Questions about a round and their answers, on the wire."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from services.matching.recommendations.schemas import Texts
from services.matching.rounds.configuration import RoundConfiguration
from services.matching.rounds.schemas import Quotas, RegionCaps
from shared.types import Count, Id, Input, Output

_PROJECT = "prj_01jd3v9w8xk4m7q2r5t6y8z0ab"
_HOME_UNIT = "org_01jd3v9w8xk4m7q2r5t6y8z0ab"
_ROUND = "rnd_01jd3v9w8xk4m7q2r5t6y8z0ab"
Ids = Annotated[list[Id], Field(max_length=2000)]


class CertificateRead(Output):
    """A run as anybody can check it, in one spelling: canonical JSON, whole numbers only.

    `seed` is null until the round is published; the hashes are those of the document with its seed.
    """

    format: str
    engine_version: str
    seed: str | None
    commitment: str
    snapshot_hash: str
    configuration_hash: str
    snapshot: dict[str, Any]
    configuration: dict[str, Any]
    assignment: list[int]
    certificate: dict[str, Any]
    figures: dict[str, Any]
    result_hash: str


class CheckRead(Output):
    """One thing that was checked, and what was found."""

    name: str
    passed: bool
    reason: str


class Checks(Output):
    """What was checked of a stored result."""

    passed: bool
    checks: list[CheckRead]


class AddedHomeUnit(Input):
    """A home unit that does not exist: in everything like one of the round, with places of its own.

    It has the same scores, province, caps, budgets and space, and nobody's commitments or wishes.
    """

    like: Id
    projects: Count
    at_least: Count = 0


class AddedProjects(Input):
    """Projects that do not exist: in everything like one of the round, without its commitments."""

    like: Id
    count: Annotated[int, Field(ge=1, le=200)] = 1


class WhatIf(Input):
    """Changes to the market of a run; null and empty lists change nothing.

    What is added is a copy of what was there before the other changes. Copies are named after it: `org_…+1`,
    `prj_…+1`, in the order of the body.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "quotas": [{"home_unit_id": _HOME_UNIT, "projects": 5}],
                    "region_caps": [],
                    "added_home_units": [{"like": _HOME_UNIT, "projects": 5}],
                }
            ]
        }
    )

    configuration: RoundConfiguration | None = None
    quotas: Quotas = Field(default_factory=list)
    region_caps: RegionCaps | None = None
    without_project_ids: Ids = Field(default_factory=list)
    without_home_unit_ids: Ids = Field(default_factory=list)
    added_home_units: Annotated[list[AddedHomeUnit], Field(max_length=20)] = Field(default_factory=list)
    added_projects: Annotated[list[AddedProjects], Field(max_length=50)] = Field(default_factory=list)


class FigureSummary(Output):
    """An assignment in figures; welfare in millionths."""

    projects: int
    matched: int
    welfare: int
    worst_home_unit_welfare: int
    envy: int
    short_of_lower_quotas: int


class ChangedPlace(Output):
    """A project that would be elsewhere; null is no place. One that was added was nowhere before."""

    project_id: str
    before: str | None
    after: str | None


class Comparison(Output):
    """Two assignments side by side.

    What is given up is that of the second against the first, in millionths of the larger one; negative where
    the second has more. `changed` names at most 200 of `changed_count` projects. The two prices are
    told where a stable or a fair mechanism is compared with one that is not, on one market.
    """

    before: FigureSummary
    after: FigureSummary
    changed_count: int
    changed: list[ChangedPlace]
    welfare_given_up_ppm: int
    worst_home_unit_given_up_ppm: int
    matched_given_up: int
    price_of_stability_ppm: int | None
    price_of_fairness_ppm: int | None


class Explain(Input):
    """The project whose place is to be explained."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"project_id": _PROJECT}]})

    project_id: Id


class Obstacle(Output):
    """A home unit the project may have preferred, and which limits stood against it."""

    home_unit_id: str
    limits: list[str]
    text: Texts


class PlaceExplanation(Output):
    """Why a project is where it is.

    `left_out` are home units whose gates it passes and which cannot take it all the same: `budget_cap` says
    that it asks for more than their budgets may give one project. To home units `reason` says no more than
    `placed`, and `asked`, `better` and `left_out` are null: the project's wishes are its own.
    """

    project_id: str
    home_unit_id: str | None
    reason: str
    text: Texts
    asked: int | None
    better: list[Obstacle] | None
    left_out: list[Obstacle] | None


class Counterfactual(Input):
    """The pair that did not come about."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"project_id": _PROJECT, "home_unit_id": _HOME_UNIT}]}
    )

    project_id: Id
    home_unit_id: Id


class Lever(Output):
    """One change, whether it brings the pair about, and which other projects would lose their place by it."""

    lever: str
    achieves: bool
    displaced: list[str]


class Levers(Output):
    """Every lever that was tried."""

    levers: list[Lever]


class Compare(Input):
    """Either another round or another configuration of the same market."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"other_round_id": _ROUND}]})

    other_round_id: Id | None = None
    configuration: RoundConfiguration | None = None


class Replays(Input):
    """How many lotteries to replay."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"replays": 100}]})

    replays: Annotated[int, Field(ge=1, le=1000)]


class PlaceCount(Output):
    """In how many replays a project got this place."""

    home_unit_id: str
    count: int


class Propensity(Output):
    """Where a project ended over all replays."""

    project_id: str
    unmatched: int
    home_units: list[PlaceCount]


class Propensities(Output):
    """How much of a result was luck."""

    replays: int
    projects: list[Propensity]
