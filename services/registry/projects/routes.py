"""HTTP of projects."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.projects import places, service
from services.registry.projects.schemas import (
    PROJECT_LIST,
    FunctionPlaceCreate,
    FunctionPlaceRead,
    FunctionPlaces,
    ProjectCreate,
    ProjectProposal,
    ProjectRead,
    ProjectUpdate,
)
from services.registry.projects.service import FollowEnclave
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

Read = Annotated[ReadAccess, Depends(Reads("registry:projects:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:projects:write"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:projects:write", needs_version=True))]


def projects_router(follow_enclave: FollowEnclave) -> APIRouter:
    """Return the operations on projects; ``follow_enclave`` is told when one gets another enclave."""
    router = APIRouter(prefix="/v1/projects", route_class=StrictRoute, tags=["projects"])
    router.add_api_route("/{project_id}", get_project, response_model=ProjectRead, operation_id="getProject")
    router.add_api_route(
        "",
        list_projects,
        response_model=PageOf[ProjectRead],
        operation_id="listProjects",
        openapi_extra=list_parameters(PROJECT_LIST),
    )
    router.add_api_route(
        "",
        create_project,
        methods=["POST"],
        response_model=ProjectRead,
        status_code=201,
        operation_id="createProject",
    )

    @router.patch("/{project_id}", response_model=ProjectRead, operation_id="updateProject")
    async def update_project(project_id: str, body: ProjectUpdate, access: Change) -> Response:
        """Change a project (merge patch)."""
        expected = access.expected_version()
        async with access as tx:
            record = await service.update_project(
                tx, access.principal, project_id, expected, body, follow_enclave=follow_enclave
            )
            return access.updated(record, version=record.version)

    router.add_api_route(
        "/{project_id}:propose",
        propose_project,
        methods=["POST"],
        response_model=ProjectRead,
        operation_id="proposeProject",
    )
    router.add_api_route(
        "/{project_id}/function-places",
        list_function_places,
        response_model=FunctionPlaces,
        operation_id="listFunctionPlaces",
    )
    router.add_api_route(
        "/{project_id}/function-places",
        create_function_place,
        methods=["POST"],
        response_model=FunctionPlaceRead,
        status_code=201,
        operation_id="createFunctionPlace",
    )
    return router


async def get_project(project_id: str, access: Read) -> Response:
    """Read one project."""
    record = await service.read_project(access.state.database, access.principal, project_id)
    return access.item(record, record.version)


async def list_projects(access: Read) -> Response:
    """List the projects the caller is a party of."""
    query = access.list_query(PROJECT_LIST)
    state = access.state
    records, page = await service.list_projects(state.database, access.principal, query, state.signer)
    return access.page(records, page)


async def create_project(body: ProjectCreate, access: Write) -> Response:
    """File a lead."""
    async with access as tx:
        record = await service.create_project(tx, access.principal, body)
        return access.created(record, location=f"/v1/projects/{record.id}", version=record.version)


async def propose_project(project_id: str, body: ProjectProposal, access: Change) -> Response:
    """Propose a project to home units, which see it from then on."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.propose_project(tx, access.principal, project_id, expected, body.home_unit_ids)
        return access.updated(record, version=record.version)


async def list_function_places(project_id: str, access: Read) -> Response:
    """List where a project's functions sit and sat."""
    async with access.session() as session:
        records = await places.list_places(session, access.principal, project_id)
    return access.item(FunctionPlaces(items=records))


async def create_function_place(project_id: str, body: FunctionPlaceCreate, access: Write) -> Response:
    """Record where a function sits; the function's open place before it is closed."""
    async with access as tx:
        record = await places.add_place(tx, access.principal, project_id, body)
        location = f"/v1/projects/{project_id}/function-places"
        return access.created(record, location=location, version=record.version)
