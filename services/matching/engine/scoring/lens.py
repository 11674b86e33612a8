"""Gates and scores for one home unit against all projects, remembered for the home units asked for last."""

from collections.abc import Iterable
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import criteria, gates
from services.matching.engine.scoring.columns import Column, ProjectColumns, grown
from services.matching.engine.scoring.compilation import CompiledHome
from services.matching.engine.scoring.criteria import PairColumns
from services.matching.engine.scoring.evaluation import Evaluation, text_column
from services.matching.engine.scoring.snapshot import Snapshot

_LENSES = 16


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

    def evaluation(self, both_sides: bool = False) -> Evaluation:
        log, size = self._snapshot.project_log, len(self._snapshot.project_rows)
        if both_sides and self._team is None:
            self._team, self._epoch = np.zeros(16, np.int32), -1
        fresh = self._epoch == self._snapshot.project_epoch
        changed = sorted({row for row in log[self._seen :] if row < size}) if fresh else []
        if not fresh or 4 * len(changed) > size:
            self._apply(slice(0, size), size)
        elif changed:
            self._apply(np.array(changed, np.int64), size)
        self._epoch, self._seen = self._snapshot.project_epoch, len(log)
        team = None if self._team is None else self._team[:size]
        return Evaluation(self._outcomes[:, :size], self._total[:size], team)

    def _apply(self, rows: slice | NDArray[np.int64], size: int) -> None:
        self._outcomes, self._total = grown(self._outcomes, size), grown(self._total, size)
        view = self._snapshot.project_table.view
        projects = ProjectColumns(**{f.name: getattr(view, f.name)[rows] for f in fields(view)})
        patterns, count = self._snapshot.patterns, len(projects.pattern)
        supports = patterns.over(patterns.supports(self.home.policy_nodes), projects.pattern)
        pair = PairColumns(
            industry=patterns.over(patterns.fits(self.home.nodes), projects.pattern),
            text=text_column(self._shared(rows, size), len(self.home.grams), projects.gram_count),
            distance_m=patterns.distances(self.home.place)[projects.host],
            preference=self._preferences(size)[rows],
            policy=(supports > 0) | (projects.fund_at_most_cny == -1),
        )
        columns = criteria.scores(self.home.row, projects, pair)
        self._outcomes[:, rows] = gates.evaluate(self.home.row, projects, pair, count)
        self._total[rows] = _weighed(self.home.weights, columns, count)
        if self._team is not None:
            self._team = grown(self._team, size)
            self._team[rows] = _weighed(criteria.TEAM_COLUMN.tolist(), columns, count)

    def _shared(self, rows: slice | NDArray[np.int64], size: int) -> NDArray[np.integer]:
        segments, grams = self._snapshot.project_segments, self.home.grams
        return segments.shared(grams, size) if isinstance(rows, slice) else segments.shared_of(rows, grams)

    def _preferences(self, size: int) -> NDArray[np.int32]:
        column, row_of = np.zeros(size, np.int32), self._snapshot.project_table.rows
        wishes = self._snapshot.preferring.get(self.home.features.id, {})
        column[[row_of[project_id] for project_id in wishes]] = [
            criteria.preference(place) for place in wishes.values()
        ]
        return column


def _weighed(weights: Iterable[int], columns: Iterable[Column], count: int) -> NDArray[np.int32]:
    total = np.zeros(count, np.int32)
    for weight, column in zip(weights, columns, strict=True):
        total += np.multiply(column, weight, dtype=np.int32)
    return total
