"""Use cases of organisations."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.registry.base import messaging, parties
from services.registry.organisations import repository
from services.registry.organisations.dependants import Dependants
from services.registry.organisations.errors import UnknownDivision, UnknownOrganisation
from services.registry.organisations.schemas import (
    ORGANISATION_CREATED,
    ORGANISATION_UPDATED,
    OrganisationCreate,
    OrganisationRead,
    OrganisationUpdate,
)
from services.registry.reference.service import place_of
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import set_parties
from shared.errors import InsufficientScope, NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish

_PLACED = ("adcode", "unit_type")


def to_read(row: Mapping[str, Any]) -> OrganisationRead:
    """Return an organisation as callers see it."""
    return OrganisationRead.of({**row, "place": place_of(row["adcode"])})


async def create_organisation(
    tx: WriteSession, actor: Principal, data: OrganisationCreate, *, organisation_id: str | None = None
) -> OrganisationRead:
    """Add a party to the network."""
    _check_division(data.adcode)
    now = clock.now()
    values = {
        **data.model_dump(),
        "id": organisation_id or new_id("org"),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add(tx, values)
    await set_parties(tx, parties, values["id"], [values["id"]])
    record = to_read(values)
    await _publish(tx, actor, ORGANISATION_CREATED, record)
    return record


async def get_organisation(session: ReadSession, organisation_id: str) -> OrganisationRead:
    """Return one organisation of the directory."""
    row = await repository.find(session, organisation_id)
    if row is None:
        raise NotFound("No such organisation.", "没有该组织。")
    return to_read(row)


async def list_organisations(
    session: ReadSession, query: ListQuery, signer: CursorSigner
) -> tuple[list[OrganisationRead], Page]:
    """Return one page of the directory."""
    page = await repository.page(session, query, signer)
    return [to_read(row) for row in page.rows], page


async def update_organisation(
    tx: WriteSession,
    actor: Principal,
    organisation_id: str,
    expected_version: int,
    data: OrganisationUpdate,
    *,
    dependants: Dependants,
) -> OrganisationRead:
    """Change a party; a patch that changes nothing keeps its version and emits nothing."""
    if "adcode" in data.model_fields_set:
        await dependants.hold(tx, organisation_id)
    row = await repository.find(tx, organisation_id, lock=True)
    if row is None:
        raise NotFound("No such organisation.", "没有该组织。")
    if not actor.sees_network and actor.organisation_id != organisation_id:
        raise InsufficientScope("An organisation is changed by itself.", "组织信息仅可由本组织变更。")
    check_version(row["version"], expected_version)
    changes = {name: value for name, value in data.changes().items() if row[name] != value}
    _check_may_place(actor, changes)
    _check_division(changes.get("adcode"))
    if not changes:
        return to_read(row)
    after = {**row, **changes, "version": row["version"] + 1, "updated_at": clock.now()}
    await repository.change(
        tx, organisation_id, {name: after[name] for name in (*changes, "version", "updated_at")}
    )
    record = to_read(after)
    previous = {name: row[name] for name in changes}
    await _publish(tx, actor, ORGANISATION_UPDATED, record, changed=sorted(changes), previous=previous)
    if "adcode" in changes:
        await dependants.follow(tx, actor, organisation_id, after["adcode"])
    return record


async def require_organisation(session: ReadSession, organisation_id: str, *kinds: str) -> OrganisationRead:
    """Return a referenced organisation of one of these kinds, or raise a 409."""
    return _in_role(await repository.find(session, organisation_id), kinds)


async def hold_organisation(tx: WriteSession, organisation_id: str, *kinds: str) -> OrganisationRead:
    """Like ``require_organisation``, and it stays where it is until this transaction ends."""
    return _in_role(await repository.find_held(tx, organisation_id), kinds)


def _in_role(row: Row | None, kinds: Sequence[str]) -> OrganisationRead:
    if row is None or (kinds and row["kind"] not in kinds):
        raise UnknownOrganisation(
            f"The organisation must exist and be of kind {' or '.join(kinds) or 'any'}.",
            "组织不存在，或其类型不能担任该角色。",
        )
    return to_read(row)


def _check_may_place(actor: Principal, changes: Mapping[str, Any]) -> None:
    """A home unit that could widen its own division could register any company inside of it."""
    if not actor.sees_network and not changes.keys().isdisjoint(_PLACED):
        raise InsufficientScope(
            "Where an organisation is and of what type is changed by the network administration.",
            "组织的行政区划和类型仅可由网络管理方变更。",
        )


def _check_division(adcode: str | None) -> None:
    if adcode is not None and place_of(adcode) is None:
        raise UnknownDivision()


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, record: OrganisationRead, **details: Any
) -> None:
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="organisation",
        subject_id=record.id,
        version=record.version,
        root_id=record.id,
        url=f"/v1/organisations/{record.id}",
        **details,
    )
