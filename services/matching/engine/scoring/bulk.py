"""Many projects against all home units, block by block: verdicts, scores and the best of each project.

The compiled kernel and the plain way give the same integers; the plain way, one ``evaluation.for_project``
after the other, is the oracle and serves where there is no compiler.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import evaluation
from services.matching.engine.scoring.compilation import Place
from services.matching.engine.scoring.features import HomeUnitFeatures, ProjectFeatures
from services.matching.engine.scoring.gates import FAIL, PASS
from services.matching.engine.scoring.lens import compile_lens
from services.matching.engine.scoring.snapshot import Snapshot

BLOCK = 16_384
"""Projects worked at together."""

_HOST_CELLS = 1 << 24
_EXACT_CNY = 10**9
_LONGEST = 32_000
_STAGES, _PLANTS = 15, 7

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
        self._order = sorted(range(len(ids)), key=ids.__getitem__)
        self.home_unit_ids = tuple(ids[row] for row in self._order)
        longest = int(snapshot.project_table.view.gram_count.max(initial=0))
        self._kernel = _kernel() if compiled and longest < _LONGEST and ids else None
        if self._kernel:
            self._homes = _homes(self._kernel, snapshot, np.array(self._order, np.int64))
            self._projects = _projects(self._kernel, snapshot)

    def best(self, limit: int, rows: Rows | None = None, threads: int = 1) -> Best:
        """Return the best permitted home units of each of these projects, or of all.

        The compiled kernel lets go of the interpreter, so threads share the blocks; the result is the same.
        """
        chosen = self._rows(rows)
        columns = np.full((len(chosen), max(limit, 0)), -1, np.int32)
        scores = columns.copy()

        def fill(begin: int) -> None:
            block = slice(begin, begin + BLOCK)
            self._fill_best(chosen[block], columns[block], scores[block])

        begins = range(0, len(chosen) if limit > 0 else 0, BLOCK)
        if threads > 1 and self._kernel:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(fill, begins))
        else:
            for begin in begins:
                fill(begin)
        return Best(self.home_unit_ids, columns, scores)

    def blocks(
        self, rows: Rows | None = None, size: int = 1024
    ) -> Iterator[tuple[Rows, NDArray[np.int8], NDArray[np.int32]]]:
        """Yield the rows of some projects, and per project and home unit the verdict and the score."""
        chosen = self._rows(rows)
        for begin in range(0, len(chosen), size):
            block = chosen[begin : begin + size]
            verdict = np.zeros((len(block), len(self.home_unit_ids)), np.int8)
            total = np.zeros(verdict.shape, np.int32)
            if self._kernel:
                homes, projects = self._near(block)
                self._kernel.matrix(
                    homes, projects, block, self._kernel.rooms(verdict.shape[1]), total, verdict
                )
            else:
                for place, row in enumerate(block.tolist()):
                    verdict[place], total[place] = self._plain(row)
            yield block, verdict, total

    def _rows(self, rows: Rows | None) -> Rows:
        size = len(self._snapshot.project_rows)
        return np.arange(size, dtype=np.int64) if rows is None else np.asarray(rows, np.int64)

    def _fill_best(self, rows: Rows, columns: NDArray[np.int32], scores: NDArray[np.int32]) -> None:
        if self._kernel:
            homes, projects = self._near(rows)
            order = np.argsort(projects.pattern[rows], kind="stable")
            rooms = self._kernel.rooms(len(self.home_unit_ids))
            self._kernel.best(homes, projects, rows, order, rooms, columns, scores)
            return
        for place, row in enumerate(rows.tolist()):
            verdict, total = self._plain(row)
            allowed = np.flatnonzero(verdict == PASS)
            ranked = allowed[np.argsort(-total[allowed], kind="stable")][: columns.shape[1]]
            columns[place, : len(ranked)], scores[place, : len(ranked)] = ranked, total[ranked]

    def _plain(self, row: int) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        result, _, _ = evaluation.for_project(self._snapshot, self._snapshot.project_rows[row])
        return result.outcomes.max(axis=0)[self._order], result.total[self._order]

    def _near(self, rows: Rows) -> tuple[Any, Any]:
        """The kernel's columns with the distances of the hosts that occur; of all where they are few."""
        if self._homes.distances.size or not len(rows):
            return self._homes, self._projects
        hosts, numbers = np.unique(self._projects.host[rows], return_inverse=True)
        host = self._projects.host.copy()
        host[rows] = numbers
        places = self._snapshot.patterns.places
        order = np.array(self._order, np.int64)
        near = _distances(self._snapshot, order, [places[number] for number in hosts.tolist()])
        return self._homes._replace(distances=near), self._projects._replace(host=host)


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
    weights = np.ascontiguousarray(snapshot.weights[:, order])
    names = snapshot.patterns.names
    fits = np.array([snapshot.industry_column(name) for name in names], np.int32)
    supports = np.array([snapshot.policy_column(name) for name in names], np.int8)
    sure = view.fund_sure_cny[order]
    code = view.code[order]
    column_of_code = np.full(snapshot.organisation_count, -1, np.int32)
    column_of_code[code] = np.arange(len(rows))
    places = snapshot.patterns.places
    near = places if len(places) * len(rows) <= _HOST_CELLS else []
    track, talent = np.maximum(view.track_record[order], 0), np.maximum(view.talent[order], 0)
    return kernel.Homes(
        code=code,
        open_gates=_open_gates(view, order),
        policy_refusal=view.policy_refusal[order],
        space_numerator=view.space_sure_m2[order] * 5e5,
        space_sure=view.space_sure_m2[order],
        space_at_most=view.space_at_most_m2[order],
        fund_sure=sure.astype(np.float64),
        fund_numerator=sure * 1e6,
        fund_reciprocal=1.0 / np.maximum(sure, 1),
        fund_at_most=view.fund_at_most_cny[order].astype(np.float64),
        fund_large=np.flatnonzero(sure > _EXACT_CNY).astype(np.int32),
        clusters=view.clusters[order],
        grams=np.maximum(view.gram_count[order], 1).astype(np.float64),
        constant=weights[6] * track + weights[8] * talent,
        weights=weights,
        fits=np.maximum(_lines(fits, order), 0) * weights[0],
        supports=_lines(supports, order),
        distances=_distances(snapshot, order, near),
        column_of_code=column_of_code,
        **_postings([home.grams for home in rows]),
    )


def _projects(kernel: Any, snapshot: Snapshot) -> Any:
    view, size = snapshot.project_table.view, len(snapshot.project_rows)
    gram_items, gram_start, gram_length = snapshot.project_segments.parts(size)
    wish_items, wish_start, wish_length = snapshot.project_wishes.parts(size)
    pattern_items, pattern_start = snapshot.patterns.segments
    return kernel.Projects(
        view.stage_bit,
        view.plant_bit,
        view.space_at_most_m2,
        view.space_at_least_m2,
        view.fund_at_most_cny,
        view.fund_at_least_cny,
        view.policy_refusal,
        view.max_distance_m,
        view.clusters,
        view.lock_code,
        view.enclave_code,
        view.pattern,
        view.host,
        gram_items,
        gram_start,
        gram_length,
        wish_items,
        wish_start,
        wish_length,
        pattern_items,
        pattern_start,
    )


def _open_gates(view: Any, order: Rows) -> NDArray[np.int8]:
    """Per stage 8 rows with the worse of both outcomes: plant not known, then each plant class."""
    gates = np.zeros((_STAGES, _PLANTS + 1, len(order)), np.int8)
    stages, plants = view.accepted_stages[order], view.accepted_plants[order]
    for stage in range(_STAGES):
        accepted = (stages >> stage & 1).astype(np.bool_)
        by_stage = np.where(accepted, PASS, view.stage_refusal[order])
        for plant in range(_PLANTS + 1):
            offered = (
                (plants >> (plant - 1) & 1).astype(np.bool_) if plant else np.zeros(len(order), np.bool_)
            )
            refusal = np.minimum(view.plant_refusal[order], FAIL if plant else 1)
            gates[stage, plant] = np.maximum(by_stage, np.where(offered, PASS, refusal))
    return gates.reshape(_STAGES * (_PLANTS + 1), len(order))


def _distances(snapshot: Snapshot, order: Rows, places: Sequence[Place]) -> NDArray[np.int32]:
    return _lines(np.array([snapshot.distance_column(place) for place in places], np.int32), order)


def _lines(columns: NDArray[Any], order: Rows) -> NDArray[Any]:
    """Lines over home units in order; none where there are none."""
    if not len(columns):
        return np.zeros((0, len(order)), columns.dtype)
    return np.ascontiguousarray(columns[:, order])


def _postings(grams: list[NDArray[np.int32]]) -> dict[str, Any]:
    """For each bigram the home units that have it: a line of ones where they are many, else a list."""
    size, count = 1 + max((int(found.max(initial=-1)) for found in grams), default=-1), len(grams)
    items = np.concatenate(grams) if grams else np.zeros(0, np.int32)
    columns = np.repeat(np.arange(count, dtype=np.int32), [len(found) for found in grams])
    by_gram = np.argsort(items, kind="stable")
    lengths = np.bincount(items, minlength=size)
    often = np.flatnonzero(lengths * 16 > count)
    lines = np.full(size, -1, np.int32)
    lines[often] = np.arange(len(often))
    dense = np.zeros((len(often), count), np.int16)
    frequent = lines[items] >= 0
    dense[lines[items[frequent]], columns[frequent]] = 1
    return {
        "gram_dense": lines,
        "gram_start": np.concatenate(([0], np.cumsum(lengths))).astype(np.int32),
        "gram_items": columns[by_gram],
        "dense": dense,
    }
