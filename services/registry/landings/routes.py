"""HTTP of landings."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.landings import service
from services.registry.landings.schemas import LANDING_LIST, LandingCreate, LandingRead, LandingTransition
from services.registry.projects.schemas import Transitions
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/landings", route_class=StrictRoute, tags=["landings"])

Read = Annotated[ReadAccess, Depends(Reads("registry:landings:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:landings:write"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:landings:write", needs_version=True))]


@router.get("/{landing_id}", response_model=LandingRead, operation_id="getLanding")
async def get_landing(landing_id: str, access: Read) -> Response:
    """Read one landing."""
    async with access.session() as session:
        record = await service.get_landing(session, access.principal, landing_id)
    return access.item(record, record.version)


@router.get(
    "",
    response_model=PageOf[LandingRead],
    operation_id="listLandings",
    openapi_extra=list_parameters(LANDING_LIST),
)
async def list_landings(access: Read) -> Response:
    """List the landings of the projects the caller is a party of."""
    query = access.list_query(LANDING_LIST)
    async with access.session() as session:
        records, page = await service.list_landings(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.post("", response_model=LandingRead, status_code=201, operation_id="createLanding")
async def create_landing(body: LandingCreate, access: Write) -> Response:
    """Record the intent of a project to land at a home unit."""
    async with access as tx:
        record = await service.create_landing(tx, access.principal, body)
        return access.created(record, location=f"/v1/landings/{record.id}", version=record.version)


@router.get("/{landing_id}/transitions", response_model=Transitions, operation_id="listLandingTransitions")
async def list_landing_transitions(landing_id: str, access: Read) -> Response:
    """List the log of one landing in the order of recording."""
    async with access.session() as session:
        entries = await service.landing_transitions(session, access.principal, landing_id)
    return access.item(Transitions(items=entries))


@router.post("/{landing_id}/transitions", response_model=LandingRead, operation_id="moveLanding")
async def move_landing(landing_id: str, body: LandingTransition, access: Change) -> Response:
    """Take one step of a landing; refused steps name every guard that failed."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.move_landing(tx, access.principal, landing_id, expected, body)
        return access.updated(record, version=record.version)
