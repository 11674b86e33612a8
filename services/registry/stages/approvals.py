"""The two keys of an admission: each turned by its own organisation, with its own credential."""

from typing import Any

from services.registry.base import messaging
from services.registry.enclaves.service import get_enclave_row
from services.registry.projects.errors import EffectiveInFuture
from services.registry.projects.service import lock_project, require_visible_project
from services.registry.projects.stage import Stage
from services.registry.stages import repository
from services.registry.stages.errors import AlreadyApproved, NotAKeyHolder, NotUpForAdmission
from services.registry.stages.schemas import (
    APPROVAL_CREATED,
    APPROVAL_VOIDED,
    ApprovalCreate,
    ApprovalRead,
    Role,
)
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish


async def approve(tx: WriteSession, actor: Principal, project_id: str, data: ApprovalCreate) -> ApprovalRead:
    """Turn the caller's key; whoever sees the network holds none, since it would hold both."""
    project = await lock_project(tx, actor, project_id)
    keys = await key_holders(tx, project)
    roles = [role for role, organisation_id in keys.items() if organisation_id == actor.organisation_id]
    if actor.sees_network or actor.organisation_id is None or not roles:
        raise NotAKeyHolder()
    if project["stage"] not in (Stage.SCREENING, Stage.RESERVE):
        raise NotUpForAdmission()
    now = clock.now()
    if data.effective_at is not None and data.effective_at > now:
        raise EffectiveInFuture()
    given = await repository.approvals_of(tx, project_id, active=True)
    if any((row["role"], row["organisation_id"]) == (roles[0], actor.organisation_id) for row in given):
        raise AlreadyApproved()
    values = {
        "id": new_id("apv"),
        "project_id": project_id,
        "role": roles[0].value,
        "organisation_id": actor.organisation_id,
        "actor_id": actor.id,
        "note": data.note,
        "effective_at": data.effective_at or now,
        "voided_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add_approval(tx, values)
    record = ApprovalRead.of(values)
    await _publish(tx, actor, APPROVAL_CREATED, record, effective_at=record.effective_at)
    return record


async def key_holders(session: ReadSession, project: Row) -> dict[Role, str | None]:
    """Return whose keys open the admission of a project now."""
    enclave = await get_enclave_row(session, project["enclave_id"]) if project["enclave_id"] else None
    return {
        Role.OPERATOR: project["operator_id"],
        Role.HOME_UNIT: enclave["home_unit_id"] if enclave is not None else None,
    }


async def keys_turned(session: ReadSession, project: Row) -> dict[Role, str | None]:
    """Return by whom each key was turned; an approval of somebody who holds the key no longer is none."""
    given = {
        (row["role"], row["organisation_id"])
        for row in await repository.approvals_of(session, project["id"], active=True)
    }
    holders = await key_holders(session, project)
    return {role: holder if (role, holder) in given else None for role, holder in holders.items()}


async def list_approvals(session: ReadSession, viewer: Principal, project_id: str) -> list[ApprovalRead]:
    """Return the approvals of a project, also those that became void."""
    await require_visible_project(session, viewer, project_id)
    return [ApprovalRead.of(row) for row in await repository.approvals_of(session, project_id)]


async def void_approvals(tx: WriteSession, actor: Principal, project_id: str) -> None:
    """Make every approval of a project void: what was approved has been taken back."""
    now = clock.now()
    for row in await repository.approvals_of(tx, project_id, active=True):
        changes: dict[str, Any] = {"voided_at": now, "version": row["version"] + 1, "updated_at": now}
        await repository.change_approval(tx, row["id"], changes)
        record = ApprovalRead.of({**row, **changes})
        told: dict[str, Any] = {"changed": ["voided_at"], "previous": {"voided_at": None}}
        await _publish(tx, actor, APPROVAL_VOIDED, record, **told)


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, record: ApprovalRead, **details: Any
) -> None:
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="approval",
        subject_id=record.id,
        version=record.version,
        root_id=record.project_id,
        url=f"/v1/projects/{record.project_id}/approvals",
        **details,
    )
