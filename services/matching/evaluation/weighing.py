"""From decided offers to proposed weights of one home unit."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from services.matching.directory.records import Project
from services.matching.engine.evaluation.proposals import Evidence, propose
from services.matching.engine.scoring.criteria import CRITERIA, normalised
from services.matching.engine.scoring.features import HomeUnitFeatures
from services.matching.engine.scoring.ranking import explain_pair
from services.matching.engine.scoring.snapshot import Snapshot
from services.matching.evaluation.feedback import OfferOutcome
from services.matching.evaluation.schemas import WeightEvidenceRead, known_share
from services.matching.recommendations.facts import project_features


def weigh(
    home: HomeUnitFeatures,
    projects: Mapping[str, Project],
    outcomes: Sequence[OfferOutcome],
    seed: int,
) -> tuple[dict[str, int] | None, list[WeightEvidenceRead]]:
    """Return the weights that a home unit's accepted and refused offers speak for, None if they move nothing.

    Offers are scored as they would be today; those that expired or whose project is unknown tell nothing.
    """
    decided = [
        outcome
        for outcome in sorted(
            outcomes, key=lambda entry: (entry.decided_at, entry.round_id, entry.project_id)
        )
        if outcome.home_unit_id == home.id and outcome.decision != "expired"
    ]
    accepted, scores = _scores(home, projects, decided)
    weights = dict(zip(CRITERIA, normalised(home.weights), strict=True))
    evidence = propose(scores, accepted, weights, seed)
    moved = {entry.criterion: entry.proposed for entry in evidence}
    proposed = dict(zip(CRITERIA, normalised(moved), strict=True)) if moved != weights else weights
    return (proposed if proposed != weights else None), [_evidence(entry) for entry in evidence]


def _scores(
    home: HomeUnitFeatures, projects: Mapping[str, Project], decided: Sequence[OfferOutcome]
) -> tuple[list[bool], dict[str, list[int | None]]]:
    """Per criterion the score of each offer, None where not known; none depends on another home unit."""
    snapshot, accepted = Snapshot([home]), list[bool]()
    found = {name: list[int | None]() for name in CRITERIA}
    for outcome in decided:
        # A project that is unknown, or that the engine cannot read, tells nothing.
        with suppress(ValueError, KeyError):
            features = project_features(projects[outcome.project_id])
            for entry in explain_pair(snapshot, features, home.id):
                found[entry.criterion].append(entry.score if entry.known else None)
            accepted.append(outcome.decision == "accepted")
    return accepted, found


def _evidence(entry: Evidence) -> WeightEvidenceRead:
    values: dict[str, Any] = {
        name: known_share(getattr(entry, name)) for name in ("difference", "low", "high")
    }
    return WeightEvidenceRead(
        criterion=entry.criterion,
        accepted=entry.accepted,
        refused=entry.refused,
        weight=entry.weight,
        proposed=entry.proposed,
        **values,
    )
