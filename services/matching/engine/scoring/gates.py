"""The hard gates. Each answers pass, unknown or fail for every pair; an unknown is not a pass."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring.columns import SMALL_MAX, Column, HomeColumns, ProjectColumns
from services.matching.engine.scoring.criteria import Formula, PairColumns

PASS, UNKNOWN, FAIL = 0, 1, 2
OUTCOMES = ("pass", "unknown", "fail")
GATES = ("stage", "plant_class", "policy", "fund", "space", "legal_lock", "max_distance")


def _membership(matched: Any, home_refusal: Column, project_refusal: Column = FAIL) -> Any:
    """A refusal is only unknown (1) when either side has not said, else certain (2)."""
    return np.logical_not(matched) * np.minimum(home_refusal, project_refusal)


def _threshold(at_most: Column, at_least: Column, sure: Column, possible: Column) -> Any:
    """Pass if the worst case fits what is sure; fail if the best case exceeds what is possible.

    Whatever exceeds what is possible in the best case also exceeds what is sure in the worst.
    """
    return np.add(np.greater(at_most, sure), np.greater(at_least, possible), dtype=np.int8)


def _max_distance(project: ProjectColumns, pair: PairColumns) -> Any:
    distance, limit = pair.distance_m, project.max_distance_m
    return _threshold(np.where(distance < 0, SMALL_MAX, distance), distance, limit, limit)


FORMULAS = (
    Formula(
        lambda home, project, pair: _membership(home.accepted_stages & project.stage_bit, home.stage_refusal),
        ("stage_bit",),
    ),
    Formula(
        lambda home, project, pair: _membership(
            home.accepted_plants & project.plant_bit, home.plant_refusal, project.plant_refusal
        ),
        ("plant_bit", "plant_refusal"),
    ),
    Formula(
        lambda home, project, pair: _membership(pair.policy, home.policy_refusal, project.policy_refusal)
    ),
    Formula(
        lambda home, project, pair: _threshold(
            project.fund_at_most_cny, project.fund_at_least_cny, home.fund_sure_cny, home.fund_at_most_cny
        )
    ),
    Formula(
        lambda home, project, pair: _threshold(
            project.space_at_most_m2, project.space_at_least_m2, home.space_sure_m2, home.space_at_most_m2
        )
    ),
    Formula(
        lambda home, project, pair: (
            ((project.lock_code != -1) & (project.lock_code != home.code)) * np.int8(FAIL)
        ),
        ("lock_code",),
    ),
    Formula(lambda home, project, pair: _max_distance(project, pair), ("host", "max_distance_m")),
)
"""In the order of ``GATES``."""


def evaluate(home: HomeColumns, project: ProjectColumns, pair: PairColumns, size: int) -> NDArray[np.int8]:
    """Outcomes as a matrix of gates × candidates."""
    outcomes = np.empty((len(GATES), size), np.int8)
    for row, formula in zip(outcomes, FORMULAS, strict=True):
        row[:] = formula.column(home, project, pair)
    return outcomes
