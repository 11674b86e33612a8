"""HTTP of 1+N networks."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.enclaves import network_service as service
from services.registry.enclaves.schemas import (
    NETWORK_LIST,
    MemberAdd,
    MemberRemove,
    NetworkCreate,
    NetworkRead,
    NetworkUpdate,
)
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/networks", route_class=StrictRoute, tags=["networks"])

Read = Annotated[ReadAccess, Depends(Reads("registry:enclaves:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:enclaves:write"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:enclaves:write", needs_version=True))]


@router.get("/{network_id}", response_model=NetworkRead, operation_id="getNetwork")
async def get_network(network_id: str, access: Read) -> Response:
    """Read one 1+N network."""
    async with access.session() as session:
        record = await service.get_network(session, access.principal, network_id)
    return access.item(record, record.version)


@router.get(
    "",
    response_model=PageOf[NetworkRead],
    operation_id="listNetworks",
    openapi_extra=list_parameters(NETWORK_LIST),
)
async def list_networks(access: Read) -> Response:
    """List the networks the caller's organisation is a party of."""
    query = access.list_query(NETWORK_LIST)
    async with access.session() as session:
        records, page = await service.list_networks(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.post("", response_model=NetworkRead, status_code=201, operation_id="createNetwork")
async def create_network(body: NetworkCreate, access: Write) -> Response:
    """Form a 1+N network."""
    async with access as tx:
        record = await service.create_network(tx, access.principal, body)
        return access.created(record, location=f"/v1/networks/{record.id}", version=record.version)


@router.patch("/{network_id}", response_model=NetworkRead, operation_id="updateNetwork")
async def update_network(network_id: str, body: NetworkUpdate, access: Change) -> Response:
    """Change a network's name or operator (merge patch)."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.update_network(tx, access.principal, network_id, expected, body)
        return access.updated(record, version=record.version)


@router.post("/{network_id}:add-member", response_model=NetworkRead, operation_id="addNetworkMember")
async def add_network_member(network_id: str, body: MemberAdd, access: Change) -> Response:
    """Let an enclave join the network as its centre or as a cloud enclave."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.add_member(
            tx, access.principal, network_id, expected, body.enclave_id, body.role
        )
        return access.updated(record, version=record.version)


@router.post("/{network_id}:remove-member", response_model=NetworkRead, operation_id="removeNetworkMember")
async def remove_network_member(network_id: str, body: MemberRemove, access: Change) -> Response:
    """Let an enclave leave the network."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.remove_member(tx, access.principal, network_id, expected, body.enclave_id)
        return access.updated(record, version=record.version)
