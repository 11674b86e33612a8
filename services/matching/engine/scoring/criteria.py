"""The criteria: each maps a pair of records to an integer in 0…1,000,000 on a fixed scale.

No scale looks at another candidate, so the order of two home units never depends on a third.
A criterion whose facts are not known scores 0: withholding a fact can never raise a score, and
answering the open question can never lower it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from services.matching.engine.scoring.columns import Column, HomeColumns, ProjectColumns

FULL = 1_000_000
WEIGHT_TOTAL = 1_000
SCORE_SCALE = FULL * WEIGHT_TOTAL

CRITERIA = (
    "industry_fit",
    "text_similarity",
    "plant_and_space",
    "fund_within_caps",
    "distance",
    "city_cluster",
    "track_record",
    "team_preference",
    "talent",
    "own_enclave",
)
DEFAULT_WEIGHTS: Mapping[str, int] = dict(
    zip(CRITERIA, (320, 120, 120, 120, 80, 60, 100, 40, 20, 20), strict=True)
)
TEAM_WEIGHTS: Mapping[str, int] = dict(
    zip(CRITERIA, (80, 20, 200, 200, 120, 60, 40, 180, 100, 0), strict=True)
)
"""What a team asks of a place: room and plant, money, its own wish, not too far, people to hire, its trade's
suppliers nearby. Fixed and the same for all; in whose enclave the project sits is the home unit's concern."""

TEAM_COLUMN = np.array([TEAM_WEIGHTS[name] for name in CRITERIA], np.int32)

DISTANCE_ZERO_M = 2_000_000
PRIOR_LANDED, PRIOR_NOT_LANDED = 2, 8
TALENT_HALF = 200
PREFERENCE_BY_PLACE = (1_000_000, 900_000, 800_000, 700_000, 600_000, 500_000)


class PairColumns(NamedTuple):
    """What only a pair has. −1: not known."""

    industry: Column
    text: Column
    distance_m: Column
    preference: Column
    policy: Column


def normalised(weights: Mapping[str, int] | None) -> tuple[int, ...]:
    """Integer weights that sum to 1,000, by largest remainder; ties go to the earlier criterion."""
    chosen = DEFAULT_WEIGHTS if weights is None else weights
    unknown = set(chosen) - set(CRITERIA)
    raw = [chosen.get(name, 0) for name in CRITERIA]
    total = sum(raw)
    if unknown or total <= 0 or min(raw) < 0:
        raise ValueError(
            f"weights must be non-negative, not all zero, and of known criteria: {sorted(unknown)}"
        )
    floors = [w * WEIGHT_TOTAL // total for w in raw]
    by_remainder = sorted(range(len(raw)), key=lambda i: (-(raw[i] * WEIGHT_TOTAL % total), i))
    for i in by_remainder[: WEIGHT_TOTAL - sum(floors)]:
        floors[i] += 1
    return tuple(floors)


def track_record(landed: int | None, admitted: int | None) -> int:
    """Posterior mean of the landing rate under a fixed Beta(2, 8) prior; −1 if not known."""
    if landed is None or admitted is None:
        return -1
    if not 0 <= landed <= admitted:
        raise ValueError("landed_count must lie between 0 and admitted_count")
    return (landed + PRIOR_LANDED) * FULL // (admitted + PRIOR_LANDED + PRIOR_NOT_LANDED)


def talent(count: int | None) -> int:
    """Saturating: half the scale at 200 talents."""
    return -1 if count is None else count * FULL // (count + TALENT_HALF)


def preference(place: int) -> int:
    """The team's first wish counts fully, each later one a tenth less, never below a half."""
    return PREFERENCE_BY_PLACE[min(place, len(PREFERENCE_BY_PLACE) - 1)]


def _scaled(value: Any) -> Any:
    return np.minimum(np.maximum(value, 0.0), 1e6).astype(np.int32)


def space_headroom(sure_m2: Column, need_m2: Column) -> Any:
    """0 where the space just fits, 1 from three times the need on; 1 for no need."""
    headroom = _scaled(np.subtract(sure_m2, need_m2, dtype=np.float64) * 5e5 / abs(need_m2 + (need_m2 == 0)))
    return np.maximum(headroom, (need_m2 == -1) * np.int32(FULL))


def fund_headroom(sure_cny: Column, amount_cny: Column) -> Any:
    """The share of the cap that the request leaves; 1 for no request."""
    headroom = _scaled(np.subtract(sure_cny, amount_cny, dtype=np.float64) * 1e6 / np.maximum(sure_cny, 1))
    return np.where(amount_cny == -1, np.int32(FULL), headroom)


def nearness(distance_m: Column) -> Any:
    """1 at the host's door, falling in a straight line to 0 at 2,000 km."""
    near = np.maximum((DISTANCE_ZERO_M - distance_m) >> 1, 0)
    return near * (distance_m >= 0)


class Formula(NamedTuple):
    """``of``: the only columns of a project it looks at; None if it looks at figures that many differ in."""

    column: Callable[[HomeColumns, ProjectColumns, PairColumns], Column]
    of: tuple[str, ...] | None = None


FORMULAS = (
    Formula(lambda home, project, pair: np.maximum(pair.industry, 0)),
    Formula(lambda home, project, pair: np.maximum(pair.text, 0)),
    Formula(lambda home, project, pair: space_headroom(home.space_sure_m2, project.space_at_most_m2)),
    Formula(lambda home, project, pair: fund_headroom(home.fund_sure_cny, project.fund_at_most_cny)),
    Formula(lambda home, project, pair: nearness(pair.distance_m), ("host",)),
    Formula(
        lambda home, project, pair: ((home.clusters & project.clusters) != 0) * np.int32(FULL), ("clusters",)
    ),
    Formula(lambda home, project, pair: np.maximum(home.track_record, 0), ()),
    Formula(lambda home, project, pair: pair.preference),
    Formula(lambda home, project, pair: np.maximum(home.talent, 0), ()),
    Formula(
        lambda home, project, pair: (project.enclave_code == home.code) * np.int32(FULL), ("enclave_code",)
    ),
)
"""In the order of ``CRITERIA``."""


def scores(home: HomeColumns, project: ProjectColumns, pair: PairColumns) -> tuple[Column, ...]:
    """One integer column per criterion, in the order of CRITERIA."""
    return tuple(formula.column(home, project, pair) for formula in FORMULAS)
