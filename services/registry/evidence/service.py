"""Use cases of evidence. Whoever sees a project sees its evidence."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from services.registry.base import messaging
from services.registry.enclaves.service import get_enclave_row
from services.registry.evidence import repository
from services.registry.evidence.errors import EvidenceVerified, UnknownEvidence
from services.registry.evidence.schemas import (
    EVIDENCE_CREATED,
    EVIDENCE_VERIFIED,
    EvidenceCreate,
    EvidenceRead,
)
from services.registry.organisations.schemas import OrganisationKind
from services.registry.organisations.service import get_organisation
from services.registry.projects.conduct import check_takes_part
from services.registry.projects.service import require_visible_project
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.errors import InsufficientScope, NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish

LandsAt = Callable[[ReadSession, str, str], Awaitable[bool]]
"""Tells whether a project lands at a home unit; supplied from above, where landings are known."""


async def file_evidence(
    tx: WriteSession,
    actor: Principal,
    project_id: str,
    data: EvidenceCreate,
    *,
    lands_at: LandsAt,
    evidence_id: str | None = None,
) -> EvidenceRead:
    """File evidence for a project, as one who takes part in it or as a home unit it lands at."""
    project = await require_visible_project(tx, actor, project_id)
    own = actor.organisation_id
    is_landed_at = own is not None and await lands_at(tx, project_id, own)
    await check_takes_part(tx, actor, project, or_else=own if is_landed_at else None)
    now = clock.now()
    values = {
        **data.model_dump(),
        "id": evidence_id or new_id("evd"),
        "project_id": project_id,
        "filed_by_id": actor.organisation_id,
        "verified_by_id": None,
        "verified_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add(tx, values)
    record = EvidenceRead.of(values)
    await _publish(tx, actor, EVIDENCE_CREATED, record)
    return record


async def get_evidence(
    session: ReadSession, viewer: Principal, project_id: str, evidence_id: str
) -> EvidenceRead:
    """Return one piece of a project's evidence."""
    await require_visible_project(session, viewer, project_id)
    row = await repository.find(session, project_id, evidence_id)
    if row is None:
        raise _no_such_evidence()
    return EvidenceRead.of(row)


async def list_evidence(
    session: ReadSession, viewer: Principal, project_id: str, query: ListQuery, signer: CursorSigner
) -> tuple[list[EvidenceRead], Page]:
    """Return one page of a project's evidence."""
    await require_visible_project(session, viewer, project_id)
    page = await repository.page(session, project_id, query, signer)
    return [EvidenceRead.of(row) for row in page.rows], page


async def verify_evidence(
    tx: WriteSession,
    actor: Principal,
    project_id: str,
    evidence_id: str,
    expected_version: int,
    *,
    lands_at: LandsAt,
) -> EvidenceRead:
    """Let a home unit confirm evidence with its own credential; nobody confirms what it filed itself."""
    project = await require_visible_project(tx, actor, project_id)
    row = await repository.find(tx, project_id, evidence_id, lock=True)
    if row is None:
        raise _no_such_evidence()
    await _check_may_verify(tx, actor, project, row["filed_by_id"], lands_at)
    check_version(row["version"], expected_version)
    if row["verified_at"] is not None:
        raise EvidenceVerified()
    now = clock.now()
    changes = {
        "verified_by_id": actor.organisation_id,
        "verified_at": now,
        "version": row["version"] + 1,
        "updated_at": now,
    }
    await repository.change(tx, evidence_id, changes)
    record = EvidenceRead.of({**row, **changes})
    previous = {"verified_by_id": None, "verified_at": None}
    await _publish(tx, actor, EVIDENCE_VERIFIED, record, changed=sorted(previous), previous=previous)
    return record


async def require_evidence(session: ReadSession, project_id: str, ids: Sequence[str]) -> list[EvidenceRead]:
    """Return the evidence a step refers to, in that order, or raise a 409."""
    if not ids:
        return []
    found = {row["id"]: row for row in await repository.find_all(session, project_id, ids)}
    if not found.keys() >= set(ids):
        raise UnknownEvidence()
    return [EvidenceRead.of(found[evidence_id]) for evidence_id in ids]


async def _check_may_verify(
    tx: WriteSession, actor: Principal, project: Row, filed_by_id: str | None, lands_at: LandsAt
) -> None:
    """Evidence is verified once, so a home unit that only sees the project must not be the one to do it."""
    own = actor.organisation_id
    if own is not None and own != filed_by_id:
        organisation = await get_organisation(tx, own)
        if organisation.kind == OrganisationKind.HOME_UNIT and (
            await _is_home_of(tx, own, project) or await lands_at(tx, project["id"], own)
        ):
            return
    raise InsufficientScope(
        "Evidence is verified by the enclave's home unit or one the project lands at, not by who filed it.",
        "证明材料须由未提交该材料的飞出地主体核验，即飞地的飞出地或项目落地所在的飞出地。",
    )


async def _is_home_of(tx: WriteSession, organisation_id: str, project: Row) -> bool:
    enclave = await get_enclave_row(tx, project["enclave_id"]) if project["enclave_id"] else None
    return enclave is not None and enclave["home_unit_id"] == organisation_id


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, record: EvidenceRead, **details: Any
) -> None:
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="evidence",
        subject_id=record.id,
        version=record.version,
        root_id=record.project_id,
        url=f"/v1/projects/{record.project_id}/evidence/{record.id}",
        **details,
    )


def _no_such_evidence() -> NotFound:
    return NotFound("No such evidence.", "没有该证明材料。")
