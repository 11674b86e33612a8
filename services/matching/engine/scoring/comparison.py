"""One home unit as it is and as it might be, against the same projects; nothing on file changes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring.evaluation import Evaluation
from services.matching.engine.scoring.features import HomeUnitFeatures
from services.matching.engine.scoring.gates import FAIL, GATES, OUTCOMES, PASS, UNKNOWN
from services.matching.engine.scoring.lens import Lens, for_home
from services.matching.engine.scoring.ranking import best_rows
from services.matching.engine.scoring.snapshot import Snapshot

TOP, LISTED = 10, 20


class Standing(NamedTuple):
    """How one project stands: the score it has or would have, its rank if feasible, and gates not passed."""

    score: int
    rank: int | None
    obstacles: tuple[tuple[str, str], ...]


class Compared(NamedTuple):
    """One project before and after."""

    project_id: str
    title: str
    before: Standing
    after: Standing


class GateTally(NamedTuple):
    """For how many projects a gate passes, is unknown and fails."""

    gate: str
    passed: int
    unknown: int
    failed: int


class Outlook(NamedTuple):
    """What one state of the home unit means for all projects; ``best`` in the order of that state."""

    feasible: int
    open: int
    refused: int
    gates: tuple[GateTally, ...]
    best: tuple[Compared, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both outlooks, and which projects become feasible (best first) and cease to be (best before first)."""

    considered: int
    before: Outlook
    after: Outlook
    gained_count: int
    gained: tuple[Compared, ...]
    lost_count: int
    lost: tuple[Compared, ...]
    feasible_ids: frozenset[str]
    """Of ``watched``, the projects that are feasible afterwards."""


def compare(
    snapshot: Snapshot,
    changed: HomeUnitFeatures,
    among: Collection[str] | None = None,
    watched: Collection[str] = (),
) -> Comparison:
    """Compare a home unit on file with what it might be.

    ``among``: the only projects to consider, None for all on file. ``watched``: projects of which
    ``feasible_ids`` tells. Raises ``ValueError`` for features that no home unit can have.
    """
    table = snapshot.project_table
    known = table.rows if among is None else table.rows.keys() & among
    rows = None if among is None else sorted(table.rows[name] for name in known)
    before = for_home(snapshot, snapshot.home_unit(changed.id))
    after = Lens(snapshot, snapshot.hypothetical(changed)).evaluation()
    pair = _Pair(snapshot, rows, before, after)
    became = pair.after.feasible & ~pair.before.feasible
    ceased = pair.before.feasible & ~pair.after.feasible
    return Comparison(
        len(known),
        pair.outlook(pair.before),
        pair.outlook(pair.after),
        int(np.count_nonzero(became)),
        pair.best(pair.after, became, LISTED),
        int(np.count_nonzero(ceased)),
        pair.best(pair.before, ceased, LISTED),
        frozenset(
            name
            for name in watched
            if name in known and after.outcomes[:, table.rows[name]].max(initial=PASS) == PASS
        ),
    )


class _State:
    """An evaluation of the projects considered, in their order."""

    def __init__(self, evaluation: Evaluation, rows: Sequence[int] | None) -> None:
        chosen = slice(None) if rows is None else rows
        self.outcomes: NDArray[np.int8] = evaluation.outcomes[:, chosen]
        self.total: NDArray[np.int32] = evaluation.total[chosen]
        self.verdict: NDArray[np.int8] = self.outcomes.max(axis=0)
        self.feasible: NDArray[np.bool_] = self.verdict == PASS

    def standing(self, place: int, ids: Sequence[str]) -> Standing:
        score = int(self.total[place])
        gates = self.outcomes[:, place].tolist()
        obstacles = tuple(
            (name, OUTCOMES[gate]) for name, gate in zip(GATES, gates, strict=True) if gate != PASS
        )
        return Standing(score, None if obstacles else self._rank(place, score, ids), obstacles)

    def _rank(self, place: int, score: int, ids: Sequence[str]) -> int:
        better = int(np.count_nonzero(self.feasible & (self.total > score)))
        tied = np.flatnonzero(self.feasible & (self.total == score)).tolist()
        return 1 + better + sum(ids[other] < ids[place] for other in tied)


class _Pair:
    def __init__(
        self, snapshot: Snapshot, rows: Sequence[int] | None, before: Evaluation, after: Evaluation
    ) -> None:
        ids, projects = snapshot.project_table.ids, snapshot.project_rows
        self._ids = ids if rows is None else [ids[row] for row in rows]
        self._projects = projects if rows is None else [projects[row] for row in rows]
        self.before, self.after = _State(before, rows), _State(after, rows)

    def best(self, state: _State, allowed: NDArray[np.bool_], limit: int) -> tuple[Compared, ...]:
        return tuple(self._compared(place) for place in best_rows(state.total, allowed, self._ids, limit))

    def outlook(self, state: _State) -> Outlook:
        counts = {value: np.count_nonzero(state.outcomes == value, axis=1) for value in (PASS, UNKNOWN, FAIL)}
        tallies = zip(*(counts[value].tolist() for value in (PASS, UNKNOWN, FAIL)), strict=True)
        feasible, undecided, refused = (
            int(np.count_nonzero(state.verdict == value)) for value in (PASS, UNKNOWN, FAIL)
        )
        return Outlook(
            feasible,
            undecided,
            refused,
            tuple(GateTally(gate, *tally) for gate, tally in zip(GATES, tallies, strict=True)),
            self.best(state, state.feasible, TOP),
        )

    def _compared(self, place: int) -> Compared:
        standings = (state.standing(place, self._ids) for state in (self.before, self.after))
        return Compared(self._ids[place], self._projects[place].features.title, *standings)
