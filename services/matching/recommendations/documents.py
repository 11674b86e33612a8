"""Answers as plain documents: built for every request, so without a model for each of their parts.

What another party may not see is left out here. A home unit's weights and what it can spend are its own.
With the published scales anybody could compute them from exact points, so an outsider gets no points and
the score only in hundredths. The team's weights are published, so the team's side would tell the withheld
criterion to the last digit: to an outsider it, and what is computed from it, is not given at all.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from services.matching.engine.scoring import labels
from services.matching.engine.scoring.criteria import FULL, SCORE_SCALE, TEAM_WEIGHTS
from services.matching.engine.scoring.explanation import CriterionExplanation
from services.matching.engine.scoring.features import Source
from services.matching.engine.scoring.gates import GATES, OUTCOMES, PASS
from services.matching.engine.scoring.ranking import OpenCandidate, Ranked, Recommendations, Refusal
from services.matching.recommendations.facts import UNRECORDED_GATES

PRIVATE_CRITERIA = frozenset({"fund_within_caps", "track_record"})
_HUNDREDTH = SCORE_SCALE // 100

Document = dict[str, Any]

_PASSED = labels.Label("通过", "Passed")
_UNLIMITED = labels.Label("未填报上限，不作限制", "No limit stated")
_NOT_RECORDED = labels.Label("尚无登记，未作核查", "Not recorded yet, so not checked")
_UNKNOWN = labels.Label("信息不足，尚不能判定", "Not known yet")
_REDACTED = labels.Label("属飞出地内部数据，不对外披露", "the home unit's own figure, not disclosed")


@dataclass(frozen=True)
class Wording:
    """How an answer is to be worded, and the names its candidates go by."""

    id_name: str
    title_name: str
    zh: bool = True
    en: bool = True
    explained: bool = True

    def texts(self, zh: str, en: str) -> Document:
        """Return a text in the languages asked for."""
        return {"zh": zh if self.zh else None, "en": en if self.en else None}

    def sentences(self, entry: CriterionExplanation) -> Document:
        """Return what a criterion says; only the languages asked for are written."""
        return {"zh": entry.zh if self.zh else None, "en": entry.en if self.en else None}

    def named(self, candidate_id: str, name: str) -> Document:
        """Return who a candidate is."""
        return {self.id_name: candidate_id, self.title_name: name}


def ranked_item(item: Ranked, wording: Wording, *, outsider: bool, sees_medians: bool) -> Document:
    """Return one recommended candidate."""
    explained, names = wording.explained, _labels(wording)
    return {
        "rank": item.rank,
        **wording.named(item.candidate_id, item.candidate_name),
        "score": _score(item.score, outsider),
        "points": None if outsider else item.score,
        "redacted": outsider,
        "two_sided": _two_sided(item, outsider),
        "gates": _all_passed(wording, item.unlimited) if explained else [],
        "criteria": [_criterion(entry, names, wording, outsider, sees_medians) for entry in item.explanation]
        if explained
        else [],
    }


def _two_sided(item: Ranked, outsider: bool) -> Document:
    sides = item.both_sides
    return {
        "project_score": None if outsider else sides.project / FULL,
        "home_unit_score": _score(item.score, outsider) if outsider else sides.home_unit / FULL,
        "reciprocal_score": None if outsider else sides.reciprocal / FULL,
        "shadow_price": _millionths(sides.shadow_price),
        "scarcity_adjusted_score": None if outsider else _millionths(sides.scarcity_adjusted),
    }


def _millionths(value: int | None) -> float | None:
    return None if value is None else value / FULL


def open_item(item: OpenCandidate, wording: Wording, *, outsider: bool) -> Document:
    """Return one candidate that cannot be decided yet."""
    return {
        **wording.named(item.candidate_id, item.candidate_name),
        "score": _score(item.score, outsider),
        "unknown_gates": [_gate(gate, "unknown", _UNKNOWN, wording) for gate in item.unknown_gates],
    }


def refused_item(item: Refusal, wording: Wording) -> Document:
    """Return one candidate that fails a gate."""
    failed = [_gate(f.gate, "fail", labels.FAILURES[f.gate], wording) for f in item.failures]
    unknown = [_gate(gate, "unknown", _UNKNOWN, wording) for gate in item.unknown_gates]
    return {**wording.named(item.candidate_id, item.candidate_name), "gates": failed + unknown}


def summary(result: Recommendations, wording: Wording) -> Document:
    """Return the counts and the open questions."""
    counts = result.counts
    return {
        "considered_count": counts.considered,
        "feasible_count": counts.passed,
        "open_count": counts.open,
        "refused_count": counts.refused,
        "gate_totals": [
            {
                "gate": gate,
                "label": wording.texts(*labels.GATES[gate]),
                "failed_count": counts.failed_by_gate[gate],
                "unknown_count": counts.unknown_by_gate[gate],
            }
            for gate in GATES
            if gate not in UNRECORDED_GATES
        ],
        "questions": [
            {
                "gate": question.gate,
                "asked_of": question.asked,
                "record_id": question.party_id,
                "field": question.field,
                "candidate_ids": list(question.candidate_ids),
                "text": wording.texts(question.zh, question.en),
            }
            for question in result.questions
        ],
    }


@cache
def _all_passed(wording: Wording, unlimited: tuple[str, ...]) -> list[Document]:
    return [gate_document(gate, PASS, wording, gate in unlimited) for gate in GATES]


def gate_document(gate: str, outcome: int, wording: Wording, unlimited: bool = False) -> Document:
    """Return one gate and what it came to."""
    if gate in UNRECORDED_GATES:
        return _gate(gate, "not_recorded", _NOT_RECORDED, wording)
    reason = (_UNLIMITED if unlimited else _PASSED, _UNKNOWN, labels.FAILURES[gate])[outcome]
    return _gate(gate, OUTCOMES[outcome], reason, wording)


@cache
def _labels(wording: Wording) -> dict[str, Document]:
    return {criterion: wording.texts(*label) for criterion, label in labels.CRITERIA.items()}


def _source(source: Source) -> Document:
    return {"record_id": source.record_id, "field": source.field, "as_of": source.as_of}


def _score(points: int, outsider: bool) -> float:
    return points // _HUNDREDTH / 100 if outsider else points / SCORE_SCALE


def _gate(gate: str, outcome: str, reason: labels.Label, wording: Wording) -> Document:
    label = labels.GATES[gate]
    text = wording.texts(f"{label.zh}：{reason.zh}", f"{label.en}: {reason.en}")
    return {"gate": gate, "outcome": outcome, "text": text}


def _withheld(criterion: str, wording: Wording) -> Document:
    label = labels.CRITERIA[criterion]
    return wording.texts(f"{label.zh}：{_REDACTED.zh}。", f"{label.en}: {_REDACTED.en}.")


def _criterion(
    entry: CriterionExplanation,
    names: dict[str, Document],
    wording: Wording,
    outsider: bool,
    sees_medians: bool,
) -> Document:
    private = entry.criterion in PRIVATE_CRITERIA
    hidden = outsider and private
    text = _withheld(entry.criterion, wording) if hidden else wording.sentences(entry)
    return {
        "criterion": entry.criterion,
        "label": names[entry.criterion],
        "known": entry.known and not hidden,
        "redacted": hidden,
        "value": None if hidden else entry.value,
        "unit": entry.unit,
        "score": None if hidden else entry.score / FULL,
        "weight_permille": None if outsider else entry.weight,
        "points": None if outsider else entry.points,
        "team_weight_permille": TEAM_WEIGHTS[entry.criterion],
        "team_points": None if hidden else TEAM_WEIGHTS[entry.criterion] * entry.score,
        "median_value": entry.median_value if sees_medians or not private else None,
        "comparison": None if hidden else entry.comparison,
        "sources": [] if hidden else [_source(source) for source in entry.sources],
        "text": text,
    }
