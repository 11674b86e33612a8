"""Gates and scores for one project against all home units, or one home unit against all projects."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import reduce
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import criteria, gates
from services.matching.engine.scoring.columns import Column, ProjectColumns, grown
from services.matching.engine.scoring.compilation import CompiledHome, CompiledProject
from services.matching.engine.scoring.criteria import PairColumns
from services.matching.engine.scoring.snapshot import Snapshot, bounded
from services.matching.engine.scoring.text import FULL_SCALE, similarity

_LENSES = 16
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


def for_home(snapshot: Snapshot, home: CompiledHome, *, both_sides: bool = False) -> Evaluation:
    """The evaluation of every project, remembered for the home units asked for last."""
    lens = snapshot.lenses.pop(home.features.id, None)
    if lens is None or lens.home is not home:
        lens = Lens(snapshot, home)
    snapshot.lenses[home.features.id] = lens
    if len(snapshot.lenses) > _LENSES:
        snapshot.lenses.popitem(last=False)
    return lens.evaluation(both_sides)


class Lens:
    """One home unit's evaluation of every project; only changed projects are evaluated again."""

    def __init__(self, snapshot: Snapshot, home: CompiledHome) -> None:
        self._snapshot, self.home = snapshot, home
        self._outcomes = np.zeros((len(gates.GATES), 16), np.int8)
        self._total = np.zeros(16, np.int32)
        self._team: NDArray[np.int32] | None = None
        self._epoch, self._seen = -1, 0
        self._grams = frozenset(home.grams.tolist())
        self._fits = self._supports = np.zeros(0, np.int32)

    def evaluation(self, both_sides: bool = False) -> Evaluation:
        log, size = self._snapshot.project_log, len(self._snapshot.project_rows)
        if both_sides and self._team is None:
            self._team, self._epoch = np.zeros(16, np.int32), -1
        fresh = self._epoch == self._snapshot.project_epoch
        changed = sorted({row for row in log[self._seen :] if row < size}) if fresh else []
        if not fresh or 4 * len(changed) > size:
            self._apply(slice(0, size), self._all_texts(size), size)
        elif changed:
            self._apply(np.array(changed, np.int64), self._some_texts(changed), size)
        self._epoch, self._seen = self._snapshot.project_epoch, len(log)
        team = None if self._team is None else self._team[:size]
        return Evaluation(self._outcomes[:, :size], self._total[:size], team)

    def _all_texts(self, size: int) -> Any:
        shared = self._snapshot.project_segments.shared(self.home.grams, size)
        return text_column(shared, len(self.home.grams), self._snapshot.project_table.view.gram_count)

    def _some_texts(self, rows: list[int]) -> Any:
        projects, size = self._snapshot.project_rows, len(self.home.grams)
        values = []
        for row in rows:
            grams = projects[row].grams
            shared = len(self._grams.intersection(grams.tolist()))
            values.append(similarity(shared, size, len(grams)))
        return np.array(values, np.int32)

    def _apply(self, rows: Any, texts: Any, size: int) -> None:
        self._outcomes, self._total = grown(self._outcomes, size), grown(self._total, size)
        view = self._snapshot.project_table.view
        projects = ProjectColumns(**{f.name: getattr(view, f.name)[rows] for f in fields(view)})
        patterns, count = self._snapshot.patterns, len(projects.pattern)
        self._fits = np.append(self._fits, patterns.fits(self.home.nodes, len(self._fits)))
        self._supports = np.append(
            self._supports, patterns.supports(self.home.policy_nodes, len(self._supports))
        )
        pair = PairColumns(
            industry=self._fits[projects.pattern],
            text=texts,
            distance_m=patterns.distances(self.home.place)[projects.host],
            preference=self._preferences(size)[rows],
            policy=(self._supports[projects.pattern] > 0) | (projects.fund_at_most_cny == -1),
        )
        columns = criteria.scores(self.home.row, projects, pair)
        self._outcomes[:, rows] = gates.evaluate(self.home.row, projects, pair, count)
        self._total[rows] = _weighed(self.home.weights, columns, count)
        if self._team is not None:
            self._team = grown(self._team, size)
            self._team[rows] = _weighed(criteria.TEAM_COLUMN.tolist(), columns, count)

    def _preferences(self, size: int) -> NDArray[np.int32]:
        column, home_id = np.zeros(size, np.int32), self.home.features.id
        for project_id in self._snapshot.preferring.get(home_id, ()):
            row = self._snapshot.project_table.rows[project_id]
            wishes = self._snapshot.project_rows[row].features.preferred_home_unit_ids
            column[row] = criteria.preference(wishes.index(home_id))
        return column


def _weighed(weights: Iterable[int], columns: Iterable[Column], count: int) -> NDArray[np.int32]:
    total = np.zeros(count, np.int32)
    for weight, column in zip(weights, columns, strict=True):
        total += np.multiply(column, weight, dtype=np.int32)
    return total
