"""HTTP of deliveries and reconciliation."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from services.registry.deliveries import service
from services.registry.deliveries.schemas import (
    DELIVERY_LIST,
    Attempts,
    DeliveryRead,
    Reconciliation,
)
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["webhooks"])

Read = Annotated[ReadAccess, Depends(Reads("registry:webhooks:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:webhooks:write"))]

_OF_ENDPOINT = "/webhook-endpoints/{endpoint_id}"
_SEQUENCE = 2**53 - 1


@router.get(
    f"{_OF_ENDPOINT}/deliveries",
    response_model=PageOf[DeliveryRead],
    operation_id="listWebhookDeliveries",
    openapi_extra=list_parameters(DELIVERY_LIST),
)
async def list_deliveries(endpoint_id: str, access: Read) -> Response:
    """List the deliveries of an endpoint, the newest first."""
    query = access.list_query(DELIVERY_LIST)
    async with access.session() as session:
        records, page = await service.list_deliveries(
            session, access.principal, endpoint_id, query, access.state.signer
        )
    return access.page(records, page)


@router.get(f"{_OF_ENDPOINT}/handshakes", response_model=Attempts, operation_id="listWebhookHandshakes")
async def list_handshakes(endpoint_id: str, access: Read) -> Response:
    """List every attempt at a handshake and what was answered."""
    async with access.session() as session:
        record = await service.handshakes_of(session, access.principal, endpoint_id)
    return access.item(record)


@router.get(
    f"{_OF_ENDPOINT}/reconciliation", response_model=Reconciliation, operation_id="reconcileWebhookEndpoint"
)
async def reconcile(
    endpoint_id: str,
    access: Read,
    from_sequence: Annotated[int, Query(ge=1, le=_SEQUENCE)] = 1,
    to_sequence: Annotated[int | None, Query(ge=1, le=_SEQUENCE)] = None,
) -> Response:
    """Compare what was sent with what arrived: the states of all sequences in runs, and a digest."""
    async with access.snapshot() as session:
        record = await service.reconcile(session, access.principal, endpoint_id, from_sequence, to_sequence)
    return access.item(record)


@router.get(
    "/webhook-deliveries/{delivery_id}", response_model=DeliveryRead, operation_id="getWebhookDelivery"
)
async def get_delivery(delivery_id: str, access: Read) -> Response:
    """Read one delivery."""
    async with access.session() as session:
        record = await service.get_delivery(session, access.principal, delivery_id)
    return access.item(record)


@router.get(
    "/webhook-deliveries/{delivery_id}/attempts",
    response_model=Attempts,
    operation_id="listWebhookAttempts",
)
async def list_attempts(delivery_id: str, access: Read) -> Response:
    """List every attempt of a delivery: status, duration, address and what was answered."""
    async with access.session() as session:
        record = await service.attempts_of(session, access.principal, delivery_id)
    return access.item(record)


@router.post(
    "/webhook-deliveries/{delivery_id}:retry",
    response_model=DeliveryRead,
    status_code=202,
    operation_id="retryWebhookDelivery",
)
async def retry_delivery(delivery_id: str, access: Write) -> Response:
    """Send a delivery again now, whatever became of it."""
    async with access as tx:
        return access.reply(202, await service.retry(tx, access.principal, delivery_id))


@router.post(
    "/webhook-deliveries/{delivery_id}:cancel",
    response_model=DeliveryRead,
    operation_id="cancelWebhookDelivery",
)
async def cancel_delivery(delivery_id: str, access: Write) -> Response:
    """Give up a delivery that is pending."""
    async with access as tx:
        return access.updated(await service.cancel(tx, access.principal, delivery_id))
