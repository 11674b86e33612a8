"""Use cases of agreements. An agreement is its own root: those who sign it see it, and nobody else."""

from decimal import Decimal
from typing import Any

from services.registry.agreements import repository
from services.registry.agreements.errors import AgreementSigned, InvalidTerms, UnknownProject
from services.registry.agreements.schemas import (
    AGREEMENT_CREATED,
    AGREEMENT_UPDATED,
    AgreementCreate,
    AgreementRead,
    AgreementUpdate,
)
from services.registry.agreements.terms import broken_terms
from services.registry.base import messaging, parties
from services.registry.enclaves.service import require_enclave
from services.registry.organisations.service import require_organisation
from services.registry.projects.service import require_visible_project
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import Viewer, set_parties
from shared.errors import InsufficientScope, NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish

_DOCUMENTS = {"commitments", "kpis", "shares"}


async def create_agreement(
    tx: WriteSession, actor: Principal, data: AgreementCreate, *, agreement_id: str | None = None
) -> AgreementRead:
    """Record an agreement that the actor's organisation signs."""
    if not actor.sees_network and actor.organisation_id not in data.party_ids:
        raise InsufficientScope("Only a party records an agreement.", "仅当事方可以登记协议。")
    now = clock.now()
    values = {
        **data.model_dump(exclude=_DOCUMENTS),
        **data.model_dump(include=_DOCUMENTS, mode="json"),
        "id": agreement_id or new_id("agr"),
        "recorded_by_id": actor.organisation_id,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    _check_terms(values)
    await _check_references(tx, actor, data)
    await repository.add(tx, values)
    await set_parties(tx, parties, values["id"], data.party_ids)
    record = AgreementRead.of(values)
    await _publish(tx, actor, AGREEMENT_CREATED, record)
    return record


async def get_agreement(session: ReadSession, viewer: Viewer, agreement_id: str) -> AgreementRead:
    """Return one agreement the viewer signs."""
    row = await repository.find(session, viewer, agreement_id)
    if row is None:
        raise _no_such_agreement()
    return AgreementRead.of(row)


async def list_agreements(
    session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner
) -> tuple[list[AgreementRead], Page]:
    """Return one page of the viewer's agreements."""
    page = await repository.page(session, viewer, query, signer)
    return [AgreementRead.of(row) for row in page.rows], page


async def update_agreement(
    tx: WriteSession, actor: Principal, agreement_id: str, expected_version: int, data: AgreementUpdate
) -> AgreementRead:
    """Change an agreement until it is signed."""
    row = await repository.find(tx, actor, agreement_id, lock=True)
    if row is None:
        raise _no_such_agreement()
    check_version(row["version"], expected_version)
    sent = {**data.changes(), **data.model_dump(include=_DOCUMENTS & data.model_fields_set, mode="json")}
    changes = {name: value for name, value in sent.items() if row[name] != value}
    if not changes:
        return AgreementRead.of(row)
    if row["signed_on"] is not None:
        raise AgreementSigned()
    after = {**row, **changes, "version": row["version"] + 1, "updated_at": clock.now()}
    _check_terms(after)
    await repository.change(
        tx, agreement_id, {name: after[name] for name in (*changes, "version", "updated_at")}
    )
    record = AgreementRead.of(after)
    previous = {name: row[name] for name in changes}
    await _publish(tx, actor, AGREEMENT_UPDATED, record, changed=sorted(changes), previous=previous)
    return record


async def commitments_of(session: ReadSession, project_id: str) -> list[AgreementRead]:
    """Return the agreements in which a project commits itself, oldest first, whoever asks."""
    rows = await repository.of_project(session, project_id)
    return [AgreementRead.of(row) for row in rows if row["commitments"] is not None]


def _check_terms(values: Row) -> None:
    shares = [(entry["organisation_id"], Decimal(entry["share"])) for entry in values["shares"]]
    broken = broken_terms(
        values["kind"],
        values["party_ids"],
        shares,
        len(values["kpis"]),
        values["valid_from"],
        values["valid_to"],
    )
    if errors := list(broken):
        raise InvalidTerms(errors=errors)


async def _check_references(tx: WriteSession, actor: Principal, data: AgreementCreate) -> None:
    for party_id in data.party_ids:
        await require_organisation(tx, party_id)
    if data.project_id is not None:
        try:
            await require_visible_project(tx, actor, data.project_id)
        except NotFound:
            raise UnknownProject() from None
    if data.enclave_id is not None:
        await require_enclave(tx, actor, data.enclave_id)


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, record: AgreementRead, **details: Any
) -> None:
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="agreement",
        subject_id=record.id,
        version=record.version,
        root_id=record.id,
        url=f"/v1/agreements/{record.id}",
        **details,
    )


def _no_such_agreement() -> NotFound:
    return NotFound("No such agreement.", "没有该协议。")
