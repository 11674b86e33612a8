"""Use cases of clients."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from services.registry.access import repository
from services.registry.access.errors import ManagedByConfiguration
from services.registry.access.grants import owner_of, require_grantable
from services.registry.access.models import clients
from services.registry.access.schemas import (
    CLIENT_CREATED,
    CLIENT_UPDATED,
    ClientCreate,
    ClientRead,
    ClientStanding,
    ClientStatus,
    ClientUpdate,
)
from services.registry.base import messaging
from services.registry.organisations.service import require_organisation
from shared import clock
from shared.credentials import CLIENT_SECRET_PREFIX, hash_secret, new_secret
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.errors import NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish

ACCESS_CHANGED = "access.changed"
"""The store's signal that a credential changed: what is remembered of credentials is stale."""


async def create_client(tx: WriteSession, actor: Principal, data: ClientCreate) -> tuple[ClientRead, str]:
    """Add a client and return it with its secret, which is not kept."""
    owner = owner_of(actor, data.organisation_id)
    require_grantable(actor, data.scopes, data.reach)
    await require_organisation(tx, owner)
    secret = new_secret(CLIENT_SECRET_PREFIX)
    values = data.model_dump(mode="json") | {"organisation_id": owner}
    return await add_client(tx, actor, new_id("cli"), hash_secret(secret), values), secret


async def add_client(
    tx: WriteSession,
    actor: Principal,
    client_id: str,
    secret_hash: str,
    values: dict[str, Any],
    *,
    managed: bool = False,
) -> ClientRead:
    """Insert a client whose grants were checked."""
    now = clock.now()
    row = values | {
        "id": client_id,
        "secret_hash": secret_hash,
        "status": ClientStatus.ACTIVE.value,
        "managed": managed,
        "last_used_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add(tx, clients, row)
    record = ClientRead.of(row)
    await _publish(tx, actor, CLIENT_CREATED, record)
    return record


async def get_client(session: ReadSession, viewer: Principal, client_id: str) -> ClientRead:
    """Return one client of the viewer's organisation."""
    return ClientRead.of(_found(await repository.find(session, clients, viewer, client_id)))


async def list_clients(
    session: ReadSession, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> tuple[list[ClientRead], Page]:
    """Return one page of the clients of the viewer's organisation."""
    page = await repository.page(session, clients, viewer, query, signer)
    return [ClientRead.of(row) for row in page.rows], page


async def recently_changed(session: ReadSession, viewer: Principal, window_s: int) -> list[ClientStanding]:
    """Return what the clients may do now that changed while tokens of before may still be valid."""
    since = clock.real() - timedelta(seconds=window_s)
    return [ClientStanding.of(row) for row in await repository.clients_changed_since(session, since, viewer)]


async def update_client(
    tx: WriteSession, actor: Principal, client_id: str, expected_version: int, data: ClientUpdate
) -> ClientRead:
    """Rename, re-scope, disable or enable a client; a patch that changes nothing emits nothing."""
    row = _found(await repository.find(tx, clients, actor, client_id, lock=True))
    check_version(row["version"], expected_version)
    sent = data.model_dump(mode="json", include=data.model_fields_set)
    changes = {name: value for name, value in sent.items() if row[name] != value}
    if "scopes" in changes:
        _refuse_managed(row)
        added = [scope for scope in changes["scopes"] if scope not in row["scopes"]]
        require_grantable(actor, added, row["reach"])
    if changes.get("status") == ClientStatus.ACTIVE:
        require_grantable(actor, changes.get("scopes") or row["scopes"], row["reach"])
    if not changes:
        return ClientRead.of(row)
    previous = {name: row[name] for name in changes}
    return await change_client(tx, actor, row, changes, sorted(changes), previous)


async def rotate_secret(
    tx: WriteSession, actor: Principal, client_id: str, expected_version: int
) -> tuple[ClientRead, str]:
    """Replace the secret; whoever gets it can do all the client can, so that must be theirs to grant."""
    row = _found(await repository.find(tx, clients, actor, client_id, lock=True))
    check_version(row["version"], expected_version)
    _refuse_managed(row)
    require_grantable(actor, row["scopes"], row["reach"])
    secret = new_secret(CLIENT_SECRET_PREFIX)
    return await change_client(tx, actor, row, {"secret_hash": hash_secret(secret)}, ["secret"], {}), secret


async def change_client(
    tx: WriteSession,
    actor: Principal,
    row: Row,
    changes: Mapping[str, Any],
    changed: Sequence[str],
    previous: Mapping[str, Any],
) -> ClientRead:
    """Write checked changes to a locked client, and tell."""
    values = {**changes, "version": row["version"] + 1, "updated_at": clock.now()}
    await repository.change(tx, clients, row["id"], values)
    record = ClientRead.of({**row, **values})
    await _publish(tx, actor, CLIENT_UPDATED, record, changed=changed, previous=previous)
    return record


def _found(row: Row | None) -> Row:
    if row is None:
        raise NotFound("No such client.", "没有该客户端。")
    return row


def _refuse_managed(row: Row) -> None:
    if row["managed"]:
        raise ManagedByConfiguration()


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, record: ClientRead, **details: Any
) -> None:
    tx.after_commit(tx.database.signal(ACCESS_CHANGED).notify)
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="client",
        subject_id=record.id,
        version=record.version,
        root_id=record.organisation_id,
        url=f"/v1/clients/{record.id}",
        **details,
    )
