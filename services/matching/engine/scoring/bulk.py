"""Many projects against all home units, block by block: verdicts, scores and the best of each project.

The compiled kernel and the plain way give the same integers; the plain way, one ``evaluation.for_project``
after the other, is the oracle and serves where there is no compiler.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import criteria, evaluation
from services.matching.engine.scoring.compilation import Place
from services.matching.engine.scoring.features import HomeUnitFeatures, ProjectFeatures
from services.matching.engine.scoring.gates import PASS
from services.matching.engine.scoring.lens import compile_lens
from services.matching.engine.scoring.patterns import FITS
from services.matching.engine.scoring.snapshot import Snapshot

BLOCK = 16_384
"""Projects worked at together."""

_HOST_CELLS = 1 << 23
_LONGEST = 32_000
_MOST = 65_000
_EXACT_CNY = 10**9

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Best:
    """Per project (a row) the columns of its best permitted home units and their scores; −1: no more.

    ``home_unit_ids[column]`` names them. Scores fall along a row; equal ones stand in the order of ids.
    """

    home_unit_ids: tuple[str, ...]
    columns: NDArray[np.int32]
    scores: NDArray[np.int32]

    def top(self, row: int) -> list[str]:
        """Return the home units of one row, the best first."""
        names = self.home_unit_ids
        return [names[column] for column in self.columns[row].tolist() if column >= 0]


class Bulk:
    """Bulk scoring over one state of a snapshot: valid until the snapshot changes."""

    def __init__(self, snapshot: Snapshot, *, compiled: bool = True) -> None:
        self._snapshot = snapshot
        ids = snapshot.home_table.ids
        self._order = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
        self.home_unit_ids = tuple(ids[row] for row in self._order.tolist())
        longest = int(snapshot.project_table.view.gram_count.max(initial=0))
        fits = longest < _LONGEST and 0 < len(ids) < _MOST
        self._kernel: Any = _kernel() if compiled and fits else None
        if self._kernel:
            self._homes = _homes(self._kernel, snapshot, self._order)
            self._projects, self._segments = _projects(self._kernel, snapshot)

    def best(self, limit: int, rows: Rows | None = None, threads: int = 1) -> Best:
        """Return the best permitted home units of each of these projects, or of all.

        The compiled kernel lets go of the interpreter, so threads share the blocks; the result is the same.
        """
        chosen = None if rows is None else np.asarray(rows, np.int64)
        count = len(self._snapshot.project_rows) if chosen is None else len(chosen)
        columns = np.full((count, max(limit, 0)), -1, np.int32)
        scores = columns.copy()

        def fill(begin: int) -> None:
            block = slice(begin, min(begin + BLOCK, count))
            self._fill_best(block if chosen is None else chosen[block], columns[block], scores[block])

        begins = range(0, count if limit > 0 else 0, BLOCK)
        if threads > 1 and self._kernel:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(fill, begins))
        else:
            for begin in begins:
                fill(begin)
        return Best(self.home_unit_ids, columns, scores)

    def _fill_best(self, rows: slice | Rows, columns: NDArray[np.int32], scores: NDArray[np.int32]) -> None:
        if self._kernel:
            homes, projects = self._near(rows)
            rooms = self._kernel.rooms(len(self.home_unit_ids))
            self._kernel.best(homes, projects, self._segments, rooms, columns, scores)
            return
        for place, row in enumerate(np.arange(len(self._snapshot.project_rows))[rows].tolist()):
            verdict, total = self._plain(row)
            allowed = np.flatnonzero(verdict == PASS)
            ranked = allowed[np.argsort(-total[allowed], kind="stable")][: columns.shape[1]]
            columns[place, : len(ranked)], scores[place, : len(ranked)] = ranked, total[ranked]

    def _plain(self, row: int) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        result, _, _ = evaluation.for_project(self._snapshot, self._snapshot.project_rows[row])
        return result.outcomes.max(axis=0)[self._order], result.total[self._order]

    def _near(self, rows: slice | Rows) -> tuple[Any, Any]:
        """Columns of home units, with the distances of all hosts or of theirs, and of projects."""
        projects = self._kernel.Projects(*(column[rows] for column in self._projects))
        if self._homes.distances.size:
            return self._homes, projects
        hosts, numbers = np.unique(projects.host, return_inverse=True)
        every = self._snapshot.patterns.places
        places = [every[number] for number in hosts.tolist()]
        near = _of_hosts(self._kernel, self._snapshot, self._order, places)
        return self._homes._replace(**near), projects._replace(host=numbers.astype(np.int32))


@cache
def warm() -> None:
    """Have the compiled code ready, which takes seconds where none is on disk: a matter for a thread."""
    home = HomeUnitFeatures(id="home", name="home", lon=120.0, lat=30.0)
    project = ProjectFeatures(id="project", title="project", stage="reserve")
    snapshot = Snapshot([home], [project])
    Bulk(snapshot).best(1)
    compile_lens(snapshot)


def _kernel() -> Any:
    try:
        from services.matching.engine.scoring import bulk_kernel
    except ImportError:
        return None
    return bulk_kernel


def _homes(kernel: Any, snapshot: Snapshot, order: Rows) -> Any:
    view, rows = snapshot.home_table.view, [snapshot.home_rows[row] for row in order.tolist()]
    weights = snapshot.weights[:, order]
    patterns = snapshot.patterns
    marks = np.array([patterns.marks(home.nodes, home.policy_nodes) for home in rows])
    sure, space = view.fund_sure_cny[order], view.space_sure_m2[order]
    space_steps, fund_steps = np.unique(space.astype(np.int64)), np.unique(sure)
    code = view.code[order]
    column_of_code = np.full(snapshot.organisation_count, -1, np.int32)
    column_of_code[code] = np.arange(len(rows))
    places = patterns.places
    near = places if len(places) * len(rows) <= _HOST_CELLS else []
    reciprocal = np.where(sure > _EXACT_CNY, 0.0, 1.0 / np.maximum(sure, 1))

    def lines(columns: NDArray[Any]) -> NDArray[Any]:
        return _padded(kernel, columns)

    return kernel.Homes(
        accepted_stages=lines(view.accepted_stages[order].astype(np.uint16)),
        accepted_plants=lines(view.accepted_plants[order].astype(np.uint16)),
        space_rank=lines(np.searchsorted(space_steps, space, side="right").astype(np.uint16)),
        fund_rank=lines(np.searchsorted(fund_steps, sure, side="right").astype(np.uint16)),
        code=lines(code),
        marks=lines(np.ascontiguousarray(marks.T)),
        **_of_hosts(kernel, snapshot, order, near),
        space_steps=space_steps,
        fund_steps=fund_steps,
        column_of_code=column_of_code,
        **_postings(kernel, [home.grams for home in rows]),
        fits=FITS.astype(np.float64),
        figures=np.column_stack(
            (space * 5e5, sure * 1e6, reciprocal, weights[5] * criteria.FULL, weights[:4].T)
        ),
        sure=sure.astype(np.float64),
        wish_and_own=np.column_stack((weights[7], weights[9] * criteria.FULL)),
        clusters=view.clusters[order],
        grams=np.maximum(view.gram_count[order], 1).astype(np.float64),
    )


def _projects(kernel: Any, snapshot: Snapshot) -> tuple[Any, Any]:
    view, size = snapshot.project_table.view, len(snapshot.project_rows)
    gram_items, gram_start, gram_length = snapshot.project_segments.parts(size)
    wish_items, wish_start, wish_length = snapshot.project_wishes.parts(size)
    pattern_items, pattern_start = snapshot.patterns.segments
    projects = kernel.Projects(
        view.stage_bit,
        view.plant_bit,
        view.space_at_most_m2,
        view.fund_at_most_cny,
        view.max_distance_m,
        view.clusters,
        view.lock_code,
        view.enclave_code,
        view.pattern,
        view.host,
        gram_start,
        gram_length,
        wish_start,
        wish_length,
    )
    return projects, kernel.Segments(gram_items, wish_items, pattern_items, pattern_start)


def _of_hosts(kernel: Any, snapshot: Snapshot, order: Rows, places: Sequence[Place]) -> dict[str, Any]:
    """The distances from some hosts, and the points that depend on the host at most."""
    metres = np.zeros((len(places), len(order)), np.int32)
    for line, place in zip(metres, places, strict=True):
        line[:] = snapshot.distance_column(place)[order]
    view, weights = snapshot.home_table.view, snapshot.weights[:, order]
    track, talent = np.maximum(view.track_record[order], 0), np.maximum(view.talent[order], 0)
    points = weights[6] * track + weights[8] * talent + weights[4] * criteria.nearness(metres)
    return {"distances": _padded(kernel, metres), "host_points": points}


def _padded(kernel: Any, columns: NDArray[Any]) -> NDArray[Any]:
    """Lines of home units in parts of 64, the last one filled with zeros."""
    *others, size = columns.shape
    count = kernel.lines(size)
    padded = np.zeros((*others, count * kernel.LINE), columns.dtype)
    padded[..., :size] = columns
    return padded.reshape(*others, count, kernel.LINE)


def _postings(kernel: Any, grams: list[NDArray[np.int32]]) -> dict[str, Any]:
    """For each bigram the home units that have it: a line of ones where they are many, else a list."""
    size, count = 1 + max((int(found.max(initial=-1)) for found in grams), default=-1), len(grams)
    items = np.concatenate(grams) if grams else np.zeros(0, np.int32)
    columns = np.repeat(np.arange(count, dtype=np.int32), [len(found) for found in grams])
    by_gram = np.argsort(items, kind="stable")
    lengths = np.bincount(items, minlength=size)
    often = np.flatnonzero(lengths * 64 > count)
    lines = np.full(size, -1, np.int32)
    lines[often] = np.arange(len(often))
    dense = np.zeros((len(often) + 1, count), np.uint8)
    frequent = lines[items] >= 0
    dense[lines[items[frequent]], columns[frequent]] = 1
    return {
        "gram_dense": lines,
        "gram_start": np.concatenate(([0], np.cumsum(lengths))).astype(np.int32),
        "gram_items": columns[by_gram].astype(np.uint32),
        "dense": _padded(kernel, dense),
    }
