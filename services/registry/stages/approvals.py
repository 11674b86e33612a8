"""The two keys of an admission: each turned by its own organisation, with its own credential."""

from dataclasses import dataclass
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
from services.registry.stages.terms import terms_to_approve
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
    approved = await terms_to_approve(tx, project)
    for row in await repository.approvals_of(tx, project_id, active=True):
        if (row["role"], row["organisation_id"]) == (roles[0], actor.organisation_id):
            if row["approved"] == approved:
                raise AlreadyApproved()
            await _void(tx, actor, row)
    values = {
        "id": new_id("apv"),
        "project_id": project_id,
        "role": roles[0].value,
        "organisation_id": actor.organisation_id,
        "actor_id": actor.id,
        "approved": approved,
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


@dataclass(frozen=True)
class Keys:
    """By whom each key was turned, and which were turned for something else than is up for admission."""

    turned: dict[Role, str | None]
    outdated: frozenset[Role]


async def keys_turned(session: ReadSession, project: Row) -> Keys:
    """Return the keys that were turned by those who hold them, for what the project now applies for."""
    given = {
        (row["role"], row["organisation_id"]): row["approved"]
        for row in await repository.approvals_of(session, project["id"], active=True)
    }
    approved, holders = await terms_to_approve(session, project), await key_holders(session, project)
    held = {role: holder for role, holder in holders.items() if (role, holder) in given}
    outdated = frozenset(role for role, holder in held.items() if given[role, holder] != approved)
    return Keys({role: None if role in outdated else held.get(role) for role in holders}, outdated)


async def list_approvals(session: ReadSession, viewer: Principal, project_id: str) -> list[ApprovalRead]:
    """Return the approvals of a project, also those that became void."""
    await require_visible_project(session, viewer, project_id)
    return [ApprovalRead.of(row) for row in await repository.approvals_of(session, project_id)]


async def void_approvals(tx: WriteSession, actor: Principal, project_id: str) -> None:
    """Make every approval of a project void: what was approved has been taken back."""
    for row in await repository.approvals_of(tx, project_id, active=True):
        await _void(tx, actor, row)


async def _void(tx: WriteSession, actor: Principal, row: Row) -> None:
    now = clock.now()
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
