"""Counterfactuals as plain documents, and what of them another party may not see.

Where a rank begins tells how many points are missing, and from that a home unit's weights could be computed.
So an outsider is told of ranks only what whole places, whole kilometres and opened gates do, and of funds
nothing.
"""

from services.matching.engine.scoring import lever_labels
from services.matching.engine.scoring.counterfactual import Counterfactual, Goal, Lever
from services.matching.engine.scoring.labels import Label
from services.matching.recommendations.documents import Document, Wording, gate_document

PRIVATE_LEVERS = frozenset(
    {"fund_amount_cny", "max_fund_amount_cny", "remaining_budget_cny", "fund_cap_and_budget_cny"}
)
PRIVATE_FOR_RANK = PRIVATE_LEVERS | {"space_m2", "available_space_m2", "talent_count", "leading_industries"}
_OWN_OF_PROJECT = "project"


def counterfactual_document(
    found: Counterfactual, wording: Wording, rank: int, *, outsider: bool, unlimited: bool
) -> Document:
    """Return where a home unit stands, and each lever as this caller may see it."""
    outcomes = found.outcome.gates.items()
    return {
        "redacted": outsider,
        "wanted_rank": rank,
        "rank": found.outcome.rank,
        "gates": [
            gate_document(gate, outcome, wording, unlimited and gate == "max_distance")
            for gate, outcome in outcomes
        ],
        "levers": [_lever(lever, wording, rank, outsider) for lever in found.levers],
    }


def _lever(lever: Lever, wording: Wording, rank: int, outsider: bool) -> Document:
    hidden = outsider and lever.name in PRIVATE_LEVERS
    own = hidden and lever.side != _OWN_OF_PROJECT
    current = lever.current
    return {
        "lever": lever.name,
        "side": lever.side,
        "label": wording.texts(*lever_labels.LEVERS[lever.name]),
        "redacted": hidden,
        "unit": lever.unit,
        "step": None if hidden else lever.step,
        "current_value": None if own else current if isinstance(current, str | None) else float(current),
        "gate": lever.gate,
        "to_pass_gate": _to_pass(lever, wording, hidden),
        "to_reach_rank": _to_reach(lever, wording, rank, outsider and lever.name in PRIVATE_FOR_RANK),
    }


def _to_pass(lever: Lever, wording: Wording, hidden: bool) -> Document | None:
    goal, gate = lever.to_pass, lever.gate
    if goal is None or gate is None:
        return None
    if goal.needed is None:
        text = lever_labels.cannot_open(lever.name, gate)
    else:
        change = lever_labels.changed(lever.name, lever.unit, lever.current, goal.needed)
        text = lever_labels.opens(change, gate, goal.sufficient)
    return _goal(lever, goal, text, wording, hidden)


def _to_reach(lever: Lever, wording: Wording, rank: int, hidden: bool) -> Document | None:
    goal = lever.to_reach
    if goal is None:
        return None
    if goal.needed is None:
        text = lever_labels.cannot_reach(lever.name, rank)
    else:
        change = lever_labels.changed(lever.name, lever.unit, lever.current, goal.needed)
        text = lever_labels.reaches(change, rank)
    return _goal(lever, goal, text, wording, hidden)


def _goal(lever: Lever, goal: Goal, text: Label, wording: Wording, hidden: bool) -> Document:
    if hidden:
        said = wording.texts(*lever_labels.withheld(lever.name))
        return {"redacted": True, "feasible": None, "sufficient": None, "needed_value": None, "text": said}
    needed = goal.needed
    return {
        "redacted": False,
        "feasible": needed is not None,
        "sufficient": goal.sufficient,
        "needed_value": needed if isinstance(needed, str | None) else float(needed),
        "text": wording.texts(*text),
    }
