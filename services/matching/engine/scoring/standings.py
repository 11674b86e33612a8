"""The best home units of every project, kept current by working again only at what a change touches."""

from collections.abc import Iterable

import numpy as np

from services.matching.engine.scoring import lens
from services.matching.engine.scoring.bulk import Bulk
from services.matching.engine.scoring.columns import grown
from services.matching.engine.scoring.gates import PASS
from services.matching.engine.scoring.snapshot import Snapshot

TOP = 3
_FEW = 24

Top = tuple[str, ...]


def compiles_for(count: int) -> bool:
    """Tell whether scoring so many projects at once is worth compiled code."""
    return count > _FEW


class Standings:
    """The first ``TOP`` home units of each project that was scored.

    After a home unit changed, ``touched_by`` names the projects whose top it may have changed; these, and the
    projects that changed themselves, are then to be scored again. Ask before any of them is.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._slots: dict[str, int] = {}
        self._homes = np.full((TOP, 16), -1, np.int32)
        self._scores = np.full((TOP, 16), -1, np.int32)
        self._bulk: tuple[tuple[int, ...], Bulk] | None = None

    def touched_by(self, home_unit_id: str) -> set[str]:
        """Return the scored projects in whose top a home unit is no longer rightly, or is missing."""
        snapshot = self.snapshot
        home, names = snapshot.home_unit(home_unit_id), snapshot.project_table.ids
        result = lens.for_home(snapshot, home)
        slots = np.fromiter((self._slots.get(name, -1) for name in names), np.int64, len(names))
        rows = np.flatnonzero(slots >= 0)
        slots = slots[rows]
        total = np.where(result.outcomes.max(axis=0, initial=PASS)[rows] == PASS, result.total[rows], -1)
        homes, scores, code = self._homes[:, slots], self._scores[:, slots], home.row.code
        mine = homes == code
        present = mine.any(axis=0)
        moved = present & (np.where(mine, scores, 0).sum(axis=0) != total)
        last = scores[TOP - 1]
        enters = ~present & (total >= 0) & (total > last)
        level = np.flatnonzero(~present & (total >= 0) & (total == last))
        ids = self._ids_by_code()
        for place in level.tolist():
            enters[place] = home_unit_id < ids[int(homes[TOP - 1, place])]
        return {names[row] for row in rows[moved | enters].tolist()}

    def score(self, project_ids: Iterable[str]) -> dict[str, Top]:
        """Score these projects against every home unit and return the top of each that is ranked."""
        snapshot, known = self.snapshot, self.snapshot.project_table.rows
        chosen = [name for name in project_ids if name in known]
        rows = np.array([known[name] for name in chosen], np.int64)
        found = self._current_bulk(len(rows)).best(TOP, rows)
        numbers = [snapshot.home_table.rows[name] for name in found.home_unit_ids]
        codes = np.append(snapshot.home_table.view.code[np.array(numbers, np.int64)], np.int32(-1))
        slots = [self._slots.setdefault(name, len(self._slots)) for name in chosen]
        self._homes, self._scores = (
            grown(self._homes, len(self._slots)),
            grown(self._scores, len(self._slots)),
        )
        self._homes[:, slots], self._scores[:, slots] = codes[found.columns].T, found.scores.T
        return {name: tuple(found.top(place)) for place, name in enumerate(chosen)}

    def _current_bulk(self, count: int) -> Bulk:
        snapshot = self.snapshot
        if not compiles_for(count):
            return Bulk(snapshot, compiled=False)
        state = (snapshot.home_revision, snapshot.project_epoch, len(snapshot.project_log))
        if self._bulk is None or self._bulk[0] != state:
            self._bulk = state, Bulk(snapshot)
        return self._bulk[1]

    def _ids_by_code(self) -> dict[int, str]:
        table = self.snapshot.home_table
        return dict(zip(table.view.code.tolist(), table.ids, strict=True))
