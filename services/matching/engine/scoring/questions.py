"""An unknown is not a pass: it is the next question, and to whom."""

from collections.abc import Callable
from typing import NamedTuple

from services.matching.engine.scoring import labels
from services.matching.engine.scoring.compilation import CompiledHome, CompiledProject

HOME_UNIT, PROJECT_TEAM = "home_unit", "project_team"


class Question(NamedTuple):
    """``candidate_ids`` are those the answer may open, best first."""

    gate: str
    asked: str
    party_id: str
    field: str
    candidate_ids: tuple[str, ...]
    zh: str
    en: str


_Missing = tuple[str, str, Callable[[CompiledHome, CompiledProject], bool]]
_MISSING: dict[str, tuple[_Missing, ...]] = {
    "stage": ((HOME_UNIT, "accepted_stages", lambda h, p: h.features.accepted_stages is None),),
    "plant_class": (
        (HOME_UNIT, "accepted_plant_classes", lambda h, p: h.features.accepted_plant_classes is None),
        (PROJECT_TEAM, "plant_class", lambda h, p: p.features.plant_class is None),
    ),
    "policy": (
        (HOME_UNIT, "policy_supported_fields", lambda h, p: h.features.policy_supported_fields is None),
        (PROJECT_TEAM, "industry_codes", lambda h, p: not p.keys),
        (PROJECT_TEAM, "fund_amount_cny", lambda h, p: p.features.fund_amount_cny is None),
    ),
    "fund": (
        (HOME_UNIT, "max_fund_amount_cny", lambda h, p: h.features.max_fund_amount_cny is None),
        (HOME_UNIT, "remaining_budget_cny", lambda h, p: h.features.remaining_budget_cny is None),
        (PROJECT_TEAM, "fund_amount_cny", lambda h, p: p.features.fund_amount_cny is None),
    ),
    "space": (
        (HOME_UNIT, "available_space_m2", lambda h, p: h.features.available_space_m2 is None),
        (PROJECT_TEAM, "space_m2", lambda h, p: p.features.space_m2 is None),
    ),
    "max_distance": (
        (HOME_UNIT, "home_place", lambda h, p: h.place is None),
        (PROJECT_TEAM, "host_place", lambda h, p: p.place is None),
    ),
}


def missing(gate: str, home: CompiledHome, project: CompiledProject) -> list[tuple[str, str]]:
    """Who has to say what before an unknown gate can be decided."""
    return [(asked, field) for asked, field, open_ in _MISSING.get(gate, ()) if open_(home, project)]


class Collector:
    """Questions in the order of the best candidate each may open."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, str, str], tuple[str, list[str]]] = {}

    def add(self, candidate_id: str, gate: str, home: CompiledHome, project: CompiledProject) -> None:
        for asked, field in missing(gate, home, project):
            party_id = home.features.id if asked == HOME_UNIT else project.features.id
            _, candidates = self._asked.setdefault((asked, party_id, field), (gate, []))
            if candidate_id not in candidates:
                candidates.append(candidate_id)

    def questions(self) -> tuple[Question, ...]:
        return tuple(
            Question(gate, asked, party_id, field, tuple(candidates), *labels.QUESTIONS[field])
            for (asked, party_id, field), (gate, candidates) in self._asked.items()
        )
