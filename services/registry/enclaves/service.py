"""Use cases of enclaves."""

from collections.abc import Mapping
from typing import Any

from services.registry.base import parties
from services.registry.enclaves import network_service, repository
from services.registry.enclaves.dependants import Dependants
from services.registry.enclaves.errors import EnclavePeriodInvalid, UnknownEnclave
from services.registry.enclaves.record import (
    PARTY_FIELDS,
    change_enclave,
    check_role,
    party_ids_of,
    publish_enclave,
    to_read,
)
from services.registry.enclaves.schemas import (
    ENCLAVE_CREATED,
    CarrierType,
    EnclaveCreate,
    EnclaveRead,
    EnclaveUpdate,
)
from services.registry.organisations.errors import UnknownDivision
from services.registry.organisations.schemas import OrganisationKind
from services.registry.organisations.service import hold_organisation, require_organisation
from services.registry.reference.catalogue import load_catalogue
from services.registry.reference.service import place_of
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import Viewer, set_parties
from shared.errors import InsufficientScope, NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id

__all__ = ["change_enclave", "party_ids_of", "to_read"]

_ROLES = {
    "home_unit_id": (OrganisationKind.HOME_UNIT,),
    "operator_id": (OrganisationKind.OPERATOR, OrganisationKind.PLATFORM_COMPANY),
    "host_park_id": (OrganisationKind.HOST_PARK,),
}


async def create_enclave(
    tx: WriteSession, actor: Principal, data: EnclaveCreate, *, enclave_id: str | None = None
) -> EnclaveRead:
    """Record an enclave; its home unit, operator and host park become its parties."""
    given = data.model_dump()
    if not actor.sees_network and actor.organisation_id not in party_ids_of(given):
        raise InsufficientScope("Only a party of the enclave may record it.", "仅该飞地的参与方可以登记。")
    now = clock.now()
    values = await _derived(
        tx,
        {
            **given,
            "id": enclave_id or new_id("enc"),
            "network_id": None,
            "network_role": None,
            "version": 1,
            "created_at": now,
            "updated_at": now,
        },
        PARTY_FIELDS,
    )
    await repository.add(tx, values)
    await set_parties(tx, parties, values["id"], party_ids_of(values))
    record = to_read(values)
    await publish_enclave(tx, actor, ENCLAVE_CREATED, record)
    return record


async def get_enclave(session: ReadSession, viewer: Viewer, enclave_id: str) -> EnclaveRead:
    """Return one enclave the viewer is a party of."""
    return to_read(await require_visible_enclave(session, viewer, enclave_id))


async def list_enclaves(
    session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner
) -> tuple[list[EnclaveRead], Page]:
    """Return one page of the viewer's enclaves."""
    page = await repository.page(session, viewer, query, signer)
    return [to_read(row) for row in page.rows], page


async def update_enclave(
    tx: WriteSession,
    actor: Principal,
    enclave_id: str,
    expected_version: int,
    data: EnclaveUpdate,
    *,
    dependants: Dependants,
) -> EnclaveRead:
    """Change an enclave; when its parties change, what stands on it follows in the same transaction."""
    patch = data.changes()
    if not patch.keys().isdisjoint(PARTY_FIELDS):
        await require_visible_enclave(tx, actor, enclave_id)
        await dependants.hold(tx, enclave_id)
        await network_service.hold_network_of(tx, enclave_id)
    row = await repository.find(tx, enclave_id, viewer=actor, lock=True)
    if row is None:
        raise _no_such_enclave()
    check_version(row["version"], expected_version)
    changes = {name: value for name, value in patch.items() if row[name] != value}
    if not changes:
        return to_read(row)
    roles = [name for name in PARTY_FIELDS if name in changes]
    if roles or _turns_cloud(row, changes):
        _check_may_reassign(actor, row)
    after = await _derived(tx, {**row, **changes}, roles)
    await dependants.check(tx, row, after)
    record = await change_enclave(
        tx, actor, row, {name: after[name] for name in after if after[name] != row[name]}
    )
    if roles:
        await set_parties(tx, parties, enclave_id, record.party_ids)
        await network_service.refresh_network_of(tx, actor, record.network_id)
        await dependants.refresh(tx, actor, enclave_id, row["operator_id"])
    return record


async def hold_enclaves_of_home_unit(tx: WriteSession, home_unit_id: str) -> None:
    """Lock the enclaves of a home unit; whoever locks both takes the enclaves first."""
    await repository.lock_all_of_home_unit(tx, home_unit_id)


async def follow_home_unit(tx: WriteSession, actor: Principal, home_unit_id: str, adcode: str | None) -> None:
    """Let the enclaves of a home unit that got another adcode follow, and with it how they are sited."""
    for row in await repository.lock_all_of_home_unit(tx, home_unit_id):
        changes = {"home_adcode": adcode, "siting_pattern": _siting_pattern(adcode, row["host_adcode"])}
        await change_enclave(tx, actor, row, changes)


async def get_enclave_row(session: ReadSession, enclave_id: str) -> Row | None:
    """Return an enclave's row, whoever asks."""
    return await repository.find(session, enclave_id)


async def lock_enclave(tx: WriteSession, enclave_id: str) -> Row:
    """Return an enclave's row locked until the end of the transaction; take a project's lock first."""
    row = await repository.find(tx, enclave_id, lock=True)
    if row is None:
        raise UnknownEnclave()
    return row


async def require_visible_enclave(session: ReadSession, viewer: Viewer, enclave_id: str) -> Row:
    """Return the row of an enclave addressed by the caller, or raise a 404."""
    row = await repository.find(session, enclave_id, viewer=viewer)
    if row is None:
        raise _no_such_enclave()
    return row


async def require_enclave(session: ReadSession, viewer: Viewer, enclave_id: str) -> Row:
    """Return the row of an enclave a body refers to, or raise a 409."""
    row = await repository.find(session, enclave_id, viewer=viewer)
    if row is None:
        raise UnknownEnclave()
    return row


async def hold_enclave(tx: WriteSession, viewer: Viewer, enclave_id: str) -> Row:
    """Like ``require_enclave``, and its parties cannot change before this transaction ends.

    Others may hold it too: what is put into an enclave takes over its parties without queueing.
    """
    row = await repository.find_held(tx, enclave_id, viewer)
    if row is None:
        raise UnknownEnclave()
    return row


async def _derived(tx: WriteSession, values: dict[str, Any], roles: Any) -> dict[str, Any]:
    """Return the values with what follows from them, after checking the organisations in ``roles``."""
    for name in roles:
        if values[name] is not None:
            if name == "home_unit_id":
                values["home_adcode"] = (await hold_organisation(tx, values[name], *_ROLES[name])).adcode
            else:
                await require_organisation(tx, values[name], *_ROLES[name])
    opened_on, closed_on = values["opened_on"], values["closed_on"]
    if opened_on is not None and closed_on is not None and closed_on < opened_on:
        raise EnclavePeriodInvalid()
    check_role(values)
    host_place = place_of(values["host_adcode"])
    if values["host_adcode"] is not None and host_place is None:
        raise UnknownDivision()
    values["host_city_adcode"] = host_place.city_adcode if host_place else None
    values["siting_pattern"] = _siting_pattern(values["home_adcode"], values["host_adcode"])
    return values


def _turns_cloud(row: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Tell whether an enclave becomes a cloud, where no admission asks for a capacity, or is one no more."""
    after = {**row, **changes}["carrier_type"]
    return bool((row["carrier_type"] == CarrierType.CLOUD) != (after == CarrierType.CLOUD))


def _siting_pattern(home_adcode: str | None, host_adcode: str | None) -> str | None:
    return load_catalogue().siting_pattern(home_adcode, host_adcode)


def _check_may_reassign(actor: Principal, row: Mapping[str, Any]) -> None:
    """An operator who could name another home unit would hold both keys of an admission."""
    if not actor.sees_network and actor.organisation_id != row["home_unit_id"]:
        raise InsufficientScope(
            "Only the home unit may change who the parties are, or whether this is a cloud enclave.",
            "仅飞出地主体可以变更参与方或云飞地属性。",
        )


def _no_such_enclave() -> NotFound:
    return NotFound("No such enclave.", "没有该科创飞地。")
