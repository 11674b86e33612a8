"""The answer of a preview: what a profile would change, before and after; pure."""

from collections.abc import Iterable

from services.matching.engine.scoring import labels
from services.matching.engine.scoring.comparison import Compared, Comparison, Outlook, Standing
from services.matching.engine.scoring.criteria import SCORE_SCALE
from services.matching.recommendations.cautions import Caution
from services.matching.recommendations.documents import Document, Wording
from services.matching.recommendations.facts import UNRECORDED_GATES

_WORDS = Wording("project_id", "project_title")


def document_of(found: Comparison, changed: list[str], cautions: Iterable[Caution]) -> Document:
    """Return the answer of a preview, without what it says of the state of the directory."""
    return {
        "changed": changed,
        "considered_count": found.considered,
        "before": _outlook(found.before),
        "after": _outlook(found.after),
        "newly_feasible": _listed(found.gained_count, found.gained),
        "no_longer_feasible": _listed(found.lost_count, found.lost),
        "warnings": [
            {
                "code": caution.code,
                "field": caution.field,
                "about": list(caution.about),
                "text": _WORDS.texts(caution.zh, caution.en),
            }
            for caution in cautions
        ],
    }


def _outlook(outlook: Outlook) -> Document:
    return {
        "feasible_count": outlook.feasible,
        "open_count": outlook.open,
        "refused_count": outlook.refused,
        "gates": [
            {
                "gate": tally.gate,
                "label": _WORDS.texts(*labels.GATES[tally.gate]),
                "passed_count": tally.passed,
                "unknown_count": tally.unknown,
                "failed_count": tally.failed,
            }
            for tally in outlook.gates
            if tally.gate not in UNRECORDED_GATES
        ],
        "items": [_compared(entry) for entry in outlook.best],
    }


def _listed(count: int, entries: Iterable[Compared]) -> Document:
    return {"count": count, "items": [_compared(entry) for entry in entries]}


def _compared(entry: Compared) -> Document:
    before, after = entry.before.rank, entry.after.rank
    return {
        **_WORDS.named(entry.project_id, entry.title),
        "rank_change": None if before is None or after is None else before - after,
        "before": _standing(entry.before),
        "after": _standing(entry.after),
    }


def _standing(standing: Standing) -> Document:
    return {
        "rank": standing.rank,
        "score": standing.score / SCORE_SCALE,
        "points": standing.score,
        "obstacles": [
            {"gate": gate, "outcome": outcome, "label": _WORDS.texts(*labels.GATES[gate])}
            for gate, outcome in standing.obstacles
        ],
    }
