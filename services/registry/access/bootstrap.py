"""The credentials that must exist before anybody can create credentials: they come from the settings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from sqlalchemy import func, select

from services.registry.access import repository, service
from services.registry.access.credentials import (
    EVERY_SCOPE,
    MATCHING_SCOPES,
    MIN_CONFIGURED_SECRET,
    READ_SCOPES,
)
from services.registry.access.models import clients
from services.registry.access.schemas import ClientStatus, Reach
from services.registry.organisations.errors import UnknownOrganisation
from services.registry.organisations.schemas import OrganisationCreate, OrganisationKind
from services.registry.organisations.service import create_organisation, require_organisation
from shared.credentials import hash_secret
from shared.db.engine import Database, WriteSession
from shared.errors import CannotStart
from shared.identity import SYSTEM
from shared.ids import derived_id

ADMINISTRATION_ID = derived_id("org", "network administration")
_LOCK_KEY = int.from_bytes(b"feidiacc")


class WeakSecret(CannotStart):
    """A configured secret is too short to withstand guessing."""


@dataclass(frozen=True)
class ManagedClient:
    """A client whose secret and scopes are the configuration's."""

    id: str
    secret: SecretStr
    name: str
    scopes: Sequence[str]


def managed_clients(
    administrator_id: str | None,
    administrator_secret: SecretStr | None,
    service_clients: Mapping[str, SecretStr],
    matching_client_id: str,
) -> list[ManagedClient]:
    """Return the clients the settings name: the administration's own, and one per service.

    They read everything; ``matching_client_id`` also does what follows from a published round.
    """
    found = [
        ManagedClient(
            name, secret, name, (*READ_SCOPES, *(MATCHING_SCOPES if name == matching_client_id else ()))
        )
        for name, secret in service_clients.items()
    ]
    if administrator_id and administrator_secret is not None:
        found.append(
            ManagedClient(administrator_id, administrator_secret, "Network administration", EVERY_SCOPE)
        )
    for client in found:
        if len(client.secret.get_secret_value()) < MIN_CONFIGURED_SECRET:
            raise WeakSecret(
                f"the secret of {client.id} must have at least {MIN_CONFIGURED_SECRET} characters"
            )
    return found


async def ensure_managed_clients(database: Database, managed: Iterable[ManagedClient]) -> None:
    """Make the store agree with the settings; a second start, also at the same time, changes nothing."""
    wanted = sorted(managed, key=lambda client: client.id)
    if not wanted:
        return
    async with database.write() as tx:
        if tx.dialect == "postgresql":
            await tx.scalar(select(func.pg_advisory_xact_lock(_LOCK_KEY)))
        await _ensure_administration(tx)
        for client in wanted:
            await _ensure_client(tx, client)


async def _ensure_administration(tx: WriteSession) -> None:
    try:
        await require_organisation(tx, ADMINISTRATION_ID)
    except UnknownOrganisation:
        data = OrganisationCreate(kind=OrganisationKind.NETWORK_ADMINISTRATION, name="网络管理方")
        await create_organisation(tx, SYSTEM, data, organisation_id=ADMINISTRATION_ID)


async def _ensure_client(tx: WriteSession, client: ManagedClient) -> None:
    secret_hash, scopes = hash_secret(client.secret.get_secret_value()), sorted(client.scopes)
    row = await repository.find(tx, clients, SYSTEM, client.id, lock=True)
    if row is None:
        values = {
            "organisation_id": ADMINISTRATION_ID,
            "name": client.name,
            "scopes": scopes,
            "reach": Reach.NETWORK.value,
        }
        await service.add_client(tx, SYSTEM, client.id, secret_hash, values, managed=True)
        return
    wanted: dict[str, Any] = {
        "secret_hash": secret_hash,
        "scopes": scopes,
        "managed": True,
        # Whoever locks the network out by disabling its only administrator gets in again by a restart.
        "status": ClientStatus.ACTIVE.value,
    }
    changes = {name: value for name, value in wanted.items() if row[name] != value}
    if not changes:
        return
    told = sorted("secret" if name == "secret_hash" else name for name in changes)
    previous = {name: row[name] for name in changes if name != "secret_hash"}
    await service.change_client(tx, SYSTEM, row, changes, told, previous)
