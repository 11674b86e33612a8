"""HTTP of sandbox receivers. Hits need no credential: whoever knows the URL may send."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.registry.sandbox import service
from services.registry.sandbox.observation import MAX_BODY_BYTES, read_hit
from services.registry.sandbox.schemas import (
    HIT_LIST,
    RECEIVER_LIST,
    SandboxExpectation,
    SandboxHitContent,
    SandboxHitRead,
    SandboxReceiverCreate,
    SandboxReceiverRead,
    SandboxReceiverUpdate,
    SandboxVerdictRead,
)
from services.registry.sandbox.signers import Signers
from services.registry.sandbox.waiting import WaitingRoom, hold_back
from shared import clock
from shared.sealing import Sealer
from shared.settings import ServiceSettings
from shared.web.access import PUBLIC, ReadAccess, Reads, WriteAccess, Writes
from shared.web.admission import step_aside
from shared.web.openapi import list_parameters
from shared.web.problems import error_from_status
from shared.web.schemas import PageOf
from shared.web.state import state_of
from shared.web.strictness import StrictRoute

Read = Annotated[ReadAccess, Depends(Reads("registry:sandbox:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:sandbox:write"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:sandbox:write", needs_version=True))]

_ITEM = "/{receiver_id}"
_ANSWERS: dict[int | str, dict[str, str]] = {
    413: {"description": "The body is larger than 256 KiB"},
    "default": {"description": "What the script of the receiver says"},
}


def sandbox_router(signers: Signers) -> APIRouter:
    """Return the operations of the sandbox; ``signers`` tell what real endpoints sign with."""
    router = APIRouter(prefix="/v1/sandbox/receivers", route_class=StrictRoute, tags=["sandbox"])
    _add_receivers(router)
    _add_hits(router)
    waiting = WaitingRoom()

    @router.post(
        "/{receiver_id}/hits",
        operation_id="receiveSandboxHit",
        response_class=Response,
        openapi_extra=PUBLIC,
        responses=_ANSWERS,
    )
    async def receive_hit(receiver_id: str, request: Request) -> Response:
        """Send anything to a receiver: up to 256 KiB, recorded, and answered as the script says."""
        body = await _bounded_body(request)
        state = state_of(request)
        hit = read_hit(request.headers.items(), body, clock.now())
        with waiting.place(receiver_id):
            async with state.database.read() as session:
                sealer = _sealer(state.settings)
                examined = await service.examine(session, signers, sealer, receiver_id, hit)
            async with state.database.write() as tx:
                answer = await service.record_hit(tx, examined)
            if answer.delay_ms:
                step_aside(request.scope)
                await hold_back(answer.delay_ms)
        return Response(answer.body, answer.status, answer.headers, answer.media_type)

    return router


def _add_receivers(router: APIRouter) -> None:
    router.add_api_route(
        "",
        list_receivers,
        response_model=PageOf[SandboxReceiverRead],
        operation_id="listSandboxReceivers",
        openapi_extra=list_parameters(RECEIVER_LIST),
    )
    router.add_api_route(
        "",
        create_receiver,
        methods=["POST"],
        status_code=201,
        response_model=SandboxReceiverRead,
        operation_id="createSandboxReceiver",
    )
    router.add_api_route(
        _ITEM, get_receiver, response_model=SandboxReceiverRead, operation_id="getSandboxReceiver"
    )
    router.add_api_route(
        _ITEM,
        update_receiver,
        methods=["PATCH"],
        response_model=SandboxReceiverRead,
        operation_id="updateSandboxReceiver",
    )
    router.add_api_route(
        _ITEM,
        delete_receiver,
        methods=["DELETE"],
        status_code=204,
        response_class=Response,
        operation_id="deleteSandboxReceiver",
    )


def _add_hits(router: APIRouter) -> None:
    router.add_api_route(
        "/{receiver_id}/hits",
        list_hits,
        response_model=PageOf[SandboxHitRead],
        operation_id="listSandboxHits",
        openapi_extra=list_parameters(HIT_LIST),
    )
    router.add_api_route(
        "/{receiver_id}/hits/{hit_id}",
        get_hit,
        response_model=SandboxHitContent,
        operation_id="getSandboxHit",
    )
    router.add_api_route(
        "/{receiver_id}:assert",
        assert_hits,
        methods=["POST"],
        response_model=SandboxVerdictRead,
        operation_id="assertSandboxHits",
    )
    router.add_api_route(
        "/{receiver_id}:reset",
        reset_receiver,
        methods=["POST"],
        response_model=SandboxReceiverRead,
        operation_id="resetSandboxReceiver",
    )


async def list_receivers(access: Read) -> Response:
    """List the sandbox receivers of the caller's organisation."""
    query = access.list_query(RECEIVER_LIST)
    async with access.session() as session:
        records, page = await service.list_receivers(session, access.principal, query, access.state.signer)
    return access.page(records, page)


async def create_receiver(body: SandboxReceiverCreate, access: Write) -> Response:
    """Make a receiver that answers by a script."""
    base_url, sealer = _public_url(access), _sealer(access.state.settings)
    async with access as tx:
        record = await service.create_receiver(tx, access.principal, body, base_url, sealer)
        location = f"/v1/sandbox/receivers/{record.id}"
        return access.created(record, location=location, version=record.version)


async def get_receiver(receiver_id: str, access: Read) -> Response:
    """Read one sandbox receiver."""
    async with access.session() as session:
        record = await service.get_receiver(session, access.principal, receiver_id)
    return access.item(record, record.version)


async def update_receiver(receiver_id: str, body: SandboxReceiverUpdate, access: Change) -> Response:
    """Change a receiver (merge patch). A new script starts at its first step."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.update_receiver(tx, access.principal, receiver_id, expected, body)
        return access.updated(record, version=record.version)


async def delete_receiver(receiver_id: str, access: Change) -> Response:
    """Delete a receiver with its hits."""
    expected = access.expected_version()
    async with access as tx:
        await service.delete_receiver(tx, access.principal, receiver_id, expected)
        return access.deleted()


async def reset_receiver(receiver_id: str, access: Write) -> Response:
    """Forget a receiver's hits and start its script again."""
    async with access as tx:
        record = await service.reset_receiver(tx, access.principal, receiver_id)
        return access.updated(record, version=record.version)


async def list_hits(receiver_id: str, access: Read) -> Response:
    """List what arrived at a receiver, without the bodies."""
    query = access.list_query(HIT_LIST)
    async with access.session() as session:
        records, page = await service.list_hits(
            session, access.principal, receiver_id, query, access.state.signer
        )
    return access.page(records, page)


async def get_hit(receiver_id: str, hit_id: str, access: Read) -> Response:
    """Read one hit with its body."""
    async with access.session() as session:
        record = await service.get_hit(session, access.principal, receiver_id, hit_id)
    return access.item(record)


async def assert_hits(receiver_id: str, body: SandboxExpectation, access: Read) -> Response:
    """Judge what arrived by what is expected, and by the exercises of the certification."""
    async with access.session() as session:
        record = await service.assert_hits(session, access.principal, receiver_id, body)
    return access.item(record)


def _public_url(access: WriteAccess) -> str:
    """Return registry's public URL, with the gateway's path when the issuer does not have it already."""
    base, root_path = access.state.settings.issuer.rstrip("/"), access.root_path
    return base if base.endswith(root_path) else base + root_path


def _sealer(settings: ServiceSettings) -> Sealer:
    return Sealer(settings.secret_key, service.SEALED_FOR)


async def _bounded_body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise error_from_status(413)
        parts.append(part)
    return b"".join(parts)
