"""HTTP of home-unit profiles."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.matching.profiles import service
from services.matching.profiles.schemas import (
    PROFILE_VERSION_LIST,
    ProfilePut,
    ProfileRead,
    ProfileVersionRead,
)
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.preconditions import PUT_PARAMETERS, precondition
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/home-units/{home_unit_id}/profile", route_class=StrictRoute, tags=["profiles"])

Read = Annotated[ReadAccess, Depends(Reads("matching:profiles:read"))]
Write = Annotated[WriteAccess, Depends(Writes("matching:profiles:write"))]


@router.get("", response_model=ProfileRead, operation_id="getHomeUnitProfile")
async def get_profile(home_unit_id: str, access: Read) -> Response:
    """Read what a home unit takes, offers and weighs."""
    async with access.session() as session:
        record = await service.get_profile(session, access.principal, home_unit_id)
    return access.item(record, record.version)


@router.put(
    "",
    response_model=ProfileRead,
    operation_id="putHomeUnitProfile",
    openapi_extra=PUT_PARAMETERS,
    responses={
        201: {"model": ProfileRead, "description": "The first profile of this home unit"},
        412: {"description": "The profile has changed since it was read, or there is one already"},
        428: {"description": "There is a profile already and If-Match is missing"},
    },
)
async def put_profile(home_unit_id: str, body: ProfilePut, access: Write) -> Response:
    """Set the whole profile of a home unit.

    The first one needs no precondition (`If-None-Match: *` insists that it is the first); from then on
    `If-Match` is required.
    """
    demanded = precondition(access)
    async with access as tx:
        record = await service.put_profile(
            tx,
            access.principal,
            home_unit_id,
            body,
            expected_version=demanded.expected_version,
            only_new=demanded.only_new,
        )
        if demanded.expected_version is None:
            location = f"/v1/home-units/{home_unit_id}/profile"
            return access.created(record, location=location, version=record.version)
        return access.updated(record, version=record.version)


@router.get(
    "/versions",
    response_model=PageOf[ProfileVersionRead],
    operation_id="listHomeUnitProfileVersions",
    openapi_extra=list_parameters(PROFILE_VERSION_LIST),
)
async def list_versions(home_unit_id: str, access: Read) -> Response:
    """List every version the profile had, newest first, with who set it."""
    query = access.list_query(PROFILE_VERSION_LIST)
    async with access.session() as session:
        records, page = await service.list_versions(
            session, access.principal, home_unit_id, query, access.state.signer
        )
    return access.page(records, page)
