"""HTTP of the reference data: the same for everyone, changed only by a new release."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from services.registry.reference import service
from services.registry.reference.pager import Matcher, fetch_from_memory
from services.registry.reference.schemas import (
    CLUSTER_LIST,
    DIVISION_LIST,
    INDUSTRY_LIST,
    STRATEGIC_FIELD_LIST,
    ClusterRead,
    DivisionRead,
    IndustryRead,
    StrategicFieldRead,
)
from shared.db.keyset import ListSpec
from shared.web.access import ReadAccess, Reads
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["reference"])

Read = Annotated[ReadAccess, Depends(Reads("registry:reference:read"))]


def _list(
    access: ReadAccess,
    spec: ListSpec,
    records: Mapping[str, Any],
    identifier: str,
    matchers: Mapping[str, Matcher] | None = None,
) -> Response:
    query = access.list_query(spec)
    shown, page = fetch_from_memory(
        list(records.values()), query, access.state.signer, identifier=identifier, matchers=matchers
    )
    return access.page(shown, page)


def _item(access: ReadAccess, records: Mapping[str, Any], identifier: str) -> Response:
    return access.item(service.found(records, identifier), service.data_version())


@router.get(
    "/divisions",
    response_model=PageOf[DivisionRead],
    operation_id="listDivisions",
    openapi_extra=list_parameters(DIVISION_LIST),
)
async def list_divisions(access: Read) -> Response:
    """List administrative divisions (GB/T 2260)."""
    return _list(access, DIVISION_LIST, service.divisions(), "code", service.DIVISION_MATCHERS)


@router.get("/divisions/{code}", response_model=DivisionRead, operation_id="getDivision")
async def get_division(code: str, access: Read) -> Response:
    """Read one administrative division."""
    return _item(access, service.divisions(), code)


@router.get(
    "/industries",
    response_model=PageOf[IndustryRead],
    operation_id="listIndustries",
    openapi_extra=list_parameters(INDUSTRY_LIST),
)
async def list_industries(access: Read) -> Response:
    """List economic activities (GB/T 4754)."""
    return _list(access, INDUSTRY_LIST, service.industries(), "code", service.INDUSTRY_MATCHERS)


@router.get("/industries/{code}", response_model=IndustryRead, operation_id="getIndustry")
async def get_industry(code: str, access: Read) -> Response:
    """Read one economic activity."""
    return _item(access, service.industries(), code)


@router.get(
    "/strategic-fields",
    response_model=PageOf[StrategicFieldRead],
    operation_id="listStrategicFields",
    openapi_extra=list_parameters(STRATEGIC_FIELD_LIST),
)
async def list_strategic_fields(access: Read) -> Response:
    """List the strategic emerging industries."""
    return _list(access, STRATEGIC_FIELD_LIST, service.strategic_fields(), "id")


@router.get(
    "/strategic-fields/{field_id}", response_model=StrategicFieldRead, operation_id="getStrategicField"
)
async def get_strategic_field(field_id: str, access: Read) -> Response:
    """Read one strategic emerging industry."""
    return _item(access, service.strategic_fields(), field_id)


@router.get(
    "/clusters",
    response_model=PageOf[ClusterRead],
    operation_id="listClusters",
    openapi_extra=list_parameters(CLUSTER_LIST),
)
async def list_clusters(access: Read) -> Response:
    """List city clusters and innovation corridors."""
    return _list(access, CLUSTER_LIST, service.clusters(), "id", service.CLUSTER_MATCHERS)


@router.get("/clusters/{cluster_id}", response_model=ClusterRead, operation_id="getCluster")
async def get_cluster(cluster_id: str, access: Read) -> Response:
    """Read one city cluster or corridor."""
    return _item(access, service.clusters(), cluster_id)
