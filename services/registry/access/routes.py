"""HTTP of clients and API keys. A secret is in the first answer only, never in the stored one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.access import api_keys, service
from services.registry.access.grants import CREDENTIALS_SCOPE
from services.registry.access.parts import EXTRA, AccessParts
from services.registry.access.schemas import (
    API_KEY_LIST,
    CLIENT_LIST,
    ApiKeyCreate,
    ApiKeyRead,
    ClientCreate,
    ClientRead,
    ClientUpdate,
    IssuedApiKey,
    IssuedClient,
    RecentlyChangedClients,
)
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes, revealed
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["access"])

Read = Annotated[ReadAccess, Depends(Reads(CREDENTIALS_SCOPE))]
Write = Annotated[WriteAccess, Depends(Writes(CREDENTIALS_SCOPE))]
Change = Annotated[WriteAccess, Depends(Writes(CREDENTIALS_SCOPE, needs_version=True))]


def _client(record: ClientRead, secret: str | None) -> IssuedClient:
    return IssuedClient(**record.model_dump(), secret=secret)


def _key(record: ApiKeyRead, secret: str | None) -> IssuedApiKey:
    return IssuedApiKey(**record.model_dump(), secret=secret)


@router.post("/clients", response_model=IssuedClient, status_code=201, operation_id="createClient")
async def create_client(body: ClientCreate, access: Write) -> Response:
    """Add a client. Its secret is in this answer only."""
    async with access as tx:
        record, secret = await service.create_client(tx, access.principal, body)
        location = f"/v1/clients/{record.id}"
        stored = access.created(_client(record, None), location=location, version=record.version)
        return revealed(stored, _client(record, secret))


@router.get(
    "/clients",
    response_model=PageOf[ClientRead],
    operation_id="listClients",
    openapi_extra=list_parameters(CLIENT_LIST),
)
async def list_clients(access: Read) -> Response:
    """List the clients of the caller's organisation; of all for the network administration."""
    query = access.list_query(CLIENT_LIST)
    async with access.session() as session:
        records, page = await service.list_clients(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.get(
    "/clients:recently-changed",
    response_model=RecentlyChangedClients,
    operation_id="listRecentlyChangedClients",
)
async def list_recently_changed_clients(
    access: Annotated[ReadAccess, Depends(Reads("registry:access:read"))],
) -> Response:
    """Read what clients may do now that changed while older tokens may still be valid."""
    parts: AccessParts = access.state.extra[EXTRA]
    window_s = parts.settings.access_token_ttl_s + 60
    async with access.session() as session:
        items = await service.recently_changed(session, access.principal, window_s)
    return access.item(RecentlyChangedClients(items=items, window_s=window_s))


@router.get("/clients/{client_id}", response_model=ClientRead, operation_id="getClient")
async def get_client(client_id: str, access: Read) -> Response:
    """Read one client."""
    async with access.session() as session:
        record = await service.get_client(session, access.principal, client_id)
    return access.item(record, record.version)


@router.patch("/clients/{client_id}", response_model=ClientRead, operation_id="updateClient")
async def update_client(client_id: str, body: ClientUpdate, access: Change) -> Response:
    """Rename, re-scope, disable or enable a client (merge patch)."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.update_client(tx, access.principal, client_id, expected, body)
        return access.updated(record, version=record.version)


@router.post(
    "/clients/{client_id}:rotate-secret", response_model=IssuedClient, operation_id="rotateClientSecret"
)
async def rotate_client_secret(client_id: str, access: Change) -> Response:
    """Replace a client's secret. The new one is in this answer only; the old one ends now."""
    expected = access.expected_version()
    async with access as tx:
        record, secret = await service.rotate_secret(tx, access.principal, client_id, expected)
        stored = access.updated(_client(record, None), version=record.version)
        return revealed(stored, _client(record, secret))


@router.post("/api-keys", response_model=IssuedApiKey, status_code=201, operation_id="createApiKey")
async def create_api_key(body: ApiKeyCreate, access: Write) -> Response:
    """Add an API key. It is in this answer only."""
    async with access as tx:
        record, secret = await api_keys.create_api_key(tx, access.principal, body)
        location = f"/v1/api-keys/{record.id}"
        stored = access.created(_key(record, None), location=location, version=record.version)
        return revealed(stored, _key(record, secret))


@router.get(
    "/api-keys",
    response_model=PageOf[ApiKeyRead],
    operation_id="listApiKeys",
    openapi_extra=list_parameters(API_KEY_LIST),
)
async def list_api_keys(access: Read) -> Response:
    """List the API keys of the caller's organisation, revoked ones included."""
    query = access.list_query(API_KEY_LIST)
    async with access.session() as session:
        records, page = await api_keys.list_api_keys(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.get("/api-keys/{key_id}", response_model=ApiKeyRead, operation_id="getApiKey")
async def get_api_key(key_id: str, access: Read) -> Response:
    """Read one API key, without its secret."""
    async with access.session() as session:
        record = await api_keys.get_api_key(session, access.principal, key_id)
    return access.item(record, record.version)


@router.delete("/api-keys/{key_id}", status_code=204, response_class=Response, operation_id="revokeApiKey")
async def revoke_api_key(key_id: str, access: Change) -> Response:
    """Revoke an API key for good. It stays in the list."""
    expected = access.expected_version()
    async with access as tx:
        await api_keys.revoke_api_key(tx, access.principal, key_id, expected)
        return access.deleted()
