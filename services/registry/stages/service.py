"""Use cases of stages: one step of a project, with everything that follows from it in one transaction."""

from datetime import datetime
from typing import Any

from services.registry.clients.matching import MatchingClient, MatchingUnavailable, Recommendation
from services.registry.evidence.service import require_evidence
from services.registry.projects.conduct import check_runs
from services.registry.projects.errors import (
    EffectiveInFuture,
    ProjectExists,
    ReasonRequired,
)
from services.registry.projects.guarding import as_details, edge_exists, require_passed
from services.registry.projects.schemas import PROJECT_STAGE_CHANGED, ProjectRead, TransitionRead
from services.registry.projects.service import (
    change_project,
    identity_of,
    lock_project,
    log_transition,
    require_visible_project,
)
from services.registry.projects.stage import EXITS, LADDER, Stage, Track
from services.registry.projects.transitions import transitions_of_subject
from services.registry.residencies.admission import approve_for_admission, release, take_back
from services.registry.stages.approvals import void_approvals
from services.registry.stages.clawback import clawback
from services.registry.stages.facts import Gathered, gather
from services.registry.stages.guards import (
    DEDUPLICATED,
    EFFECTIVE_IN_ORDER,
    StageFacts,
    evaluate,
    forcible,
    is_step_back,
    leaves_admission,
)
from services.registry.stages.schemas import StageTransition
from shared import clock
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.errors import InsufficientScope, check_version
from shared.identity import Principal

FORCE_SCOPE = "registry:stages:admin"
_ADMITTED = LADDER.index(Stage.ADMITTED)


async def ask_matching(
    database: Database, matching: MatchingClient, viewer: Principal, project_id: str, data: StageTransition
) -> Recommendation | None:
    """Ask for a recommendation where the step needs one, before its transaction; None without an answer."""
    if data.to != Stage.RESERVE or data.force:
        return None
    async with database.read() as session:
        project = await require_visible_project(session, viewer, project_id)
    if project["stage"] != Stage.SCREENING:
        return None
    try:
        return await matching.best_home_unit(project_id, project["version"])
    except MatchingUnavailable:
        return None


async def move_project(
    tx: WriteSession,
    actor: Principal,
    project_id: str,
    expected_version: int,
    data: StageTransition,
    recommendation: Recommendation | None = None,
) -> ProjectRead:
    """Take one step; a refusal names every guard that failed."""
    project = await lock_project(tx, actor, project_id)
    await check_runs(tx, actor, project)
    check_version(project["version"], expected_version)
    effective_at = data.effective_at or clock.now()
    if effective_at > clock.now():
        raise EffectiveInFuture()
    await require_evidence(tx, project_id, data.evidence_ids)
    from_stage = Stage(project["stage"])
    if recommendation is not None and recommendation.project_version != project["version"]:
        recommendation = None
    if data.force:
        _check_force(actor, from_stage, data)
    gathered = await gather(tx, actor, project, data, effective_at, recommendation)
    results = evaluate(from_stage, data.to, gathered.facts)
    require_passed([EFFECTIVE_IN_ORDER(gathered.facts)] if data.force else results)
    details: dict[str, Any] = {"guards": as_details(results)}
    changes = _changes(project, data, effective_at, recommendation)
    details |= await _consequences(tx, actor, project, data, effective_at, gathered)
    if recommendation is not None:
        details["recommendation"] = {
            "home_unit_id": recommendation.home_unit_id,
            "score": recommendation.score,
            "reasons": list(recommendation.reasons),
        }
    record = await _change(tx, actor, project, changes, effective_at)
    await log_transition(
        tx,
        actor,
        project_id=project_id,
        track=Track.STAGE,
        subject_id=project_id,
        from_state=from_stage,
        to_state=data.to,
        effective_at=effective_at,
        evidence_ids=data.evidence_ids,
        reason=data.reason,
        forced=data.force,
        details=details,
    )
    return record


async def stage_transitions(session: ReadSession, viewer: Principal, project_id: str) -> list[TransitionRead]:
    """Return the log of a project's stages."""
    await require_visible_project(session, viewer, project_id)
    return await transitions_of_subject(session, project_id)


def _changes(
    project: Row, data: StageTransition, effective_at: datetime, recommendation: Recommendation | None
) -> dict[str, Any]:
    """Return the fields of a project that follow from its step."""
    changes: dict[str, Any] = {"stage": data.to.value}
    if data.to in EXITS or data.to == Stage.LEAD:
        changes["identity"] = None
    elif project["identity"] is None:
        changes["identity"] = identity_of(project)
    if recommendation is not None:
        changes["reserve_score"] = recommendation.score
        changes["reserve_reasons"] = list(recommendation.reasons)
    if data.to not in EXITS:
        admitted = LADDER.index(data.to) >= _ADMITTED
        if not admitted:
            changes["admitted_at"] = None
        elif project["admitted_at"] is None:
            changes["admitted_at"] = effective_at
    return changes


async def _consequences(
    tx: WriteSession,
    actor: Principal,
    project: Row,
    data: StageTransition,
    effective_at: datetime,
    gathered: Gathered,
) -> dict[str, Any]:
    """Carry out what a step brings about beside the project itself; return what the log keeps of it."""
    if data.to in EXITS:
        on = clock.civil_date(effective_at)
        left = await release(tx, actor, project["id"], on, effective_at=effective_at, reason=data.reason)
        return {"released": [stay.id for stay in left], "clawback": clawback(None).as_details()}
    from_stage = Stage(project["stage"])
    if is_step_back(from_stage, data.to):
        await void_approvals(tx, actor, project["id"])
        if leaves_admission(from_stage, data.to):
            back = await take_back(tx, actor, project["id"], effective_at, data.reason)
            return {"taken_back": [stay.id for stay in back]}
    elif data.to == Stage.ADMITTED and not data.force and gathered.residency is not None:
        check = await approve_for_admission(tx, actor, gathered.residency.id, effective_at)
        return {"space": check.details()}
    return {}


async def _change(
    tx: WriteSession, actor: Principal, project: Row, changes: dict[str, Any], effective_at: datetime
) -> ProjectRead:
    try:
        return await change_project(tx, actor, project, changes, PROJECT_STAGE_CHANGED, effective_at)
    except ProjectExists:
        # Another project of the same identity was screened while this one was looked at.
        found = StageFacts(duplicate_count=1)
        require_passed([DEDUPLICATED(found)])
        raise


def _check_force(actor: Principal, from_stage: Stage, data: StageTransition) -> None:
    if not actor.has(FORCE_SCOPE):
        raise InsufficientScope(
            f"Forcing a step needs the scope {FORCE_SCOPE}.",
            f"强制变更需要权限 {FORCE_SCOPE}。",
            required_scope=FORCE_SCOPE,
        )
    if not data.reason:
        raise ReasonRequired()
    require_passed([edge_exists(from_stage, data.to, forcible(from_stage, data.to))])
