"""Gates and scores for one home unit against all projects, remembered for the home units asked for last."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import criteria, gates
from services.matching.engine.scoring.columns import Column, ProjectColumns, grown
from services.matching.engine.scoring.compilation import CompiledHome
from services.matching.engine.scoring.criteria import PairColumns
from services.matching.engine.scoring.evaluation import Evaluation, text_column
from services.matching.engine.scoring.patterns import FITS, SUPPORTED
from services.matching.engine.scoring.snapshot import Snapshot

_LENSES = 16
_MOST_GRAMS = 1 << 15
_WISHES = np.array(criteria.PREFERENCE_BY_PLACE, np.int32)
_PREFERENCE = criteria.CRITERIA.index("team_preference")


class Compiled:
    """The compiled form of a first look at all projects; None until ``compile_lens`` has been called."""

    kernel: Any = None


def compile_lens(snapshot: Snapshot) -> None:
    """Have the compiled form ready, tried on a snapshot with a home unit; without a compiler do nothing."""
    try:
        from services.matching.engine.scoring import lens_kernel
    except ImportError:
        return
    Lens(snapshot, snapshot.home_rows[0]).look_with(lens_kernel, len(snapshot.project_rows))
    Compiled.kernel = lens_kernel


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
            self._all(size)
        elif changed:
            self._apply(np.array(changed, np.int64), size)
        self._epoch, self._seen = self._snapshot.project_epoch, len(log)
        team = None if self._team is None else self._team[:size]
        return Evaluation(self._outcomes[:, :size], self._total[:size], team)

    def _all(self, size: int) -> None:
        kernel = Compiled.kernel
        if kernel is None or len(self.home.grams) >= _MOST_GRAMS:
            self._apply(slice(0, size), size)
        else:
            self.look_with(kernel, size)

    def look_with(self, kernel: Any, size: int) -> None:
        """Evaluate every project with the compiled form."""
        self._outcomes, self._total = grown(self._outcomes, size), grown(self._total, size)
        home, projects = _home(kernel, self._snapshot, self.home), _projects(kernel, self._snapshot)
        shared = self._snapshot.project_segments.shared(self.home.grams, size, kernel)
        rows, preferences = self._wishes()
        kernel.see(home, projects, shared, self._outcomes, self._total[:size])
        self._total[rows] += preferences * home.weights[_PREFERENCE]
        if self._team is not None:
            self._team = grown(self._team, size)
            team = home._replace(weights=criteria.TEAM_COLUMN)
            kernel.see(team, projects, shared, self._outcomes, self._team[:size])
            self._team[rows] += preferences * team.weights[_PREFERENCE]

    def _apply(self, rows: slice | NDArray[np.int64], size: int) -> None:
        self._outcomes, self._total = grown(self._outcomes, size), grown(self._total, size)
        view = self._snapshot.project_table.view
        projects = ProjectColumns(**{f.name: getattr(view, f.name)[rows] for f in fields(view)})
        patterns, count = self._snapshot.patterns, len(projects.pattern)
        marks = patterns.marks(self.home.nodes, self.home.policy_nodes)
        if isinstance(rows, slice):
            seen = patterns.all_marked(marks)[projects.pattern]
        else:
            seen = patterns.marked(marks, projects.pattern)
        pair = PairColumns(
            industry=FITS[seen],
            text=text_column(self._shared(rows, size), len(self.home.grams), projects.gram_count),
            distance_m=patterns.distances(self.home.place)[projects.host],
            preference=self._preferences(size)[rows],
            policy=(seen >= SUPPORTED) | (projects.fund_at_most_cny == -1),
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
        column = np.zeros(size, np.int32)
        rows, preferences = self._wishes()
        column[rows] = preferences
        return column

    def _wishes(self) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """The rows of the projects whose teams wish for the home unit, and what each wish scores."""
        wishes = self._snapshot.preferring.get(self.home.features.id, {})
        rows = np.fromiter(wishes.keys(), np.intp, len(wishes))
        places = np.fromiter(wishes.values(), np.intp, len(wishes))
        return rows, _WISHES[np.minimum(places, len(_WISHES) - 1)]


def _home(kernel: Any, snapshot: Snapshot, home: CompiledHome) -> Any:
    patterns, row = snapshot.patterns, home.row
    marks = patterns.marks(home.nodes, home.policy_nodes)
    seen = np.empty(len(patterns), np.uint8)
    kernel.mark(patterns.first_few, marks, seen)
    return kernel.Home(
        code=row.code,
        accepted_stages=row.accepted_stages,
        stage_refusal=row.stage_refusal,
        accepted_plants=row.accepted_plants,
        plant_refusal=row.plant_refusal,
        space_sure=row.space_sure_m2,
        space_at_most=row.space_at_most_m2,
        fund_sure=row.fund_sure_cny,
        fund_at_most=row.fund_at_most_cny,
        policy_refusal=row.policy_refusal,
        clusters=row.clusters,
        grams=row.gram_count,
        track_record=max(row.track_record, 0),
        talent=max(row.talent, 0),
        weights=np.array(home.weights, np.int32),
        marks=patterns.with_long(marks, seen),
        fits=FITS,
        distances=patterns.distances(home.place),
    )


def _projects(kernel: Any, snapshot: Snapshot) -> Any:
    view = snapshot.project_table.view
    return kernel.Projects(*(getattr(view, field.name) for field in fields(view)))


def _weighed(weights: Iterable[int], columns: Iterable[Column], count: int) -> NDArray[np.int32]:
    total = np.zeros(count, np.int32)
    for weight, column in zip(weights, columns, strict=True):
        total += np.multiply(column, weight, dtype=np.int32)
    return total
