"""HTTP of enclaves."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.enclaves import service
from services.registry.enclaves.dependants import Dependants
from services.registry.enclaves.schemas import ENCLAVE_LIST, EnclaveCreate, EnclaveRead, EnclaveUpdate
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

Read = Annotated[ReadAccess, Depends(Reads("registry:enclaves:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:enclaves:write"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:enclaves:write", needs_version=True))]


def enclaves_router(dependants: Dependants) -> APIRouter:
    """Return the operations on enclaves; ``dependants`` follow when an enclave's parties change."""
    router = APIRouter(prefix="/v1/enclaves", route_class=StrictRoute, tags=["enclaves"])
    router.add_api_route("/{enclave_id}", get_enclave, response_model=EnclaveRead, operation_id="getEnclave")
    router.add_api_route(
        "",
        list_enclaves,
        response_model=PageOf[EnclaveRead],
        operation_id="listEnclaves",
        openapi_extra=list_parameters(ENCLAVE_LIST),
    )
    router.add_api_route(
        "",
        create_enclave,
        methods=["POST"],
        response_model=EnclaveRead,
        status_code=201,
        operation_id="createEnclave",
    )

    @router.patch("/{enclave_id}", response_model=EnclaveRead, operation_id="updateEnclave")
    async def update_enclave(enclave_id: str, body: EnclaveUpdate, access: Change) -> Response:
        """Change an enclave (merge patch). Its projects follow a change of its parties."""
        expected = access.expected_version()
        async with access as tx:
            record = await service.update_enclave(
                tx, access.principal, enclave_id, expected, body, dependants=dependants
            )
            return access.updated(record, version=record.version)

    return router


async def get_enclave(enclave_id: str, access: Read) -> Response:
    """Read one enclave."""
    async with access.session() as session:
        record = await service.get_enclave(session, access.principal, enclave_id)
    return access.item(record, record.version)


async def list_enclaves(access: Read) -> Response:
    """List the enclaves the caller's organisation is a party of."""
    query = access.list_query(ENCLAVE_LIST)
    async with access.session() as session:
        records, page = await service.list_enclaves(session, access.principal, query, access.state.signer)
    return access.page(records, page)


async def create_enclave(body: EnclaveCreate, access: Write) -> Response:
    """Record an enclave of a home unit."""
    async with access as tx:
        record = await service.create_enclave(tx, access.principal, body)
        return access.created(record, location=f"/v1/enclaves/{record.id}", version=record.version)
