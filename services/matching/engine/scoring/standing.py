"""Where one home unit stands for one project, and where it would stand if a fact were another."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import criteria, evaluation, gates
from services.matching.engine.scoring.columns import HomeColumns
from services.matching.engine.scoring.compilation import CompiledHome
from services.matching.engine.scoring.criteria import CRITERIA, PairColumns
from services.matching.engine.scoring.features import ProjectFeatures
from services.matching.engine.scoring.gates import GATES, PASS
from services.matching.engine.scoring.snapshot import Snapshot

_CHUNK = 64
FUND, SPACE = "fund", "space"
_SCALED = {FUND: "fund_within_caps", SPACE: "plant_and_space"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one home unit: every gate's outcome, and the place among all that pass (None: it does not)."""

    gates: dict[str, int]
    rank: int | None

    @property
    def passes(self) -> bool:
        """Tell whether every gate passes."""
        return max(self.gates.values()) == PASS


class Standing:
    """One project as it is, judged against every home unit, seen from one of them."""

    def __init__(self, snapshot: Snapshot, project: ProjectFeatures, home_unit_id: str) -> None:
        self.snapshot, self.project = snapshot, snapshot.compiled(project)
        self.row = snapshot.home_table.rows[home_unit_id]
        self.home: CompiledHome = snapshot.home_rows[self.row]
        result, self._pair, self._scores = evaluation.for_project(snapshot, self.project)
        self._outcomes, self._points = result.outcomes, result.total
        ids = snapshot.home_table.ids
        self._earlier = np.fromiter((other < home_unit_id for other in ids), np.bool_, len(ids))
        verdict = self._outcomes.max(axis=0)
        self.outcome = self._outcome_of(verdict == PASS, self._points, self._outcomes[:, self.row])

    def _outcome_of(
        self, permitted: NDArray[np.bool_], points: NDArray[np.int32], own: NDArray[np.int8]
    ) -> Outcome:
        mine = points[self.row]
        ahead = permitted & ((points > mine) | ((points == mine) & self._earlier))
        outcomes = dict(zip(GATES, own.tolist(), strict=True))
        return Outcome(outcomes, int(np.count_nonzero(ahead)) + 1 if permitted[self.row] else None)

    def with_project(self, features: ProjectFeatures) -> Outcome:
        """Judge everybody again for a project of other features."""
        result, _, _ = evaluation.for_project(self.snapshot, self.snapshot.compiled(features))
        passed = result.outcomes.max(axis=0) == PASS
        return self._outcome_of(passed, result.total, result.outcomes[:, self.row])

    def points_needed(self, rank: int) -> int:
        """How many points the home unit needs for a rank while all others stay as they are."""
        others = self._outcomes.max(axis=0) == PASS
        others[self.row] = False
        rows = np.flatnonzero(others)
        if rows.size < rank:
            return 0
        keys = np.sort(2 * self._points[rows].astype(np.int64) + self._earlier[rows])[::-1]
        return int(keys[rank - 1] + 1) // 2

    def pair(self, **changes: int | bool) -> PairColumns:
        """The facts of this pair alone, some of them other."""
        pair, row = self._pair, self.row
        policy = pair.policy if isinstance(pair.policy, bool) else bool(pair.policy[row])
        own = PairColumns(
            int(pair.industry[row]),
            int(pair.text[row]),
            int(pair.distance_m[row]),
            int(pair.preference[row]),
            policy,
        )
        return own._replace(**changes)

    def with_home(
        self, home: HomeColumns, pair: PairColumns, count: int
    ) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Outcomes (gates × count) and points of the home unit with one column of other values."""
        outcomes, points = gates.evaluate(home, self.project.row, pair, count), np.zeros(count, np.int64)
        columns = criteria.scores(home, self.project.row, pair)
        for weight, column in zip(self.home.weights, columns, strict=True):
            points += np.multiply(column, weight, dtype=np.int64)
        return outcomes, points

    def first_that_wins(self, gate: str, values: list[int], rank: int) -> int | None:
        """The first of some needs (CNY or m², all above zero) with which the home unit has the rank."""
        names, criterion = list(GATES), CRITERIA.index(_SCALED[gate])
        others = np.delete(self._outcomes, names.index(gate), axis=0).max(axis=0) == PASS
        if not others[self.row]:
            return None
        rows = np.flatnonzero(others)
        place = int(np.searchsorted(rows, self.row))
        view = self.snapshot.home_table.view
        sure = (view.fund_sure_cny if gate == FUND else view.space_sure_m2)[rows]
        headroom = criteria.fund_headroom if gate == FUND else criteria.space_headroom
        weights = self.snapshot.weights[criterion][rows]
        base, earlier = self._points[rows] - weights * self._scores[criterion][rows], self._earlier[rows]
        for start in range(0, len(values), _CHUNK):
            needs = np.array(values[start : start + _CHUNK], np.int64)[:, None]
            points = base + weights * headroom(sure[None, :], needs)
            passed, mine = needs <= sure, points[:, place, None]
            ahead = passed & ((points > mine) | ((points == mine) & earlier))
            good = passed[:, place] & (np.count_nonzero(ahead, axis=1) < rank)
            if good.any():
                return int(needs[int(good.argmax()), 0])
        return None


def changed_row(home: CompiledHome, **columns: object) -> HomeColumns:
    """A home unit's row with other values, which may be columns."""
    return replace(home.row, **columns)
