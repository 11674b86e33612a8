"""From decided offers to proposed weights of one home unit."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.matching.engine.evaluation.proposals import Evidence, propose
from services.matching.engine.scoring.criteria import CRITERIA, normalised
from services.matching.engine.scoring.features import HomeUnitFeatures, ProjectFeatures
from services.matching.engine.scoring.ranking import explain_pair
from services.matching.engine.scoring.snapshot import Snapshot
from services.matching.evaluation.feedback import OfferOutcome
from services.matching.evaluation.schemas import EvidenceRead, known_share


def weigh(
    home: HomeUnitFeatures,
    projects: Mapping[str, ProjectFeatures],
    outcomes: Sequence[OfferOutcome],
    seed: int,
) -> tuple[dict[str, int] | None, list[EvidenceRead]]:
    """Return the weights that a home unit's accepted and refused offers speak for, None if they move nothing.

    Offers are scored as they would be today; those that expired or whose project is unknown tell nothing.
    """
    decided = [
        outcome
        for outcome in sorted(
            outcomes, key=lambda entry: (entry.decided_at, entry.round_id, entry.project_id)
        )
        if outcome.home_unit_id == home.id
        and outcome.decision != "expired"
        and outcome.project_id in projects
    ]
    scores = _scores(home, [projects[outcome.project_id] for outcome in decided])
    accepted = [outcome.decision == "accepted" for outcome in decided]
    weights = dict(zip(CRITERIA, normalised(home.weights), strict=True))
    evidence = propose(scores, accepted, weights, seed)
    moved = {entry.criterion: entry.proposed for entry in evidence}
    proposed = dict(zip(CRITERIA, normalised(moved), strict=True)) if moved != weights else weights
    return (proposed if proposed != weights else None), [_evidence(entry) for entry in evidence]


def _scores(home: HomeUnitFeatures, projects: Sequence[ProjectFeatures]) -> dict[str, list[int | None]]:
    """Per criterion the score of each project, None where not known; none depends on another home unit."""
    snapshot, found = Snapshot([home]), {name: list[int | None]() for name in CRITERIA}
    for project in projects:
        for entry in explain_pair(snapshot, project, home.id):
            found[entry.criterion].append(entry.score if entry.known else None)
    return found


def _evidence(entry: Evidence) -> EvidenceRead:
    values: dict[str, Any] = {
        name: known_share(getattr(entry, name)) for name in ("difference", "low", "high")
    }
    return EvidenceRead(
        criterion=entry.criterion,
        accepted=entry.accepted,
        refused=entry.refused,
        weight=entry.weight,
        proposed=entry.proposed,
        **values,
    )
