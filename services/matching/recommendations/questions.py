"""An unknown is not a pass: it is the next question, and to whom."""

from typing import NamedTuple

from services.matching.recommendations import labels
from services.matching.recommendations.compilation import CompiledHome, CompiledProject

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


def missing(gate: str, home: CompiledHome, project: CompiledProject) -> list[tuple[str, str]]:
    """Who has to say what before an unknown gate can be decided."""
    h, p = home.features, project.features
    facts: dict[str, list[tuple[str, str, bool]]] = {
        "stage": [(HOME_UNIT, "accepted_stages", h.accepted_stages is None)],
        "plant_class": [
            (HOME_UNIT, "accepted_plant_classes", h.accepted_plant_classes is None),
            (PROJECT_TEAM, "plant_class", p.plant_class is None),
        ],
        "policy": [
            (HOME_UNIT, "policy_supported_fields", h.policy_supported_fields is None),
            (PROJECT_TEAM, "industry_codes", not project.keys),
            (PROJECT_TEAM, "fund_amount_cny", p.fund_amount_cny is None),
        ],
        "fund": [
            (HOME_UNIT, "max_fund_amount_cny", h.max_fund_amount_cny is None),
            (HOME_UNIT, "remaining_budget_cny", h.remaining_budget_cny is None),
            (PROJECT_TEAM, "fund_amount_cny", p.fund_amount_cny is None),
        ],
        "space": [
            (HOME_UNIT, "available_space_m2", h.available_space_m2 is None),
            (PROJECT_TEAM, "space_m2", p.space_m2 is None),
        ],
        "max_distance": [
            (HOME_UNIT, "home_place", home.place is None),
            (PROJECT_TEAM, "host_place", project.place is None),
        ],
    }
    return [(asked, field) for asked, field, open_ in facts.get(gate, ()) if open_]


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
