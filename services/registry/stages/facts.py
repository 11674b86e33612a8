"""Gathers what the guards of stages look at, inside the transaction that takes the step."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from services.registry.agreements.schemas import AgreementRead
from services.registry.agreements.service import commitments_of
from services.registry.clients.matching import Recommendation
from services.registry.landings.service import landings_of
from services.registry.projects.guarding import is_in_order
from services.registry.projects.places import places_of
from services.registry.projects.service import duplicates_of
from services.registry.projects.stage import EXITS, Stage
from services.registry.projects.transitions import transitions_of_subject
from services.registry.projects.uscc import valid_uscc
from services.registry.residencies.admission import check_capacity, is_after_their_last_steps, residencies_of
from services.registry.residencies.schemas import ResidencyRead
from services.registry.stages.approvals import key_holders, keys_turned
from services.registry.stages.guards import StageFacts, leaves_admission
from services.registry.stages.reviews import gates_passed_with_evidence, latest_grade, reviews_of
from services.registry.stages.schemas import Role, StageTransition
from services.registry.stages.terms import residency_to_admit
from shared import clock
from shared.db.engine import Row, WriteSession
from shared.identity import Principal


@dataclass(frozen=True)
class Gathered:
    """The facts, and the residency whose space an admission takes."""

    facts: StageFacts
    residency: ResidencyRead | None


async def gather(
    tx: WriteSession,
    viewer: Principal,
    project: Row,
    data: StageTransition,
    effective_at: datetime,
    recommendation: Recommendation | None,
) -> Gathered:
    """Return everything the guards of this step may ask; the enclave is locked only for an admission."""
    project_id, on = project["id"], clock.civil_date(effective_at)
    duplicates = await duplicates_of(tx, project) if data.to == Stage.SCREENING else []
    reviews = [review for review in await reviews_of(tx, project_id) if review.held_on <= on]
    residencies = await residencies_of(tx, project_id)
    residency = residency_to_admit(project, residencies)
    asks_space = data.to == Stage.ADMITTED and residency is not None
    check = await check_capacity(tx, residency, on) if asks_space and residency is not None else None
    keys = await keys_turned(tx, project)
    agreements, holders = await commitments_of(tx, project_id), await key_holders(tx, project)
    history = await transitions_of_subject(tx, project_id)
    moved = _moved_with(project, data, residencies)
    facts = StageFacts(
        effective_in_order=is_in_order(history, effective_at)
        and await is_after_their_last_steps(tx, moved, effective_at),
        reason_given=bool(data.reason),
        uscc_valid=valid_uscc(project["uscc"]) if project["uscc"] else None,
        duplicate_count=len(duplicates),
        visible_duplicate_ids=tuple(row["id"] for row in duplicates if _sees(viewer, row)),
        industry_count=len(project["industry_codes"]),
        owner_set=bool(project["owner_name"]),
        matching_answered=recommendation is not None,
        feasible_home_units=recommendation.feasible_count if recommendation else 0,
        reserve_score=recommendation.score if recommendation else None,
        reason_count=len(recommendation.reasons) if recommendation else 0,
        operator_key_of=keys.turned[Role.OPERATOR],
        home_unit_key_of=keys.turned[Role.HOME_UNIT],
        outdated_keys=keys.outdated,
        space_applied_for=residency is not None,
        space_free=check.free if check is not None else None,
        space_failures=tuple(failure.code for failure in check.failures) if check is not None else (),
        agreement_with_commitments=any(_binds(agreement, on, holders) for agreement in agreements),
        residency_states=frozenset(
            stay.state for stay in residencies if stay.enclave_id == project["enclave_id"]
        ),
        gates_passed_with_evidence=gates_passed_with_evidence(reviews),
        annual_grade=latest_grade(reviews),
        placed_functions=frozenset(
            place.function for place in await places_of(tx, project_id) if place.starts_on <= on
        ),
        landing_states=frozenset(landing.state for landing in await landings_of(tx, project_id)),
    )
    return Gathered(facts, residency)


def _binds(agreement: AgreementRead, on: date, holders: Mapping[Role, str | None]) -> bool:
    """Tell whether an agreement is signed and valid on a day, between those who admit the project."""
    signed = agreement.signed_on is not None and agreement.signed_on <= on
    begun = agreement.valid_from is None or agreement.valid_from <= on
    lasts = agreement.valid_to is None or agreement.valid_to >= on
    return signed and begun and lasts and set(holders.values()) <= set(agreement.party_ids)


def _moved_with(project: Row, data: StageTransition, residencies: list[ResidencyRead]) -> list[ResidencyRead]:
    """The stays that a step moves too."""
    if data.to in EXITS or leaves_admission(Stage(project["stage"]), data.to):
        return [stay for stay in residencies if stay.state != "left"]
    admitted = residency_to_admit(project, residencies) if data.to == Stage.ADMITTED else None
    return [admitted] if admitted is not None and not data.force else []


def _sees(viewer: Principal, row: Row) -> bool:
    return viewer.sees_network or viewer.organisation_id in row["party_ids"]
