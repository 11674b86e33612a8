"""Use cases of claims: stated once, never corrected, sometimes withdrawn."""

from typing import Any

from services.registry.base import messaging, parties
from services.registry.claims import repository
from services.registry.claims.errors import ClaimEmpty, ClaimWithdrawn, UnknownSubject
from services.registry.claims.schemas import (
    CLAIM_CREATED,
    CLAIM_WITHDRAWN,
    ClaimCreate,
    ClaimRead,
    ClaimState,
    ClaimWithdrawal,
    SubjectType,
)
from services.registry.enclaves.network_service import get_network
from services.registry.enclaves.service import get_enclave
from services.registry.organisations.errors import UnknownDivision
from services.registry.organisations.service import get_organisation, require_organisation
from services.registry.projects.service import require_visible_project
from services.registry.reference.catalogue import load_catalogue
from services.registry.reference.service import place_of
from shared import clock
from shared.db.engine import ReadSession, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import Viewer, set_parties
from shared.errors import InsufficientScope, NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish


async def state_claim(
    tx: WriteSession, actor: Principal, data: ClaimCreate, *, claim_id: str | None = None
) -> ClaimRead:
    """Record what somebody states; a source that contradicts another is recorded beside it."""
    if data.value is None and not data.value_text:
        raise ClaimEmpty()
    stated_by_id = await _stated_by(tx, actor, data.stated_by_id)
    await _check_subject(tx, actor, data.subject_type, data.subject_id)
    if data.place_adcode is not None and place_of(data.place_adcode) is None:
        raise UnknownDivision()
    now = clock.now()
    values = {
        **data.model_dump(),
        "id": claim_id or new_id("clm"),
        "value": None if data.value is None else format(data.value, "f"),
        "stated_by_id": stated_by_id,
        "state": ClaimState.STATED.value,
        "withdrawn_reason": None,
        "withdrawn_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add(tx, values)
    record = ClaimRead.of(values)
    await set_parties(tx, parties, record.id, [stated_by_id] if stated_by_id else [])
    await _publish(tx, actor, CLAIM_CREATED, record)
    return record


async def get_claim(session: ReadSession, viewer: Viewer, claim_id: str) -> ClaimRead:
    """Return one claim."""
    row = await repository.find(session, viewer, claim_id)
    if row is None:
        raise _no_such_claim()
    return ClaimRead.of(row)


async def list_claims(
    session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner
) -> tuple[list[ClaimRead], Page]:
    """Return one page of claims."""
    page = await repository.page(session, viewer, query, signer)
    return [ClaimRead.of(row) for row in page.rows], page


async def withdraw_claim(
    tx: WriteSession, actor: Principal, claim_id: str, expected_version: int, data: ClaimWithdrawal
) -> ClaimRead:
    """Withdraw a claim with a reason; what it said stays readable."""
    row = await repository.find(tx, actor, claim_id, lock=True)
    if row is None:
        raise _no_such_claim()
    check_version(row["version"], expected_version)
    if not actor.sees_network and actor.organisation_id != row["stated_by_id"]:
        raise InsufficientScope("Only who stated a claim withdraws it.", "仅提出方可以撤回。")
    if row["state"] == ClaimState.WITHDRAWN:
        raise ClaimWithdrawn()
    now = clock.now()
    changes = {
        "state": ClaimState.WITHDRAWN.value,
        "withdrawn_reason": data.reason,
        "withdrawn_at": now,
        "version": row["version"] + 1,
        "updated_at": now,
    }
    await repository.withdraw(tx, claim_id, changes)
    record = ClaimRead.of({**row, **changes})
    previous = {"state": row["state"], "withdrawn_at": None, "withdrawn_reason": None}
    await _publish(tx, actor, CLAIM_WITHDRAWN, record, changed=sorted(previous), previous=previous)
    return record


async def _stated_by(tx: WriteSession, actor: Principal, given: str | None) -> str | None:
    """A caller speaks for its own organisation; who sees the network may record what others state."""
    if given is None or given == actor.organisation_id:
        return actor.organisation_id
    if not actor.sees_network:
        raise InsufficientScope("A claim is stated in one's own name.", "仅可以本组织名义提出。")
    return (await require_organisation(tx, given)).id


async def _check_subject(tx: WriteSession, actor: Principal, subject_type: str, subject_id: str) -> None:
    try:
        if subject_type == SubjectType.PROJECT:
            await require_visible_project(tx, actor, subject_id)
        elif subject_type == SubjectType.ORGANISATION:
            await get_organisation(tx, subject_id)
        elif subject_type == SubjectType.ENCLAVE:
            await get_enclave(tx, actor, subject_id)
        elif subject_type == SubjectType.NETWORK:
            await get_network(tx, actor, subject_id)
        elif not _is_place(subject_type, subject_id):
            raise UnknownSubject()
    except NotFound:
        raise UnknownSubject() from None


def _is_place(subject_type: str, subject_id: str) -> bool:
    if subject_type == SubjectType.DIVISION:
        return place_of(subject_id) is not None
    return load_catalogue().cluster(subject_id) is not None


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, record: ClaimRead, **details: Any
) -> None:
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="claim",
        subject_id=record.id,
        version=record.version,
        root_id=record.id,
        url=f"/v1/claims/{record.id}",
        **details,
    )


def _no_such_claim() -> NotFound:
    return NotFound("No such claim.", "没有该数据声明。")
