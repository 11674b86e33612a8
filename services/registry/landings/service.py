"""Use cases of landings."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from services.registry.base import messaging
from services.registry.evidence.schemas import EvidenceRead
from services.registry.evidence.service import require_evidence
from services.registry.landings import repository
from services.registry.landings.errors import HomeUnitNotProposed, ProjectEnded
from services.registry.landings.guards import (
    LandingFacts,
    LandingState,
    effective_in_order,
    evaluate,
    forcible,
    steps_taken,
)
from services.registry.landings.record import (
    BROUGHT_LATER,
    brought,
    is_committed,
    is_overdue,
    lapses_after,
    to_read,
)
from services.registry.landings.schemas import (
    LANDING_CREATED,
    LANDING_STATE_CHANGED,
    LANDING_UPDATED,
    LandingCreate,
    LandingRead,
    LandingTransition,
)
from services.registry.organisations.service import require_organisation
from services.registry.projects.conduct import check_takes_part
from services.registry.projects.errors import EffectiveInFuture, ReasonRequired
from services.registry.projects.guarding import (
    GuardResult,
    as_details,
    edge_exists,
    is_in_order,
    require_passed,
)
from services.registry.projects.schemas import TransitionRead
from services.registry.projects.service import lock_project, log_transition
from services.registry.projects.stage import EXITS, Track
from services.registry.projects.transitions import transitions_of_subject
from services.registry.projects.uscc import valid_uscc
from services.registry.reference.catalogue import load_catalogue
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.errors import InsufficientScope, NotFound, check_version
from shared.identity import SYSTEM, Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish

_log = structlog.get_logger(__name__)

FORCE_SCOPE = "registry:landings:admin"
DEFAULT_GRACE_WORKING_DAYS = 20
LATE_ENTRY = timedelta(days=28)
_BRINGS = {
    "commitments": LandingState.SIGNED,
    "compliance": LandingState.SIGNED,
    "legal_entity": LandingState.REGISTERED,
    "verified_output_cny": LandingState.PRODUCING,
}


async def create_landing(
    tx: WriteSession, actor: Principal, data: LandingCreate, *, landing_id: str | None = None
) -> LandingRead:
    """Record the intent to land at a home unit that knows the project."""
    effective_at = _happened(data.effective_at)
    project = await lock_project(tx, actor, data.project_id)
    await check_takes_part(tx, actor, project, or_else=data.home_unit_id)
    if project["stage"] in EXITS:
        raise ProjectEnded()
    await require_organisation(tx, data.home_unit_id, "home_unit")
    if data.home_unit_id not in project["party_ids"]:
        raise HomeUnitNotProposed()
    now = clock.now()
    values: dict[str, Any] = {
        **dict.fromkeys(BROUGHT_LATER),
        "id": landing_id or new_id("lnd"),
        "project_id": data.project_id,
        "home_unit_id": data.home_unit_id,
        "enclave_id": project["enclave_id"],
        "state": LandingState.INTENT.value,
        "grace_working_days": DEFAULT_GRACE_WORKING_DAYS,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add(tx, values)
    await _log_step(tx, actor, values, None, effective_at=effective_at)
    record = to_read(values)
    await _publish(tx, actor, LANDING_CREATED, record, effective_at=effective_at)
    return record


async def get_landing(session: ReadSession, viewer: Principal, landing_id: str) -> LandingRead:
    """Return one landing."""
    return to_read(await _require_landing(session, viewer, landing_id))


async def list_landings(
    session: ReadSession, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> tuple[list[LandingRead], Page]:
    """Return one page of the landings a viewer may see."""
    page = await repository.page(session, viewer, query, signer)
    return [to_read(row) for row in page.rows], page


async def landings_of(session: ReadSession, project_id: str) -> list[LandingRead]:
    """Return the landings of a project that the caller has already been shown."""
    return [to_read(row) for row in await repository.of_project(session, project_id)]


async def lands_at(session: ReadSession, project_id: str, home_unit_id: str) -> bool:
    """Tell whether a project has a landing at a home unit, in whatever state."""
    landings = await repository.of_project(session, project_id)
    return any(row["home_unit_id"] == home_unit_id for row in landings)


async def landing_transitions(
    session: ReadSession, viewer: Principal, landing_id: str
) -> list[TransitionRead]:
    """Return the log of one landing."""
    await _require_landing(session, viewer, landing_id)
    return await transitions_of_subject(session, landing_id)


async def move_landing(
    tx: WriteSession, actor: Principal, landing_id: str, expected_version: int, data: LandingTransition
) -> LandingRead:
    """Take one step of a landing; a refusal names every guard that failed."""
    effective_at = _happened(data.effective_at)
    row = await _lock_landing(tx, actor, landing_id)
    check_version(row["version"], expected_version)
    evidence = await require_evidence(tx, row["project_id"], data.evidence_ids)
    after = {**row, **brought(data), "state": data.to.value}
    from_state = LandingState(row["state"])
    if data.to == LandingState.SIGNED:
        # A start that was missed or met counts no more; the step says which one does, or nobody knows.
        agreed = from_state == LandingState.INTENT or data.commitments is not None
        after["lapses_after"] = lapses_after(after) if agreed else None
    in_order = is_in_order(await transitions_of_subject(tx, row["id"]), effective_at)
    if data.force:
        _check_force(actor, from_state, data)
        found = LandingFacts(effective_in_order=in_order)
        require_passed([_fields_belong(from_state, data), effective_in_order(found)])
        details: dict[str, Any] = {}
    else:
        facts = await _facts(tx, after, evidence, data.reason, clock.civil_date(effective_at))
        facts = replace(facts, effective_in_order=in_order)
        results = [_fields_belong(from_state, data), *evaluate(from_state, data.to, facts)]
        require_passed(results)
        details = {"guards": as_details(results)}
    return await _move(tx, actor, row, after, data, effective_at, details)


async def follow_project(tx: WriteSession, actor: Principal, project_id: str, enclave_id: str | None) -> None:
    """Let the landings of a locked project follow it to another enclave."""
    for row in await repository.of_project(tx, project_id):
        changes = {"enclave_id": enclave_id, "version": row["version"] + 1, "updated_at": clock.now()}
        await repository.change(tx, row["id"], changes)
        await _tell(tx, actor, LANDING_UPDATED, row, {**row, **changes})


async def lapse_overdue(tx: WriteSession, today: date, limit: int = 50) -> int:
    """Let signed landings lapse whose start and grace have passed; return how many did.

    One that was signed, as far as we know, only within ``LATE_ENTRY`` is left alone: who enters a past
    history does not do so in one moment, and what comes next may be on the way.
    """
    lapsed, entered_before = 0, clock.start_of_day(today) - LATE_ENTRY
    found = await repository.overdue(tx, today, entered_before, limit)
    for due in sorted(found, key=lambda row: str(row["project_id"])):
        try:
            async with tx.savepoint():
                lapsed += await _lapse(tx, due, today)
        except Exception:
            # One that cannot lapse must not keep all others from it.
            _log.exception("landing_not_lapsed", landing_id=due["id"])
    return lapsed


async def _lapse(tx: WriteSession, due: Row, today: date) -> bool:
    await lock_project(tx, SYSTEM, due["project_id"])
    row = await repository.find(tx, SYSTEM, due["id"], lock=True)
    if row is None or row["state"] != LandingState.SIGNED or not is_overdue(row, today):
        return False
    overdue_at = clock.start_of_day(row["lapses_after"] + timedelta(days=1))
    signed_at = (await transitions_of_subject(tx, row["id"]))[-1].effective_at
    step = LandingTransition(to=LandingState.LAPSED, reason="start overdue")
    after = {**row, "state": step.to.value}
    details = {"guards": [{"guard": "start_overdue", "passed": True}]}
    await _move(tx, SYSTEM, row, after, step, max(overdue_at, signed_at), details)
    return True


async def _move(
    tx: WriteSession,
    actor: Principal,
    row: Row,
    after: dict[str, Any],
    data: LandingTransition,
    effective_at: datetime,
    details: dict[str, Any],
) -> LandingRead:
    after = {**after, "version": row["version"] + 1, "updated_at": clock.now()}
    changed = {name: value for name, value in after.items() if row[name] != value}
    await repository.change(tx, row["id"], changed)
    await _log_step(
        tx,
        actor,
        after,
        row["state"],
        effective_at=effective_at,
        evidence_ids=data.evidence_ids,
        reason=data.reason,
        forced=data.force,
        details=details,
    )
    return await _tell(tx, actor, LANDING_STATE_CHANGED, row, after, effective_at)


async def _tell(
    tx: WriteSession,
    actor: Principal,
    event_type: EventType,
    row: Row,
    after: Row,
    effective_at: datetime | None = None,
) -> LandingRead:
    record, before = to_read(after), to_read(row).model_dump(mode="json")
    names = [name for name, value in record.model_dump(mode="json").items() if value != before[name]]
    told = sorted(set(names) - {"version", "updated_at"})
    previous = {name: before[name] for name in told}
    await _publish(tx, actor, event_type, record, changed=told, previous=previous, effective_at=effective_at)
    return record


async def _facts(
    tx: WriteSession, after: Row, evidence: list[EvidenceRead], reason: str | None, on: date
) -> LandingFacts:
    project = await lock_project(tx, SYSTEM, after["project_id"])
    home_unit = await require_organisation(tx, after["home_unit_id"])
    entity_uscc, entity_adcode = after["entity_uscc"], after["entity_adcode"]
    inside = (
        load_catalogue().is_within(entity_adcode, home_unit.adcode)
        if entity_adcode and home_unit.adcode
        else None
    )
    verified = {item.kind for item in evidence if item.verified_by_id == after["home_unit_id"]}
    return LandingFacts(
        home_unit_is_party=after["home_unit_id"] in project["party_ids"],
        commitments_complete=is_committed(after),
        reinvestment_percent=after["reinvestment_percent"],
        relocation_clause=after["relocation_clause"],
        compliance_approver=after["compliance_approver"],
        entity_uscc_valid=valid_uscc(entity_uscc) if entity_uscc else None,
        entity_inside_home_unit=inside,
        evidence_kinds=frozenset(item.kind for item in evidence),
        verified_evidence_kinds=frozenset(verified),
        start_overdue=is_overdue(after, on) if after["lapses_after"] else None,
        reason_given=bool(reason),
    )


def _check_force(actor: Principal, from_state: LandingState, data: LandingTransition) -> None:
    if not actor.has(FORCE_SCOPE):
        raise InsufficientScope(
            f"Forcing a step needs the scope {FORCE_SCOPE}.",
            f"强制变更需要权限 {FORCE_SCOPE}。",
            required_scope=FORCE_SCOPE,
        )
    if not data.reason:
        raise ReasonRequired()
    require_passed([edge_exists(from_state, data.to, forcible(from_state, data.to))])


def _fields_belong(from_state: LandingState, data: LandingTransition) -> GuardResult:
    """What a landing promised is not rewritten by a later step; a skip brings what the skipped steps do."""
    taken = steps_taken(from_state, data.to)
    foreign = [name for name, to in _BRINGS.items() if getattr(data, name) is not None and to not in taken]
    return GuardResult(
        "fields_belong_to_step",
        not foreign,
        "Some fields do not belong to this step.",
        "部分字段不属于该变更。",
        {"fields": foreign},
    )


def _happened(effective_at: datetime | None) -> datetime:
    now = clock.now()
    if effective_at is not None and effective_at > now:
        raise EffectiveInFuture()
    return effective_at or now


async def _require_landing(session: ReadSession, viewer: Principal, landing_id: str) -> Row:
    row = await repository.find(session, viewer, landing_id)
    if row is None:
        raise NotFound("No such landing.", "没有该落地记录。")
    return row


async def _lock_landing(tx: WriteSession, actor: Principal, landing_id: str) -> Row:
    """Lock the project first and then the landing, as everybody does."""
    seen = await _require_landing(tx, actor, landing_id)
    project = await lock_project(tx, actor, seen["project_id"])
    await check_takes_part(tx, actor, project, or_else=seen["home_unit_id"])
    row = await repository.find(tx, actor, landing_id, lock=True)
    assert row is not None
    return row


async def _log_step(
    tx: WriteSession, actor: Principal, row: Row, from_state: str | None, **entry: Any
) -> None:
    await log_transition(
        tx,
        actor,
        project_id=row["project_id"],
        track=Track.LANDING,
        subject_id=row["id"],
        from_state=from_state,
        to_state=row["state"],
        **entry,
    )


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, record: LandingRead, **details: Any
) -> None:
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="landing",
        subject_id=record.id,
        version=record.version,
        root_id=record.project_id,
        url=f"/v1/landings/{record.id}",
        **details,
    )
