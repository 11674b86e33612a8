"""Use cases of 1+N networks. Locks are taken in the order network, then enclave."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from services.registry.base import messaging, parties
from services.registry.enclaves import repository
from services.registry.enclaves.errors import EnclaveInNetwork, NotAMember, UnknownEnclave
from services.registry.enclaves.record import change_enclave, check_role, party_ids_of
from services.registry.enclaves.schemas import (
    NETWORK_CREATED,
    NETWORK_UPDATED,
    NetworkCreate,
    NetworkRead,
    NetworkRole,
    NetworkUpdate,
)
from services.registry.organisations.schemas import OrganisationKind
from services.registry.organisations.service import require_organisation
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import Viewer, parties_of, set_parties
from shared.errors import InsufficientScope, NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish

_LEADING = ("home_unit_id", "operator_id")


def to_read(row: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> NetworkRead:
    """Return a network with its members as its parties see it."""
    party_ids = {party for member in members for party in party_ids_of(member)}
    if row["operator_id"] is not None:
        party_ids.add(row["operator_id"])
    centres = [member["id"] for member in members if member["network_role"] == NetworkRole.CENTRE]
    return NetworkRead.of(
        {
            **row,
            "centre_enclave_id": centres[0] if centres else None,
            "cloud_enclave_ids": [member["id"] for member in members if member["id"] not in centres],
            "party_ids": sorted(party_ids),
        }
    )


async def create_network(
    tx: WriteSession, actor: Principal, data: NetworkCreate, *, network_id: str | None = None
) -> NetworkRead:
    """Form a network, with its centre if that is known."""
    now = clock.now()
    values = {
        **data.model_dump(exclude={"centre_enclave_id"}),
        "id": network_id or new_id("net"),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await _check_operator(tx, data.operator_id)
    await repository.add_network(tx, values)
    if data.centre_enclave_id is not None:
        await _join(tx, actor, values["id"], data.centre_enclave_id, NetworkRole.CENTRE)
    record = to_read(values, await repository.members(tx, [values["id"]]))
    _check_takes_part(actor, record)
    await set_parties(tx, parties, record.id, record.party_ids)
    await _publish(tx, actor, NETWORK_CREATED, record)
    return record


async def get_network(session: ReadSession, viewer: Viewer, network_id: str) -> NetworkRead:
    """Return one network the viewer is a party of."""
    row = await repository.find_network(session, network_id, viewer=viewer)
    if row is None:
        raise _no_such_network()
    return to_read(row, await repository.members(session, [network_id]))


async def list_networks(
    session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner
) -> tuple[list[NetworkRead], Page]:
    """Return one page of the viewer's networks."""
    page = await repository.page_networks(session, viewer, query, signer)
    members: dict[str, list[Row]] = defaultdict(list)
    for member in await repository.members(session, [row["id"] for row in page.rows]):
        members[member["network_id"]].append(member)
    return [to_read(row, members[row["id"]]) for row in page.rows], page


async def update_network(
    tx: WriteSession, actor: Principal, network_id: str, expected_version: int, data: NetworkUpdate
) -> NetworkRead:
    """Change a network's name or operator."""
    row = await _lock(tx, actor, network_id, expected_version)
    await _check_leads(tx, actor, row)
    changes = {name: value for name, value in data.changes().items() if row[name] != value}
    await _check_operator(tx, changes.get("operator_id"))
    before = to_read(row, await repository.members(tx, [network_id]))
    return await _changed(tx, actor, row, changes, before)


async def add_member(
    tx: WriteSession,
    actor: Principal,
    network_id: str,
    expected_version: int,
    enclave_id: str,
    role: NetworkRole,
) -> NetworkRead:
    """Let an enclave join as the centre or as one of the cloud enclaves."""
    row = await _lock(tx, actor, network_id, expected_version)
    await _check_leads(tx, actor, row)
    before = to_read(row, await repository.members(tx, [network_id]))
    await _join(tx, actor, network_id, enclave_id, role)
    return await _changed(tx, actor, row, {}, before)


async def remove_member(
    tx: WriteSession, actor: Principal, network_id: str, expected_version: int, enclave_id: str
) -> NetworkRead:
    """Let an enclave leave its network."""
    row = await _lock(tx, actor, network_id, expected_version)
    before = to_read(row, await repository.members(tx, [network_id]))
    enclave = await repository.find(tx, enclave_id, lock=True)
    if enclave is None or enclave["network_id"] != network_id:
        raise NotAMember()
    if actor.organisation_id != enclave["home_unit_id"]:
        await _check_leads(tx, actor, row)
    await change_enclave(tx, actor, enclave, {"network_id": None, "network_role": None})
    return await _changed(tx, actor, row, {}, before)


async def hold_network_of(tx: WriteSession, enclave_id: str) -> None:
    """Lock the network of an enclave, if it has one, before the enclave itself is locked."""
    enclave = await repository.find(tx, enclave_id)
    if enclave is not None and enclave["network_id"] is not None:
        await repository.find_network(tx, enclave["network_id"], lock=True)


async def refresh_network_of(tx: WriteSession, actor: Principal, network_id: str | None) -> None:
    """Let a network's parties follow after those of a member have changed."""
    row = None if network_id is None else await repository.find_network(tx, network_id, lock=True)
    if row is None:
        return
    members = await repository.members(tx, [row["id"]])
    before = await parties_of(tx, parties, row["id"])
    await _changed(tx, actor, row, {}, to_read(row, members).model_copy(update={"party_ids": before}))


async def _lock(tx: WriteSession, actor: Principal, network_id: str, expected_version: int) -> Row:
    row = await repository.find_network(tx, network_id, viewer=actor, lock=True)
    if row is None:
        raise _no_such_network()
    check_version(row["version"], expected_version)
    return row


async def _join(
    tx: WriteSession, actor: Principal, network_id: str, enclave_id: str, role: NetworkRole
) -> None:
    enclave = await repository.find(tx, enclave_id, viewer=actor, lock=True)
    if enclave is None:
        raise UnknownEnclave()
    if enclave["network_id"] is not None:
        raise EnclaveInNetwork()
    check_role({**enclave, "network_role": role})
    await change_enclave(tx, actor, enclave, {"network_id": network_id, "network_role": role.value})


async def _changed(
    tx: WriteSession,
    actor: Principal,
    row: Mapping[str, Any],
    changes: Mapping[str, Any],
    before: NetworkRead,
) -> NetworkRead:
    """Write a locked network, bring its parties up to date and publish what differs from ``before``."""
    after = {**row, **changes, "version": row["version"] + 1, "updated_at": clock.now()}
    record = to_read(after, await repository.members(tx, [row["id"]]))
    old, new = before.model_dump(), record.model_dump()
    changed = sorted(name for name in new if new[name] != old[name] and name not in ("version", "updated_at"))
    if not changed:
        return before
    await repository.change_network(
        tx, row["id"], {name: after[name] for name in (*changes, "version", "updated_at")}
    )
    await set_parties(tx, parties, record.id, record.party_ids)
    previous = {name: old[name] for name in changed}
    await _publish(tx, actor, NETWORK_UPDATED, record, changed=changed, previous=previous)
    return record


async def _check_operator(tx: WriteSession, operator_id: str | None) -> None:
    if operator_id is not None:
        await require_organisation(
            tx, operator_id, OrganisationKind.OPERATOR, OrganisationKind.PLATFORM_COMPANY
        )


def _check_takes_part(actor: Principal, record: NetworkRead) -> None:
    if not actor.sees_network and actor.organisation_id not in record.party_ids:
        raise InsufficientScope("Only a party of the network may form it.", "仅该网络的参与方可以组建。")


async def _check_leads(tx: WriteSession, actor: Principal, row: Mapping[str, Any]) -> None:
    """A network is led by its operator and its centre; a member may leave, not throw out another."""
    members = await repository.members(tx, [row["id"]])
    centres = [member for member in members if member["network_role"] == NetworkRole.CENTRE]
    leaders = {row["operator_id"], *(member[role] for member in centres for role in _LEADING)} - {None}
    if leaders and not actor.sees_network and actor.organisation_id not in leaders:
        raise InsufficientScope(
            "Only the network's operator or its centre may do this.", "仅网络的运营方或中心飞地可以操作。"
        )


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, record: NetworkRead, **details: Any
) -> None:
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="network",
        subject_id=record.id,
        version=record.version,
        root_id=record.id,
        url=f"/v1/networks/{record.id}",
        **details,
    )


def _no_such_network() -> NotFound:
    return NotFound("No such network.", "没有该飞地网络。")
