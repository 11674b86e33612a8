"""HTTP of replays."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.replays import service
from services.registry.replays.schemas import REPLAY_LIST, ReplayCreate, ReplayRead
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["webhooks"])

Read = Annotated[ReadAccess, Depends(Reads("registry:webhooks:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:webhooks:write"))]


@router.post(
    "/webhook-replays", response_model=ReplayRead, status_code=202, operation_id="createWebhookReplay"
)
async def create_replay(body: ReplayCreate, access: Write) -> Response:
    """Send deliveries again by time, sequence, type, state or subject, or the current state of records."""
    if body.dry_run:
        async with access.state.database.read() as session:
            counted = await service.count_replay(session, access.principal, body)
        async with access:
            return access.reply(202, counted)
    async with access as tx:
        record = await service.create_replay(tx, access.principal, body)
        location = {"Location": f"/v1/webhook-replays/{record.id}"}
        return access.reply(202, record, record.version, location)


@router.get(
    "/webhook-replays",
    response_model=PageOf[ReplayRead],
    operation_id="listWebhookReplays",
    openapi_extra=list_parameters(REPLAY_LIST),
)
async def list_replays(access: Read) -> Response:
    """List the replays of the caller's organisation."""
    query = access.list_query(REPLAY_LIST)
    async with access.session() as session:
        records, page = await service.list_replays(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.get("/webhook-replays/{replay_id}", response_model=ReplayRead, operation_id="getWebhookReplay")
async def get_replay(replay_id: str, access: Read) -> Response:
    """Read how far a replay is."""
    async with access.session() as session:
        record = await service.get_replay(session, access.principal, replay_id)
    return access.item(record, record.version)


@router.post(
    "/webhook-replays/{replay_id}:cancel", response_model=ReplayRead, operation_id="cancelWebhookReplay"
)
async def cancel_replay(replay_id: str, access: Write) -> Response:
    """Stop a replay; what it has made pending stays so."""
    async with access as tx:
        record = await service.cancel_replay(tx, access.principal, replay_id)
        return access.updated(record, version=record.version)
