"""Gates and scores for one project against all home units."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import criteria, gates
from services.matching.engine.scoring.columns import ProjectColumns
from services.matching.engine.scoring.compilation import CompiledProject
from services.matching.engine.scoring.criteria import PairColumns
from services.matching.engine.scoring.snapshot import Snapshot, bounded
from services.matching.engine.scoring.text import FULL_SCALE

_TEXT_FACTOR = 1_000_000 / FULL_SCALE


def _facts_of(names: tuple[str, ...]) -> Callable[[ProjectColumns], Any]:
    return attrgetter(*names) if names else lambda project: None


_FORMULAS = tuple(
    (number, formula, None if formula.of is None else _facts_of(formula.of))
    for number, formula in enumerate((*criteria.FORMULAS, *gates.FORMULAS))
)
"""With each what it looks at of a project where that is little."""


@dataclass(slots=True)
class Evaluation:
    """Outcomes per gate and candidate, and the points each candidate has or would have.

    ``team``: its points by the team's weights; None where they were not asked for.
    """

    outcomes: NDArray[np.int8]
    total: NDArray[np.int32]
    team: NDArray[np.int32] | None = None


def text_column(shared: NDArray[np.integer], grams: int, gram_counts: NDArray[np.int32]) -> Any:
    """−1 where either text is empty; the same arithmetic as ``text.similarity``."""
    if not grams:
        return np.full(len(gram_counts), -1, np.int32)
    lengths = np.multiply(np.maximum(gram_counts, 1), float(grams))
    scaled = np.minimum(shared * _TEXT_FACTOR / np.sqrt(lengths), 1e6).astype(np.int32)
    return scaled - (gram_counts == 0)


def pairs_of_project(snapshot: Snapshot, project: CompiledProject) -> PairColumns:
    size = len(snapshot.home_rows)
    preference = np.zeros(size, np.int32)
    wishes = project.features.preferred_home_unit_ids
    for place, home_unit_id in reversed(list(enumerate(wishes))):
        row = snapshot.home_table.rows.get(home_unit_id)
        if row is not None:
            preference[row] = criteria.preference(place)
    fits = [snapshot.industry_column(key) for key in project.keys]
    supports = [snapshot.policy_column(key) for key in project.keys]
    asks_nothing = project.row.fund_at_most_cny == -1
    return PairColumns(
        industry=reduce(np.maximum, fits) if fits else np.full(size, -1, np.int32),
        text=text_column(
            snapshot.home_postings.shared(project.grams, size),
            len(project.grams),
            snapshot.home_table.view.gram_count,
        ),
        distance_m=snapshot.distance_column(project.place),
        preference=preference,
        policy=True if asks_nothing else reduce(np.logical_or, supports) if supports else False,
    )


def for_project(
    snapshot: Snapshot, project: CompiledProject
) -> tuple[Evaluation, PairColumns, NDArray[np.int32]]:
    """The evaluation of every home unit with the pair facts and the scores per criterion."""
    homes, size = snapshot.home_table.view, len(snapshot.home_rows)
    pair, given = pairs_of_project(snapshot, project), snapshot.given
    scores = np.empty((len(criteria.FORMULAS), size), np.int32)
    outcomes = np.empty((len(gates.FORMULAS), size), np.int8)
    for (number, formula, facts_of), line in zip(_FORMULAS, (*scores, *outcomes), strict=True):
        if facts_of is None:
            line[:] = formula.column(homes, project.row, pair)
            continue
        key = number, facts_of(project.row)
        column = given.get(key)
        if column is None:
            line[:] = formula.column(homes, project.row, pair)
            bounded(given)[key] = line.copy()
        else:
            line[:] = column
    return Evaluation(outcomes, np.einsum("ij,ij->j", scores, snapshot.weights)), pair, scores
