"""The two entry points: home units for a project, projects for a home unit."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import evaluation, labels, two_sided
from services.matching.engine.scoring.compilation import (
    PROJECT_FIELDS,
    CompiledHome,
    CompiledProject,
    Sources,
    sources_of,
)
from services.matching.engine.scoring.criteria import PairColumns
from services.matching.engine.scoring.explanation import (
    CriterionExplanation,
    Medians,
    Pair,
    explain,
    medians,
)
from services.matching.engine.scoring.features import ProjectFeatures
from services.matching.engine.scoring.gates import FAIL, GATES, OUTCOMES, PASS, UNKNOWN
from services.matching.engine.scoring.questions import Collector, Question
from services.matching.engine.scoring.snapshot import Snapshot
from services.matching.engine.scoring.two_sided import PairScores

NO_PRICES: Mapping[str, int] = MappingProxyType({})


class Ranked(NamedTuple):
    """``score`` is the sum of the points; a billion is a perfect score."""

    rank: int
    candidate_id: str
    candidate_name: str
    score: int
    explanation: tuple[CriterionExplanation, ...]
    unlimited: tuple[str, ...]
    """Gates that hold because no limit was stated."""
    both_sides: PairScores


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
        return Refusal(candidate_id, self._name(row), failures, _unknown(outcomes))

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
    middle, sources = medians(snapshot, compiled, pair), sources_of(project, PROJECT_FIELDS)
    columns = scores[:, best].T.tolist()
    explained = [
        _explain_row(row, homes[row], compiled, pair, middle, column, sources)
        for row, column in zip(best, columns, strict=True)
    ]
    unlimited = _unlimited(project)
    ranked = tuple(
        _ranked(rank, ids[row], homes[row].features.name, entries, unlimited, prices.get(ids[row]))
        for rank, (row, entries) in enumerate(zip(best, explained, strict=True), 1)
    )
    undecided = best_rows(keys, verdict == UNKNOWN, ids, limit)
    collector, candidates = Collector(), []
    for row in undecided:
        home = homes[row]
        unknown = _unknown(result.outcomes[:, row].tolist())
        candidates.append(OpenCandidate(ids[row], home.features.name, int(result.total[row]), unknown))
        for gate in unknown:
            collector.add(ids[row], gate, home, compiled)
    counts = _counts(result.outcomes, verdict)
    return Recommendations(
        ranked,
        tuple(candidates),
        collector.questions(),
        counts,
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
    result = evaluation.for_home(snapshot, home, both_sides=order != "score")
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
    ranked = []
    for rank, row in enumerate(best_rows(keys, verdict == PASS, ids, limit), 1):
        features = projects[row].features
        entries = explain_pair(snapshot, features, home_unit_id)
        ranked.append(_ranked(rank, ids[row], features.title, entries, _unlimited(features), price))
    collector, candidates = Collector(), []
    for row in best_rows(keys, verdict == UNKNOWN, ids, limit):
        unknown = _unknown(result.outcomes[:, row].tolist())
        candidates.append(
            OpenCandidate(ids[row], projects[row].features.title, int(result.total[row]), unknown)
        )
        for gate in unknown:
            collector.add(ids[row], gate, home, projects[row])
    return Recommendations(
        tuple(ranked),
        tuple(candidates),
        collector.questions(),
        _counts(result.outcomes, verdict),
        result.outcomes,
        ids,
        lambda row: projects[row].features.title,
    )


def explain_pair(
    snapshot: Snapshot, project: ProjectFeatures, home_unit_id: str
) -> tuple[CriterionExplanation, ...]:
    """The explanation of one pair, the same from either side and whether or not its gates pass."""
    compiled, row = snapshot.compiled(project), snapshot.home_table.rows[home_unit_id]
    _, pair, scores = evaluation.for_project(snapshot, compiled)
    middle = medians(snapshot, compiled, pair)
    sources = sources_of(project, PROJECT_FIELDS)
    column = scores[:, row].tolist()
    return _explain_row(row, snapshot.home_rows[row], compiled, pair, middle, column, sources)


def _ranked(
    rank: int,
    candidate_id: str,
    name: str,
    entries: tuple[CriterionExplanation, ...],
    unlimited: tuple[str, ...],
    price: int | None,
) -> Ranked:
    points = sum([entry.points for entry in entries])
    sides = two_sided.pair_scores([entry.score for entry in entries], points, price)
    return Ranked(rank, candidate_id, name, points, entries, unlimited, sides)


def _explain_row(
    row: int,
    home: CompiledHome,
    project: CompiledProject,
    pair: PairColumns,
    middle: Medians,
    scores: Sequence[int],
    sources: Sources,
) -> tuple[CriterionExplanation, ...]:
    wishes, home_id = project.features.preferred_home_unit_ids, home.features.id
    facts = Pair(
        home,
        project,
        int(pair.industry[row]),
        int(pair.text[row]),
        int(pair.distance_m[row]),
        wishes.index(home_id) if home_id in wishes else None,
    )
    return explain(facts, middle, scores, sources)


def best_rows(
    total: NDArray[np.signedinteger[Any]], allowed: NDArray[np.bool_], ids: Sequence[str], limit: int
) -> list[int]:
    """Rows of the best allowed candidates; equal scores in the order of their ids."""
    rows = np.flatnonzero(allowed)
    if limit <= 0 or not rows.size:
        return []
    values = total[rows]
    if rows.size > limit:
        threshold = int(np.partition(values, rows.size - limit)[rows.size - limit])
        near = values >= threshold
        rows, values = rows[near], values[near]
    found = list(zip(values.tolist(), rows.tolist(), strict=True))
    if len(found) > limit:
        above = [pair for pair in found if pair[0] > threshold]
        tied = (pair for pair in found if pair[0] == threshold)
        found = above + nsmallest(limit - len(above), tied, key=lambda pair: ids[pair[1]])
    found.sort(key=lambda pair: (-pair[0], ids[pair[1]]))
    return [row for _, row in found]


def _unlimited(project: ProjectFeatures) -> tuple[str, ...]:
    return ("max_distance",) if project.max_distance_km is None else ()


def _unknown(outcomes: Sequence[int]) -> tuple[str, ...]:
    return tuple([gate for gate, outcome in zip(GATES, outcomes, strict=True) if outcome == UNKNOWN])


def _counts(outcomes: NDArray[np.int8], verdict: NDArray[np.int8]) -> GateCounts:
    passed, open_, refused = (int(np.count_nonzero(verdict == value)) for value in (PASS, UNKNOWN, FAIL))
    failed = np.count_nonzero(outcomes == FAIL, axis=1).tolist()
    unknown = np.count_nonzero(outcomes == UNKNOWN, axis=1).tolist()
    return GateCounts(
        len(verdict),
        passed,
        open_,
        refused,
        dict(zip(GATES, failed, strict=True)),
        dict(zip(GATES, unknown, strict=True)),
    )
