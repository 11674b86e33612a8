"""The two entry points: home units for a project, projects for a home unit."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nsmallest
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import evaluation, labels, lens, two_sided
from services.matching.engine.scoring.compilation import (
    PROJECT_FIELDS,
    CompiledHome,
    CompiledProject,
    sources_of,
)
from services.matching.engine.scoring.criteria import PairColumns
from services.matching.engine.scoring.explanation import CriterionExplanation, Explanation, explain
from services.matching.engine.scoring.facts import Pairs, medians
from services.matching.engine.scoring.features import ProjectFeatures
from services.matching.engine.scoring.gates import FAIL, GATES, OUTCOMES, PASS, UNKNOWN
from services.matching.engine.scoring.questions import Collector, Question
from services.matching.engine.scoring.snapshot import Snapshot
from services.matching.engine.scoring.two_sided import PairScores

_CELLS = np.arange(len(GATES), dtype=np.int8)[:, np.newaxis] * np.int8(len(OUTCOMES))

_MANY, _STRIDE, _SPARE = 4_096, 64, 4

NO_PRICES: Mapping[str, int] = MappingProxyType({})


class Ranked(NamedTuple):
    """``score`` is the sum of the points; a billion is a perfect score."""

    rank: int
    candidate_id: str
    candidate_name: str
    score: int
    why: Explanation
    unlimited: tuple[str, ...]
    """Gates that hold because no limit was stated."""
    both_sides: PairScores

    @property
    def explanation(self) -> tuple[CriterionExplanation, ...]:
        """One entry per criterion, whose points sum to the score."""
        return self.why.entries


class OpenCandidate(NamedTuple):
    """Fails no gate but does not pass all: ``score`` is what it would have."""

    candidate_id: str
    candidate_name: str
    score: int
    unknown_gates: tuple[str, ...]


class GateFailure(NamedTuple):
    gate: str
    zh: str
    en: str


class Refusal(NamedTuple):
    candidate_id: str
    candidate_name: str
    failures: tuple[GateFailure, ...]
    unknown_gates: tuple[str, ...]


class GateCounts(NamedTuple):
    considered: int
    passed: int
    open: int
    refused: int
    failed_by_gate: dict[str, int]
    unknown_by_gate: dict[str, int]


@dataclass(frozen=True, slots=True)
class Recommendations:
    """Valid until the snapshot changes: ``refusals`` reads it when asked."""

    ranked: tuple[Ranked, ...]
    open_candidates: tuple[OpenCandidate, ...]
    questions: tuple[Question, ...]
    counts: GateCounts
    _outcomes: NDArray[np.int8]
    _ids: Sequence[str]
    _name: Callable[[int], str]

    def refusals(self, limit: int, after_id: str = "") -> list[Refusal]:
        """Who failed which gates, by id."""
        rows = np.flatnonzero(self._outcomes.max(axis=0) == FAIL).tolist()
        chosen = nsmallest(limit, ((self._ids[row], row) for row in rows if self._ids[row] > after_id))
        return [self._refusal(candidate_id, row) for candidate_id, row in chosen]

    def _refusal(self, candidate_id: str, row: int) -> Refusal:
        outcomes = self._outcomes[:, row].tolist()
        failures = tuple(
            GateFailure(gate, *labels.FAILURES[gate])
            for gate, outcome in zip(GATES, outcomes, strict=True)
            if outcome == FAIL
        )
        return Refusal(candidate_id, self._name(row), failures, _unknown(tuple(outcomes)))

    def outcomes_of(self, candidate_id: str) -> dict[str, str]:
        """Every gate's outcome for one candidate."""
        row = list(self._ids).index(candidate_id)
        return {gate: OUTCOMES[o] for gate, o in zip(GATES, self._outcomes[:, row].tolist(), strict=True)}


def recommend_home_units(
    snapshot: Snapshot,
    project: ProjectFeatures,
    limit: int = 10,
    order: str = "score",
    prices: Mapping[str, int] = NO_PRICES,
) -> Recommendations:
    """Rank the home units for a project by one of ``ORDERS``; ``prices``: shadow prices in millionths."""
    compiled = snapshot.compiled(project)
    result, pair, scores = evaluation.for_project(snapshot, compiled)
    ids, homes = snapshot.home_table.ids, snapshot.home_rows
    verdict = result.outcomes.max(axis=0)
    keys: NDArray[np.signedinteger[Any]] = result.total
    if order != "score":
        sides = two_sided.quantised(result.outcomes, two_sided.team_points(scores), result.total)
        keys = two_sided.order_keys(order, sides, [prices.get(home_unit_id) for home_unit_id in ids])
    best = best_rows(keys, verdict == PASS, ids, limit)
    ranked = _ranked(
        [(ids[row], homes[row].features.name, project, prices.get(ids[row])) for row in best],
        _explained(snapshot, compiled, pair, scores, best),
    )
    undecided = best_rows(keys, verdict == UNKNOWN, ids, limit)
    open_candidates, questions = _open(
        [(ids[row], homes[row].features.name, homes[row], compiled) for row in undecided], undecided, result
    )
    return Recommendations(
        ranked,
        open_candidates,
        questions,
        _counts(result.outcomes, verdict),
        result.outcomes,
        ids,
        lambda row: homes[row].features.name,
    )


def recommend_projects(
    snapshot: Snapshot,
    home_unit_id: str,
    limit: int = 10,
    among: Collection[str] | None = None,
    order: str = "score",
    prices: Mapping[str, int] = NO_PRICES,
) -> Recommendations:
    """``among``: the only projects to consider; None for all on file."""
    home, price = snapshot.home_unit(home_unit_id), prices.get(home_unit_id)
    result = lens.for_home(snapshot, home, both_sides=order != "score")
    ids, projects = snapshot.project_table.ids, snapshot.project_rows
    if among is not None:
        rows = sorted(snapshot.project_table.rows.keys() & among, key=snapshot.project_table.rows.__getitem__)
        chosen = [snapshot.project_table.rows[project_id] for project_id in rows]
        team = None if result.team is None else result.team[chosen]
        result = evaluation.Evaluation(result.outcomes[:, chosen], result.total[chosen], team)
        ids, projects = rows, [projects[row] for row in chosen]
    verdict = result.outcomes.max(axis=0)
    keys: NDArray[np.signedinteger[Any]] = result.total
    if result.team is not None and order != "score":
        sides = two_sided.quantised(result.outcomes, result.team, result.total)
        keys = two_sided.order_keys(order, sides, [price] * len(ids))
    best = best_rows(keys, verdict == PASS, ids, limit)
    ranked = _ranked(
        [(ids[row], projects[row].features.title, projects[row].features, price) for row in best],
        [_explained_pair(snapshot, projects[row], home_unit_id) for row in best],
    )
    undecided = best_rows(keys, verdict == UNKNOWN, ids, limit)
    open_candidates, questions = _open(
        [(ids[row], projects[row].features.title, home, projects[row]) for row in undecided],
        undecided,
        result,
    )
    return Recommendations(
        ranked,
        open_candidates,
        questions,
        _counts(result.outcomes, verdict),
        result.outcomes,
        ids,
        lambda row: projects[row].features.title,
    )


def explain_pair(
    snapshot: Snapshot, project: ProjectFeatures, home_unit_id: str
) -> tuple[CriterionExplanation, ...]:
    """The explanation of one pair, the same from either side and whether or not its gates pass."""
    return _explained_pair(snapshot, snapshot.compiled(project), home_unit_id).entries


def _explained_pair(snapshot: Snapshot, project: CompiledProject, home_unit_id: str) -> Explanation:
    row = snapshot.home_table.rows[home_unit_id]
    _, pair, scores = evaluation.for_project(snapshot, project)
    return _explained(snapshot, project, pair, scores, [row])[0]


def _explained(
    snapshot: Snapshot,
    project: CompiledProject,
    pair: PairColumns,
    scores: NDArray[np.int32],
    rows: list[int],
) -> list[Explanation]:
    """The explanation of a project's pairs with the home units of these rows."""
    chosen = np.array(rows, np.intp)
    pairs = Pairs(
        project,
        [snapshot.home_rows[row] for row in rows],
        *[column.take(chosen).tolist() for column in (pair.industry, pair.text, pair.distance_m)],
    )
    sources = sources_of(project.features, PROJECT_FIELDS)
    return explain(pairs, medians(snapshot, project, pair), scores.T.take(chosen, axis=0), sources)


def _ranked(
    candidates: Sequence[tuple[str, str, ProjectFeatures, int | None]], explained: Sequence[Explanation]
) -> tuple[Ranked, ...]:
    """The cards of the best, of each its id, name, project and shadow price."""
    cards = []
    for rank, ((candidate_id, name, project, price), why) in enumerate(
        zip(candidates, explained, strict=True), 1
    ):
        points = sum(why.points)
        sides = two_sided.pair_scores(why.scores, points, price)
        cards.append(Ranked(rank, candidate_id, name, points, why, _unlimited(project), sides))
    return tuple(cards)


def _open(
    candidates: Sequence[tuple[str, str, CompiledHome, CompiledProject]],
    rows: list[int],
    result: evaluation.Evaluation,
) -> tuple[tuple[OpenCandidate, ...], tuple[Question, ...]]:
    """The best that are not decided yet, of each its id, name and pair, and what is to be asked."""
    collector, opened = Collector(), []
    scores, outcomes = result.total[rows].tolist(), result.outcomes[:, rows].T.tolist()
    for (candidate_id, name, home, project), score, column in zip(candidates, scores, outcomes, strict=True):
        unknown = _unknown(tuple(column))
        opened.append(OpenCandidate(candidate_id, name, score, unknown))
        for gate in unknown:
            collector.add(candidate_id, gate, home, project)
    return tuple(opened), collector.questions()


def best_rows(
    total: NDArray[np.signedinteger[Any]], allowed: NDArray[np.bool_], ids: Sequence[str], limit: int
) -> list[int]:
    """Rows of the best allowed candidates; equal scores in the order of their ids."""
    rows = _promising(total, allowed, limit)
    if limit <= 0 or not rows.size:
        return []
    values = total[rows]
    if rows.size > limit:
        parted = values.copy()
        parted.partition(rows.size - limit)
        threshold = int(parted[rows.size - limit])
        near = values >= threshold
        rows, values = rows[near], values[near]
    found = list(zip(values.tolist(), rows.tolist(), strict=True))
    if len(found) > limit:
        above = [pair for pair in found if pair[0] > threshold]
        tied = (pair for pair in found if pair[0] == threshold)
        found = above + nsmallest(limit - len(above), tied, key=lambda pair: ids[pair[1]])
    found.sort(key=lambda pair: (-pair[0], ids[pair[1]]))
    return [row for _, row in found]


def _promising(
    total: NDArray[np.signedinteger[Any]], allowed: NDArray[np.bool_], limit: int
) -> NDArray[np.intp]:
    """Rows among which the best are: those at least as good as the best of a sample, if they are enough."""
    sample = total[::_STRIDE][allowed[::_STRIDE]] if total.size >= _MANY else total[:0]
    place = _SPARE + limit // _STRIDE
    if sample.size >= max(place, _SPARE):
        sample.partition(sample.size - place)
        rows: NDArray[np.intp] = ((total >= sample[sample.size - place]) & allowed).nonzero()[0]
        if rows.size >= limit:
            return rows
    every: NDArray[np.intp] = allowed.nonzero()[0]
    return every


def _unlimited(project: ProjectFeatures) -> tuple[str, ...]:
    return ("max_distance",) if project.max_distance_km is None else ()


@lru_cache(maxsize=4096)
def _unknown(outcomes: tuple[int, ...]) -> tuple[str, ...]:
    return tuple([gate for gate, outcome in zip(GATES, outcomes, strict=True) if outcome == UNKNOWN])


def _counts(outcomes: NDArray[np.int8], verdict: NDArray[np.int8]) -> GateCounts:
    passed, open_, refused = np.bincount(verdict, minlength=len(OUTCOMES)).tolist()
    cells = np.bincount((outcomes + _CELLS).ravel(), minlength=_CELLS.size * len(OUTCOMES)).tolist()
    return GateCounts(
        len(verdict),
        passed,
        open_,
        refused,
        dict(zip(GATES, cells[FAIL :: len(OUTCOMES)], strict=True)),
        dict(zip(GATES, cells[UNKNOWN :: len(OUTCOMES)], strict=True)),
    )
