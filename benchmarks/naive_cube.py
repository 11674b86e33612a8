"""Bulk scoring as one would write it first: every criterion of every pair in one cube, weighted and sorted.

It uses the formulas of the service and ends with the same home units; it is there to be compared with.
"""

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import criteria, gates
from services.matching.engine.scoring.criteria import PairColumns
from services.matching.engine.scoring.evaluation import text_column
from services.matching.engine.scoring.snapshot import Snapshot


def best(snapshot: Snapshot, limit: int, rows: int) -> list[list[str]]:
    """Return the ids of the best permitted home units of the first projects, the best first."""
    ids = np.array(snapshot.home_table.ids)
    order = np.argsort(ids)
    homes = _taken(snapshot.home_table.view, order)
    projects = _taken(snapshot.project_table.view, np.arange(rows)[:, None])
    pair = PairColumns(*(column[:, order] for column in _pairs(snapshot, rows)))
    cube = np.empty((rows, len(ids), len(criteria.CRITERIA)), np.int32)
    for number, column in enumerate(criteria.scores(homes, projects, pair)):
        cube[:, :, number] = column
    total = np.einsum("phc,ch->ph", cube, snapshot.weights[:, order])
    for formula in gates.FORMULAS:
        total[np.broadcast_to(formula.column(homes, projects, pair), total.shape) != gates.PASS] = -1
    ranked = np.argsort(-total, axis=1, kind="stable")[:, :limit]
    permitted = np.take_along_axis(total, ranked, axis=1) >= 0
    names = ids[order]
    return [names[row[keep]].tolist() for row, keep in zip(ranked, permitted, strict=True)]


def _taken(view: Any, at: NDArray[np.int64]) -> Any:
    return type(view)(**{field.name: getattr(view, field.name)[at] for field in fields(view)})


def _pairs(snapshot: Snapshot, rows: int) -> tuple[NDArray[Any], ...]:
    patterns, view = snapshot.patterns, snapshot.project_table.view
    items, starts = patterns.segments
    fits = np.array([snapshot.industry_column(name) for name in patterns.names])
    supports = np.array([snapshot.policy_column(name) for name in patterns.names])
    distances = np.array([snapshot.distance_column(place) for place in patterns.places])
    wishes = np.zeros((rows, len(snapshot.home_rows)), np.int32)
    for row, project in enumerate(snapshot.project_rows[:rows]):
        for place, home_unit_id in reversed(list(enumerate(project.features.preferred_home_unit_ids))):
            if (column := snapshot.home_table.rows.get(home_unit_id)) is not None:
                wishes[row, column] = criteria.preference(place)
    pattern = view.pattern[:rows]
    supported = np.logical_or.reduceat(supports[items], starts[:-1], axis=0)[pattern]
    return (
        np.maximum.reduceat(fits[items], starts[:-1], axis=0)[pattern],
        _texts(snapshot, rows),
        distances[view.host[:rows]],
        wishes,
        supported | (view.fund_at_most_cny[:rows, None] == -1),
    )


def _texts(snapshot: Snapshot, rows: int) -> NDArray[Any]:
    """Which bigrams each has as ones, and the matrix product of the two."""
    of_homes = [home.grams for home in snapshot.home_rows]
    of_projects = [project.grams for project in snapshot.project_rows[:rows]]
    size = 1 + max(int(grams.max(initial=0)) for grams in of_homes + of_projects)
    left, right = _ones(of_projects, size), _ones(of_homes, size)
    shared = (left @ right.T).astype(np.int64)
    counts = snapshot.home_table.view.gram_count
    return np.array(
        [text_column(row, len(grams), counts) for row, grams in zip(shared, of_projects, strict=True)]
    )


def _ones(grams: list[Any], size: int) -> NDArray[np.float32]:
    found = np.zeros((len(grams), size), np.float32)
    for row, some in enumerate(grams):
        found[row, some] = 1
    return found
