"""HTTP of webhook endpoints. A secret is in the first answer only, never in the stored one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic_core import to_json

from services.registry.webhooks import service
from services.registry.webhooks.parts import EXTRA, WebhookParts
from services.registry.webhooks.schemas import (
    ENDPOINT_LIST,
    EnableEndpoint,
    EndpointCreate,
    EndpointRead,
    EndpointStanding,
    EndpointUpdate,
    IssuedEndpoint,
    RotateSecret,
    SentTest,
    WebhookKeys,
)
from shared.web.access import JSON, PUBLIC, Access, ReadAccess, Reads, WriteAccess, Writes, revealed
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.state import state_of
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["webhooks"])

SCOPE_READ, SCOPE_WRITE = "registry:webhooks:read", "registry:webhooks:write"
Read = Annotated[ReadAccess, Depends(Reads(SCOPE_READ))]
Write = Annotated[WriteAccess, Depends(Writes(SCOPE_WRITE))]
Change = Annotated[WriteAccess, Depends(Writes(SCOPE_WRITE, needs_version=True))]

_ONE = "/webhook-endpoints/{endpoint_id}"


def _parts(access: Access) -> WebhookParts:
    parts: WebhookParts = access.state.extra[EXTRA]
    return parts


def _issued(record: EndpointRead, secret: str | None) -> IssuedEndpoint:
    return IssuedEndpoint(**record.model_dump(), secret=secret)


@router.post(
    "/webhook-endpoints", response_model=IssuedEndpoint, status_code=201, operation_id="createWebhookEndpoint"
)
async def create_endpoint(body: EndpointCreate, access: Write) -> Response:
    """Add an endpoint; the handshake is sent at once. Its secret is in this answer only."""
    parts = _parts(access)
    async with access as tx:
        record, secret = await service.create_endpoint(tx, access.principal, body, parts.sealer, parts.egress)
        location = f"/v1/webhook-endpoints/{record.id}"
        stored = access.created(_issued(record, None), location=location, version=record.version)
        return revealed(stored, _issued(record, secret))


@router.get(
    "/webhook-endpoints",
    response_model=PageOf[EndpointRead],
    operation_id="listWebhookEndpoints",
    openapi_extra=list_parameters(ENDPOINT_LIST),
)
async def list_endpoints(access: Read) -> Response:
    """List the endpoints of the caller's organisation, deleted ones included."""
    query = access.list_query(ENDPOINT_LIST)
    async with access.session() as session:
        records, page = await service.list_endpoints(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.get(_ONE, response_model=EndpointRead, operation_id="getWebhookEndpoint")
async def get_endpoint(endpoint_id: str, access: Read) -> Response:
    """Read one endpoint, without its secrets."""
    async with access.session() as session:
        record = await service.get_endpoint(session, access.principal, endpoint_id)
    return access.item(record, record.version)


@router.get(f"{_ONE}/standing", response_model=EndpointStanding, operation_id="getWebhookEndpointStanding")
async def get_standing(endpoint_id: str, access: Read) -> Response:
    """Read how an endpoint is doing: its breaker, until when it is closed, and since when it fails."""
    async with access.session() as session:
        record = await service.standing_of(session, access.principal, endpoint_id)
    return access.item(record)


@router.patch(_ONE, response_model=EndpointRead, operation_id="updateWebhookEndpoint")
async def update_endpoint(endpoint_id: str, body: EndpointUpdate, access: Change) -> Response:
    """Change an endpoint (merge patch). Another URL must answer the handshake again."""
    expected, parts = access.expected_version(), _parts(access)
    async with access as tx:
        record = await service.update_endpoint(
            tx, access.principal, endpoint_id, expected, body, parts.egress
        )
        return access.updated(record, version=record.version)


@router.delete(_ONE, status_code=204, response_class=Response, operation_id="deleteWebhookEndpoint")
async def delete_endpoint(endpoint_id: str, access: Change) -> Response:
    """Delete an endpoint. What was waiting is cancelled; its log stays readable."""
    expected = access.expected_version()
    async with access as tx:
        await service.delete_endpoint(tx, access.principal, endpoint_id, expected)
        return access.deleted()


@router.post(
    f"{_ONE}:verify", response_model=EndpointRead, status_code=202, operation_id="verifyWebhookEndpoint"
)
async def verify_endpoint(endpoint_id: str, access: Write) -> Response:
    """Have the handshake sent again."""
    async with access as tx:
        record = await service.ask_again(tx, access.principal, endpoint_id)
        return access.reply(202, record, record.version)


@router.post(f"{_ONE}:rotate-secret", response_model=IssuedEndpoint, operation_id="rotateWebhookSecret")
async def rotate_secret(endpoint_id: str, body: RotateSecret, access: Change) -> Response:
    """Add a secret, which is in this answer only; those before it sign beside it until the overlap ends."""
    expected, parts = access.expected_version(), _parts(access)
    async with access as tx:
        record, secret = await service.rotate_secret(
            tx, access.principal, endpoint_id, expected, body.overlap_hours, parts.sealer
        )
        stored = access.updated(_issued(record, None), version=record.version)
        return revealed(stored, _issued(record, secret))


@router.post(f"{_ONE}:disable", response_model=EndpointRead, operation_id="disableWebhookEndpoint")
async def disable_endpoint(endpoint_id: str, access: Change) -> Response:
    """Stop sending. What is waiting and what comes is held, not dropped."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.disable_endpoint(tx, access.principal, endpoint_id, expected)
        return access.updated(record, version=record.version)


@router.post(f"{_ONE}:enable", response_model=EndpointRead, operation_id="enableWebhookEndpoint")
async def enable_endpoint(endpoint_id: str, body: EnableEndpoint, access: Change) -> Response:
    """Send again, and say what becomes of the deliveries that were held."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.enable_endpoint(tx, access.principal, endpoint_id, expected, body)
        return access.updated(record, version=record.version)


@router.post(f"{_ONE}:test", response_model=SentTest, status_code=202, operation_id="testWebhookEndpoint")
async def send_test(endpoint_id: str, access: Write) -> Response:
    """Publish a `webhook.test` event that reaches only this endpoint, like any other delivery."""
    async with access as tx:
        event_id = await service.send_test(tx, access.principal, endpoint_id)
        return access.reply(202, SentTest(event_id=event_id))


@router.get("/webhook-jwks", response_model=WebhookKeys, operation_id="listWebhookKeys", openapi_extra=PUBLIC)
async def list_keys(request: Request) -> Response:
    """Read the public keys of `v1a` signatures, as a JSON Web Key Set."""
    parts: WebhookParts = state_of(request).extra[EXTRA]
    return Response(
        to_json({"keys": [parts.public_jwk]}), 200, {"Cache-Control": "public, max-age=3600"}, JSON
    )
