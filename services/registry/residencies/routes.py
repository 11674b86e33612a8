"""HTTP of residencies and of the occupancy of enclaves."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from services.registry.residencies import service
from services.registry.residencies.schemas import (
    RESIDENCY_LIST,
    OccupancyRead,
    ResidencyCreate,
    ResidencyRead,
    ResidencyTransition,
    ResidencyUpdate,
)
from shared import clock
from shared.db.keyset import bad_parameter
from shared.types import Day
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

MAX_DAYS = 366

router = APIRouter(route_class=StrictRoute, tags=["residencies"])

Read = Annotated[ReadAccess, Depends(Reads("registry:residencies:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:residencies:write"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:residencies:write", needs_version=True))]


@router.get("/v1/residencies/{residency_id}", response_model=ResidencyRead, operation_id="getResidency")
async def get_residency(residency_id: str, access: Read) -> Response:
    """Read one stay of a project in an enclave."""
    async with access.session() as session:
        record = await service.get_residency(session, access.principal, residency_id)
    return access.item(record, record.version)


@router.get(
    "/v1/residencies",
    response_model=PageOf[ResidencyRead],
    operation_id="listResidencies",
    openapi_extra=list_parameters(RESIDENCY_LIST),
)
async def list_residencies(access: Read) -> Response:
    """List residencies of the projects the caller's organisation is a party of."""
    query = access.list_query(RESIDENCY_LIST)
    async with access.session() as session:
        records, page = await service.list_residencies(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.get(
    "/v1/projects/{project_id}/residencies",
    response_model=PageOf[ResidencyRead],
    operation_id="listProjectResidencies",
    openapi_extra=list_parameters(RESIDENCY_LIST),
)
async def list_project_residencies(project_id: str, access: Read) -> Response:
    """List the residencies of one project."""
    query = access.list_query(RESIDENCY_LIST)
    async with access.session() as session:
        records, page = await service.list_residencies_of(
            session, access.principal, project_id, query, access.state.signer
        )
    return access.page(records, page)


@router.post(
    "/v1/projects/{project_id}/residencies",
    response_model=ResidencyRead,
    status_code=201,
    operation_id="createResidency",
)
async def create_residency(project_id: str, body: ResidencyCreate, access: Write) -> Response:
    """Apply for space in an enclave."""
    async with access as tx:
        record = await service.apply_for_residency(tx, access.principal, project_id, body)
        return access.created(record, location=f"/v1/residencies/{record.id}", version=record.version)


@router.patch("/v1/residencies/{residency_id}", response_model=ResidencyRead, operation_id="updateResidency")
async def update_residency(residency_id: str, body: ResidencyUpdate, access: Change) -> Response:
    """Change the space or the term of a residency (merge patch)."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.update_residency(tx, access.principal, residency_id, expected, body)
        return access.updated(record, version=record.version)


@router.post(
    "/v1/residencies/{residency_id}/transitions",
    response_model=ResidencyRead,
    operation_id="moveResidency",
)
async def move_residency(residency_id: str, body: ResidencyTransition, access: Change) -> Response:
    """Take one step of the residency track; its log is in the project's timeline."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.move_residency(tx, access.principal, residency_id, expected, body)
        return access.updated(record, version=record.version)


@router.get(
    "/v1/enclaves/{enclave_id}/occupancy", response_model=OccupancyRead, operation_id="getEnclaveOccupancy"
)
async def get_enclave_occupancy(
    enclave_id: str,
    access: Read,
    from_on: Annotated[Day | None, Query(alias="from", description="First day; today if not given.")] = None,
    to_on: Annotated[Day | None, Query(alias="to", description="Last day; the first if not given.")] = None,
) -> Response:
    """Read the seats and the area held by day, for at most 366 days."""
    first = from_on or clock.today()
    last = to_on or first
    if not 0 <= (last - first).days < MAX_DAYS:
        raise bad_parameter(
            "to", "invalid_period", "must be 0 to 365 days after `from`", "应在起始日之后 365 天以内"
        )
    async with access.session() as session:
        record = await service.read_occupancy(session, access.principal, enclave_id, first, last)
    return access.item(record)
