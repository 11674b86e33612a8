"""HTTP of KPIs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from services.metrics.kpis import service
from services.metrics.kpis.definitions import definitions
from services.metrics.kpis.questions import FIGURE_SPEC, RECORDS_SPEC, Question, read_question, refuse_paging
from services.metrics.kpis.schemas import CountedRecord, DefinitionList, Freshness, KpiAnswer, Yardsticks
from shared.clock import to_rfc3339
from shared.web.access import ReadAccess, Reads
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["kpis"])

Read = Annotated[ReadAccess, Depends(Reads("metrics:kpis:read"))]

_PAGING = ("limit", "cursor", "sort", "include_total")


def _figure_parameters() -> dict[str, Any]:
    extra = list_parameters(FIGURE_SPEC)
    extra["parameters"] = [entry for entry in extra["parameters"] if entry["name"] not in _PAGING]
    return extra


def _question(access: ReadAccess) -> Question:
    refuse_paging(access.request.query_params)
    return read_question(access.list_query(FIGURE_SPEC), access.principal)


def _with_age(response: Response, freshness: Freshness) -> Response:
    if freshness.data_as_of is not None:
        response.headers["X-Data-As-Of"] = to_rfc3339(freshness.data_as_of)
    return response


@router.get(
    "/kpis/{kpi}", response_model=KpiAnswer, operation_id="getKpi", openapi_extra=_figure_parameters()
)
async def get_kpi(kpi: str, access: Read) -> Response:
    """Read a KPI for a slice, as of any time, with what was known at any time."""
    question = _question(access)
    async with access.session() as session:
        answer = await service.answer(session, question, kpi)
    return _with_age(access.item(answer), answer.freshness)


@router.get(
    "/kpis:yardsticks",
    response_model=Yardsticks,
    operation_id="getYardsticks",
    openapi_extra=_figure_parameters(),
)
async def get_yardsticks(access: Read) -> Response:
    """Read projects incubated, reserve projects and landing rate at once."""
    question = _question(access)
    async with access.session() as session:
        answer = await service.yardsticks(session, question)
    return _with_age(access.item(answer), answer.incubating.freshness)


@router.get(
    "/kpis/{kpi}/records",
    response_model=PageOf[CountedRecord],
    operation_id="listKpiRecords",
    openapi_extra=list_parameters(RECORDS_SPEC),
)
async def list_kpi_records(kpi: str, access: Read) -> Response:
    """List exactly the records a figure counted."""
    query = access.list_query(RECORDS_SPEC)
    question = read_question(query, access.principal)
    wanted = next((c.value for c in query.conditions if c.field == "set"), "numerator")
    async with access.session() as session:
        records, page = await service.counted_records(
            session, question, kpi, wanted, query, access.state.signer
        )
    return access.page(records, page)


@router.get("/kpis", response_model=DefinitionList, operation_id="listKpis")
async def list_kpis(access: Read) -> Response:
    """List the KPIs this service answers, with what each of them means."""
    return access.item(DefinitionList(items=list(definitions().values()), next_cursor=None, has_more=False))
