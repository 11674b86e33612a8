"""HTTP of organisations."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.organisations import service
from services.registry.organisations.dependants import Dependants
from services.registry.organisations.schemas import (
    ORGANISATION_LIST,
    OrganisationCreate,
    OrganisationRead,
    OrganisationUpdate,
)
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

Read = Annotated[ReadAccess, Depends(Reads("registry:organisations:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:organisations:write"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:organisations:write", needs_version=True))]


def organisations_router(dependants: Dependants) -> APIRouter:
    """Return the operations on organisations; ``dependants`` follow when an organisation moves."""
    router = APIRouter(prefix="/v1/organisations", route_class=StrictRoute, tags=["organisations"])
    router.add_api_route(
        "/{organisation_id}",
        get_organisation,
        response_model=OrganisationRead,
        operation_id="getOrganisation",
    )
    router.add_api_route(
        "",
        list_organisations,
        response_model=PageOf[OrganisationRead],
        operation_id="listOrganisations",
        openapi_extra=list_parameters(ORGANISATION_LIST),
    )
    router.add_api_route(
        "",
        create_organisation,
        methods=["POST"],
        response_model=OrganisationRead,
        status_code=201,
        operation_id="createOrganisation",
    )

    @router.patch("/{organisation_id}", response_model=OrganisationRead, operation_id="updateOrganisation")
    async def update_organisation(organisation_id: str, body: OrganisationUpdate, access: Change) -> Response:
        """Change a party (merge patch). Enclaves of a home unit follow when it gets another adcode."""
        expected = access.expected_version()
        async with access as tx:
            record = await service.update_organisation(
                tx, access.principal, organisation_id, expected, body, dependants=dependants
            )
            return access.updated(record, version=record.version)

    return router


async def get_organisation(organisation_id: str, access: Read) -> Response:
    """Read one party of the network."""
    async with access.session() as session:
        record = await service.get_organisation(session, organisation_id)
    return access.item(record, record.version)


async def list_organisations(access: Read) -> Response:
    """List the directory of parties."""
    query = access.list_query(ORGANISATION_LIST)
    async with access.session() as session:
        records, page = await service.list_organisations(session, query, access.state.signer)
    return access.page(records, page)


async def create_organisation(body: OrganisationCreate, access: Write) -> Response:
    """Add a party to the network."""
    async with access as tx:
        record = await service.create_organisation(tx, access.principal, body)
        return access.created(record, location=f"/v1/organisations/{record.id}", version=record.version)
