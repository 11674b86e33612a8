"""What would make a home unit pass its gates, or reach a rank: per lever the smallest change that is enough.

Every answer is found on the scoring itself: with the change the goal is reached, and with one step less it is
not. A step is one unit. Only what a project asks for is lowered in round steps when the goal is a rank: there
every change moves all home units, so the goal may be reached, lost and reached again; every step is looked
at, and the first that is enough is the answer.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import industries
from services.matching.engine.scoring.columns import NONE
from services.matching.engine.scoring.compilation import PLANT_BIT, STAGE_BIT
from services.matching.engine.scoring.criteria import FULL, TALENT_HALF
from services.matching.engine.scoring.features import HomeUnitFeatures, Number, ProjectFeatures
from services.matching.engine.scoring.gates import FAIL, GATES, PASS
from services.matching.engine.scoring.search import round_step, smallest
from services.matching.engine.scoring.snapshot import Snapshot
from services.matching.engine.scoring.standing import FUND, SPACE, Outcome, Standing, changed_row

MOST_SPACE_M2, MOST_CNY, MOST_TALENTS = 10**8, 10**13 - 1, 10**7
PROJECT, HOME_UNIT = "project", "home_unit"

Value = Number | str | None


class Goal(NamedTuple):
    """``needed`` is None where the lever cannot do it; ``sufficient``: nothing else has to change."""

    needed: Value
    sufficient: bool


class Lever(NamedTuple):
    """One fact that could be another; a goal is None where the lever has nothing to do for it."""

    name: str
    side: str
    unit: str
    current: Value
    step: int
    gate: str | None
    to_pass: Goal | None
    to_reach: Goal | None


class Counterfactual(NamedTuple):
    """``levers`` is empty where the rank is reached already."""

    outcome: Outcome
    levers: tuple[Lever, ...]


def counterfactual(
    snapshot: Snapshot, project: ProjectFeatures, home_unit_id: str, rank: int = 1
) -> Counterfactual:
    """What would bring a home unit to this rank or a better one for a project."""
    standing = Standing(snapshot, project, home_unit_id)
    outcome = standing.outcome
    if outcome.rank is not None and outcome.rank <= rank:
        return Counterfactual(outcome, ())
    return Counterfactual(
        outcome, (*_project_levers(standing, project, rank), *_home_levers(standing, project, rank))
    )


# -- the project's side


def _project_levers(standing: Standing, project: ProjectFeatures, rank: int) -> Iterator[Lever]:
    row, home = standing.project.row, standing.home.row
    if row.fund_at_most_cny != NONE:
        yield _need(standing, project, FUND, "fund_amount_cny", "CNY", home.fund_sure_cny, 0, rank)
    if row.space_at_most_m2 != NONE:
        yield _need(standing, project, SPACE, "space_m2", "m2", home.space_sure_m2, 1, rank)
    if standing.outcome.gates["max_distance"] != PASS and project.max_distance_km is not None:
        yield _distance(standing, project, rank)
    if (place := _wish(project, standing.home.features.id)) != 1:
        yield _preference(standing, project, place, rank)


def _need(
    standing: Standing,
    project: ProjectFeatures,
    gate: str,
    name: str,
    unit: str,
    sure: int,
    least: int,
    rank: int,
) -> Lever:
    def judged(value: int) -> Outcome:
        return standing.with_project(replace(project, **{name: value}))  # type: ignore[arg-type]

    current: Number | None = getattr(project, name)
    top = sure if current is None else min(sure, _below(current))
    to_pass = None
    if standing.outcome.gates[gate] != PASS:
        needed = max(top, least)
        after = judged(needed)
        to_pass = Goal(needed, after.passes) if after.gates[gate] == PASS else Goal(None, False)
    step = round_step(max(top, 0) if current is None else int(current))
    values = [top, *range((top - 1) // step * step, 0, -step)] if top > 0 else []
    found = standing.first_that_wins(gate, values, rank)
    if found is None and _reached(judged(least), rank):
        found = least
    return Lever(name, PROJECT, unit, current, step, gate, to_pass, Goal(found, found is not None))


def _distance(standing: Standing, project: ProjectFeatures, rank: int) -> Lever:
    distance = standing.pair().distance_m
    if distance < 0:
        to_pass = to_reach = Goal(None, False)
    else:
        needed = -(-distance // 1000)
        after = standing.with_project(replace(project, max_distance_km=needed))
        to_pass = Goal(needed, after.passes)
        to_reach = Goal(needed, True) if _reached(after, rank) else Goal(None, False)
    return Lever(
        "max_distance_km", PROJECT, "km", project.max_distance_km, 1, "max_distance", to_pass, to_reach
    )


def _wish(project: ProjectFeatures, home_unit_id: str) -> int | None:
    wishes = project.preferred_home_unit_ids
    return wishes.index(home_unit_id) + 1 if home_unit_id in wishes else None


def _preference(standing: Standing, project: ProjectFeatures, current: int | None, rank: int) -> Lever:
    home_unit_id = standing.home.features.id
    others = [wish for wish in project.preferred_home_unit_ids if wish != home_unit_id]
    last = len(others) + 1 if current is None else current - 1

    def wins(earlier: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.array([_reached(judged(last - int(n)), rank) for n in earlier], np.bool_)

    def judged(place: int) -> Outcome:
        wishes = (*others[: place - 1], home_unit_id, *others[place - 1 :])
        return standing.with_project(replace(project, preferred_home_unit_ids=wishes))

    earlier = smallest(0, last - 1, wins) if standing.outcome.passes else None
    needed = None if earlier is None else last - earlier
    goal = Goal(needed, needed is not None)
    return Lever("preferred_place", PROJECT, "place", current, 1, None, None, goal)


# -- the home unit's side


class _Amount(NamedTuple):
    name: str
    unit: str
    gate: str | None
    most: int
    current: Callable[[HomeUnitFeatures], Number | None]
    columns: Callable[[HomeUnitFeatures, NDArray[np.int64]], dict[str, Any]]


def _space(home: HomeUnitFeatures, values: NDArray[np.int64]) -> dict[str, Any]:
    return {"space_sure_m2": values, "space_at_most_m2": values}


def _caps(*replaced: str) -> Callable[[HomeUnitFeatures, NDArray[np.int64]], dict[str, Any]]:
    names = ("max_fund_amount_cny", "remaining_budget_cny")

    def columns(home: HomeUnitFeatures, values: NDArray[np.int64]) -> dict[str, Any]:
        kept = [getattr(home, name) for name in names if name not in replaced]
        possible = values
        for cap in kept:
            possible = possible if cap is None else np.minimum(possible, int(cap))
        sure = np.full(len(values), NONE, np.int64) if None in kept else possible
        return {"fund_sure_cny": sure, "fund_at_most_cny": possible}

    return columns


def _talent(home: HomeUnitFeatures, values: NDArray[np.int64]) -> dict[str, Any]:
    return {"talent_count": values, "talent": values * FULL // (values + TALENT_HALF)}


def _lower_cap(home: HomeUnitFeatures) -> Number | None:
    caps = [home.max_fund_amount_cny, home.remaining_budget_cny]
    known = [cap for cap in caps if cap is not None]
    return min(known) if len(known) == len(caps) else None


_AMOUNTS = (
    _Amount("available_space_m2", "m2", "space", MOST_SPACE_M2, lambda home: home.available_space_m2, _space),
    _Amount(
        "max_fund_amount_cny",
        "CNY",
        "fund",
        MOST_CNY,
        lambda home: home.max_fund_amount_cny,
        _caps("max_fund_amount_cny"),
    ),
    _Amount(
        "remaining_budget_cny",
        "CNY",
        "fund",
        MOST_CNY,
        lambda home: home.remaining_budget_cny,
        _caps("remaining_budget_cny"),
    ),
    _Amount(
        "fund_cap_and_budget_cny",
        "CNY",
        "fund",
        MOST_CNY,
        _lower_cap,
        _caps("max_fund_amount_cny", "remaining_budget_cny"),
    ),
    _Amount("talent_count", "persons", None, MOST_TALENTS, lambda home: home.talent_count, _talent),
)


def _home_levers(standing: Standing, project: ProjectFeatures, rank: int) -> Iterator[Lever]:
    needed = standing.points_needed(rank)
    for amount in _AMOUNTS:
        yield _raised(standing, amount, needed)
    yield from _accepted(standing, project, needed)


def _raised(standing: Standing, amount: _Amount, points_needed: int) -> Lever:
    home, pair = standing.home.features, standing.pair()
    current = amount.current(home)
    low = 0 if current is None else int(current) + 1

    def judged(values: NDArray[np.int64]) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        row = changed_row(standing.home, **amount.columns(home, values))
        return standing.with_home(row, pair, len(values))

    def opens(values: NDArray[np.int64]) -> NDArray[np.bool_]:
        outcomes, _ = judged(values)
        opened: NDArray[np.bool_] = outcomes[GATES.index(amount.gate or "")] == PASS
        return opened

    def wins(values: NDArray[np.int64]) -> NDArray[np.bool_]:
        outcomes, points = judged(values)
        won: NDArray[np.bool_] = (outcomes.max(axis=0) == PASS) & (points >= points_needed)
        return won

    to_pass = None
    if amount.gate is not None and standing.outcome.gates[amount.gate] != PASS:
        needed = smallest(low, amount.most, opens)
        alone = needed is not None and bool(judged(np.array([needed]))[0].max() == PASS)
        to_pass = Goal(needed, alone)
    winning = smallest(low, amount.most, wins)
    to_reach = Goal(winning, winning is not None)
    return Lever(amount.name, HOME_UNIT, amount.unit, current, 1, amount.gate, to_pass, to_reach)


def _accepted(standing: Standing, project: ProjectFeatures, points_needed: int) -> Iterator[Lever]:
    home, keys, outcomes = standing.home, standing.project.keys, standing.outcome.gates
    key = min(keys, key=lambda k: (-industries.node_score(k), k), default=None)

    def lever(name: str, gate: str | None, code: str, row: Any, pair: Any) -> Lever:
        after, points = standing.with_home(row, pair, 1)
        passes = bool(after.max() == PASS)
        opened = gate is not None and after[GATES.index(gate), 0] == PASS
        wins = passes and int(points[0]) >= points_needed
        to_pass = None if gate is None else Goal(code if opened else None, passes)
        return Lever(name, HOME_UNIT, "code", None, 1, gate, to_pass, Goal(code if wins else None, wins))

    same = standing.pair()
    if outcomes["stage"] != PASS:
        stages = home.row.accepted_stages | STAGE_BIT[project.stage]
        row = changed_row(home, accepted_stages=stages, stage_refusal=FAIL)
        yield lever("accepted_stages", "stage", project.stage, row, same)
    if outcomes["plant_class"] != PASS and project.plant_class is not None:
        plants = home.row.accepted_plants | PLANT_BIT[project.plant_class]
        row = changed_row(home, accepted_plants=plants, plant_refusal=FAIL)
        yield lever("accepted_plant_classes", "plant_class", project.plant_class, row, same)
    if outcomes["policy"] != PASS and key is not None:
        supported = standing.pair(policy=True)
        yield lever("policy_supported_fields", "policy", key, home.row, supported)
    if key is not None and (fit := industries.node_score(key)) > same.industry:
        row = changed_row(home, has_industries=1)
        yield lever("leading_industries", None, key, row, standing.pair(industry=fit))


def _reached(outcome: Outcome, rank: int) -> bool:
    return outcome.rank is not None and outcome.rank <= rank


def _below(amount: Number) -> int:
    """The greatest whole number less than an amount."""
    whole = int(Decimal(amount))
    return whole if whole < Decimal(amount) else whole - 1
