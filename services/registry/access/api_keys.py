"""Use cases of API keys."""

from datetime import datetime, timedelta
from typing import Any

from services.registry.access import repository
from services.registry.access.credentials import SHOWN_CHARACTERS
from services.registry.access.errors import InvalidExpiry, ScopeNotGrantable, UnknownClient
from services.registry.access.grants import owner_of, require_grantable
from services.registry.access.models import api_keys, clients
from services.registry.access.schemas import (
    API_KEY_CREATED,
    API_KEY_REVOKED,
    ApiKeyCreate,
    ApiKeyRead,
    Reach,
)
from services.registry.access.service import ACCESS_CHANGED
from services.registry.base import messaging
from services.registry.organisations.service import require_organisation
from shared import clock
from shared.credentials import API_KEY_PREFIX, hash_secret, new_secret
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.errors import FieldError, NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish
from shared.scopes import covers

DEFAULT_TERM = timedelta(days=365)
LONGEST_TERM = timedelta(days=731)


async def create_api_key(tx: WriteSession, actor: Principal, data: ApiKeyCreate) -> tuple[ApiKeyRead, str]:
    """Add an API key and return it with its secret, which is not kept."""
    owner = owner_of(actor, data.organisation_id)
    reach = await _check_client(tx, actor, owner, data)
    require_grantable(actor, data.scopes, reach)
    await require_organisation(tx, owner)
    secret, now = new_secret(API_KEY_PREFIX), clock.now()
    values = data.model_dump() | {
        "id": new_id("key"),
        "organisation_id": owner,
        "prefix": secret[:SHOWN_CHARACTERS],
        "secret_hash": hash_secret(secret),
        "expires_at": _expiry(data.expires_at, now),
        "last_used_at": None,
        "revoked_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add(tx, api_keys, values)
    record = ApiKeyRead.of(values)
    await _publish(tx, actor, API_KEY_CREATED, record)
    return record, secret


async def get_api_key(session: ReadSession, viewer: Principal, key_id: str) -> ApiKeyRead:
    """Return one API key of the viewer's organisation."""
    return ApiKeyRead.of(_found(await repository.find(session, api_keys, viewer, key_id)))


async def list_api_keys(
    session: ReadSession, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> tuple[list[ApiKeyRead], Page]:
    """Return one page of the API keys of the viewer's organisation."""
    page = await repository.page(session, api_keys, viewer, query, signer)
    return [ApiKeyRead.of(row) for row in page.rows], page


async def revoke_api_key(tx: WriteSession, actor: Principal, key_id: str, expected_version: int) -> None:
    """End an API key for good; it stays in the list, and revoking it again changes nothing."""
    row = _found(await repository.find(tx, api_keys, actor, key_id, lock=True))
    check_version(row["version"], expected_version)
    if row["revoked_at"] is not None:
        return
    now = clock.now()
    values = {"revoked_at": now, "version": row["version"] + 1, "updated_at": now}
    await repository.change(tx, api_keys, key_id, values)
    record = ApiKeyRead.of({**row, **values})
    await _publish(tx, actor, API_KEY_REVOKED, record, changed=["revoked_at"], previous={"revoked_at": None})


async def _check_client(tx: WriteSession, actor: Principal, owner: str, data: ApiKeyCreate) -> str:
    """Return the reach of the key: its client's, or its organisation's when it is of no client."""
    if data.client_id is None:
        return Reach.ORGANISATION
    client = await repository.find(tx, clients, actor, data.client_id)
    if client is None or client["organisation_id"] != owner:
        raise UnknownClient()
    if not all(covers(client["scopes"], scope) for scope in data.scopes):
        raise ScopeNotGrantable(
            "The key would have scopes its client does not have.",
            "密钥将拥有其客户端没有的权限。",
            errors=[
                FieldError("scope_not_grantable", "is not the client's", "客户端没有", pointer="/scopes")
            ],
        )
    return str(client["reach"])


def _expiry(asked: datetime | None, now: datetime) -> datetime:
    expiry = asked or now + DEFAULT_TERM
    if not now < expiry <= now + LONGEST_TERM:
        raise InvalidExpiry("An API key ends in the future and within two years.", "密钥须在将来两年内到期。")
    return expiry


def _found(row: Row | None) -> Row:
    if row is None:
        raise NotFound("No such API key.", "没有该 API 密钥。")
    return row


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, record: ApiKeyRead, **details: Any
) -> None:
    tx.after_commit(tx.database.signal(ACCESS_CHANGED).notify)
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="api_key",
        subject_id=record.id,
        version=record.version,
        root_id=record.organisation_id,
        url=f"/v1/api-keys/{record.id}",
        **details,
    )
