"""HTTP of inbound messages: the door they come in by, and the quarantine."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic_core import to_json

from services.registry.inbound import service
from services.registry.inbound.parts import EXTRA, InboundParts
from services.registry.inbound.schemas import (
    MESSAGE_LIST,
    Discarding,
    MessageDetail,
    MessageRead,
    Receipt,
    Reprocessing,
)
from services.registry.signatures import standard_webhooks as signatures
from shared.web.access import JSON, PUBLIC, ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.problems import error_from_status
from shared.web.schemas import PageOf
from shared.web.state import state_of
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["inbound"])

Read = Annotated[ReadAccess, Depends(Reads("registry:inbound:read"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:inbound:write", needs_version=True))]


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string", **schema},
    }


_SIGNED: dict[str, Any] = {
    "parameters": [
        _header(signatures.ID, "The same in every attempt.", minLength=1, maxLength=200, pattern="^[!-~]+$"),
        _header(signatures.TIMESTAMP, "Seconds since 1970, of this attempt.", pattern="^[0-9]{1,12}$"),
        _header(signatures.SIGNATURE, "`v1,` and base64, separated by spaces.", pattern="^v[!-~ ]+$"),
    ],
    "requestBody": {
        "required": True,
        "description": "Any JSON; the source's mapping says what it becomes. At most 256 KiB.",
        "content": {JSON: {"schema": {"type": "object", "examples": [{"type": "lead.created"}]}}},
    },
}


@router.post(
    "/inbound/{source_id}",
    response_model=Receipt,
    status_code=202,
    operation_id="receiveInboundMessage",
    openapi_extra={**PUBLIC, **_SIGNED},
    responses={
        200: {"model": Receipt, "description": "The message was taken before and has no further effect"},
        401: {"description": "`invalid_signature`: unknown source, wrong signature or stale timestamp"},
        403: {"description": "`source_disabled`"},
        413: {"description": "The message is longer than 256 KiB"},
        429: {"description": "`too_many_messages`: nothing was kept; send again after `Retry-After`"},
        503: {"description": "The store does not answer now"},
    },
)
async def receive_inbound_message(source_id: str, request: Request) -> Response:
    """Take a signed message (Standard Webhooks). What is signed right is kept, whatever is in it."""
    state = state_of(request)
    parts: InboundParts = state.extra[EXTRA]
    body = await request.body()
    if len(body) > service.MAX_BYTES:
        raise error_from_status(413)
    signed = await service.authentic(state.database, parts, source_id, request.headers, body)
    async with state.database.write() as tx:
        receipt = await service.receive(tx, signed, parts.mappings)
    status = 200 if receipt.duplicate else 202
    return Response(to_json(receipt), status, {"Cache-Control": "no-store"}, JSON)


@router.get(
    "/inbound-messages",
    response_model=PageOf[MessageRead],
    operation_id="listInboundMessages",
    openapi_extra=list_parameters(MESSAGE_LIST),
)
async def list_inbound_messages(access: Read) -> Response:
    """List the messages to the organisation's sources; `state=quarantined` is what waits for a repair."""
    query = access.list_query(MESSAGE_LIST)
    async with access.session() as session:
        records, page = await service.list_messages(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.get("/inbound-messages/{message_id}", response_model=MessageDetail, operation_id="getInboundMessage")
async def get_inbound_message(message_id: str, access: Read) -> Response:
    """Read one message with the bytes that came in and every attempt to repair it."""
    async with access.session() as session:
        record = await service.get_message(session, access.principal, message_id)
    return access.item(record, record.version)


@router.post(
    "/inbound-messages/{message_id}:reprocess",
    response_model=MessageDetail,
    operation_id="reprocessInboundMessage",
)
async def reprocess_inbound_message(message_id: str, body: Reprocessing, access: Change) -> Response:
    """Try a message in quarantine again, repaired or as it is. The answer says what became of it."""
    expected = access.expected_version()
    parts: InboundParts = access.state.extra[EXTRA]
    async with access as tx:
        record = await service.reprocess(tx, access.principal, message_id, expected, body, parts.mappings)
        return access.updated(record, version=record.version)


@router.post(
    "/inbound-messages/{message_id}:discard",
    response_model=MessageDetail,
    operation_id="discardInboundMessage",
)
async def discard_inbound_message(message_id: str, body: Discarding, access: Change) -> Response:
    """Give up a message in quarantine, with a reason."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.discard(tx, access.principal, message_id, expected, body)
        return access.updated(record, version=record.version)
