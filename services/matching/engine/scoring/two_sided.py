"""Both sides of a pair: what the home unit wants of the project, and what the project wants of the home unit.

v weighs the criteria as the home unit does, u as a team does. Both are whole millionths. The reciprocal
score is their harmonic mean, so one side's love alone is worth little; the scarcity-adjusted score takes from
it what a place in the home unit was worth in the last published round.
"""

from collections.abc import Iterable, Sequence
from operator import mul
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.reciprocal import reciprocal
from services.matching.engine.scoring import evaluation
from services.matching.engine.scoring.compilation import CompiledProject
from services.matching.engine.scoring.criteria import CRITERIA, TEAM_COLUMN, TEAM_WEIGHTS
from services.matching.engine.scoring.gates import PASS
from services.matching.engine.scoring.snapshot import Snapshot

QUANTUM = 1_000
"""Points per millionth: scores that decide between two sides are quantised once, downwards."""

_KNOWN = 1 << 40
_TEAM = tuple(TEAM_WEIGHTS[name] for name in CRITERIA)

ORDERS = ("score", "reciprocal", "scarcity_adjusted")


class TwoSided(NamedTuple):
    """Columns over the candidates: whether every gate passes, and both scores in millionths."""

    permitted: NDArray[np.bool_]
    u: NDArray[np.int32]
    v: NDArray[np.int32]


class PairScores(NamedTuple):
    """One pair in millionths; None where no shadow price is known."""

    project: int
    home_unit: int
    reciprocal: int
    shadow_price: int | None
    scarcity_adjusted: int | None


def scores_of_project(snapshot: Snapshot, project: CompiledProject) -> TwoSided:
    """Every home unit for one project, in the row order of ``snapshot.home_table.ids``."""
    result, _, scores = evaluation.for_project(snapshot, project)
    return quantised(result.outcomes, team_points(scores), result.total)


def team_points(scores: NDArray[np.int32]) -> NDArray[np.int32]:
    """Σ team weight × score per candidate, of a matrix of criteria × candidates; a billion is perfect."""
    points: NDArray[np.int32] = np.einsum("ij,i->j", scores, TEAM_COLUMN)
    return points


def pair_scores(scores: Sequence[int], home_unit_points: int, price: int | None) -> PairScores:
    """Both sides of one pair from its scores per criterion and the home unit's points."""
    u, v = sum(map(mul, _TEAM, scores)) // QUANTUM, home_unit_points // QUANTUM
    both = reciprocal(u, v)
    return PairScores(u, v, both, price, None if price is None else both - price)


def order_keys(order: str, pairs: TwoSided, prices: Iterable[int | None]) -> NDArray[np.int64]:
    """What to rank by, the greatest first.

    By scarcity a home unit without a shadow price stands behind all with one: not known is not zero.
    """
    both: NDArray[np.int64] = reciprocal(pairs.u, pairs.v)
    if order == "reciprocal":
        return both
    if order != "scarcity_adjusted":
        raise ValueError(f"no such order: {order}")
    column = list(prices)
    known = np.array([price is not None for price in column], np.bool_)
    adjusted = both - np.array([price or 0 for price in column], np.int64)
    return np.where(known, adjusted + _KNOWN, both)


def quantised(outcomes: NDArray[np.int8], team: NDArray[np.int32], own: NDArray[np.int32]) -> TwoSided:
    """Both sides in millionths, from outcomes of gates × candidates and the points of either side."""
    return TwoSided(outcomes.max(axis=0) == PASS, team // QUANTUM, own // QUANTUM)
