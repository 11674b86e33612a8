"""HTTP of recommendations."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic_core import to_json

from services.matching.profiles.schemas import ProfilePut
from services.matching.recommendations import runs, service
from services.matching.recommendations.change_schemas import (
    CounterfactualAsk,
    CounterfactualRead,
    ProfilePreview,
)
from services.matching.recommendations.documents import Document
from services.matching.recommendations.live import LiveEngine
from services.matching.recommendations.schemas import (
    HomeUnitRecommendations,
    ProjectRecommendations,
    RecommendationBatch,
    RecommendationBatchRead,
    RecommendationRunRead,
)
from services.matching.recommendations.service import Ask
from shared.web.access import JSON, ReadAccess, Reads, WriteAccess, Writes
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["recommendations"])

Read = Annotated[ReadAccess, Depends(Reads("matching:recommendations:read"))]
ReadProfile = Annotated[ReadAccess, Depends(Reads("matching:profiles:read"))]
Write = Annotated[WriteAccess, Depends(Writes("matching:recommendations:write"))]
Limit = Annotated[int, Query(ge=1, le=100, description="Candidates ranked, and candidates left open.")]
RefusedLimit = Annotated[int, Query(ge=0, le=200, description="Refused candidates listed.")]
Explain = Annotated[bool, Query(description="Whether each candidate comes with its gates and criteria.")]
Redacted = Annotated[
    bool,
    Query(description="As the project's other parties see it, for an answer that will be shown to them."),
]
Order = Annotated[
    Literal["score", "reciprocal", "scarcity_adjusted"],
    Query(
        description="What to rank by: the home unit's score, both sides' reciprocal score, or that less the "
        "shadow price; home units without a price then stand behind those with one."
    ),
]
Lang = Annotated[Literal["zh", "en"] | None, Query(description="One language only; both without it.")]


@router.get(
    "/projects/{project_id}/recommendations",
    response_model=ProjectRecommendations,
    operation_id="recommendHomeUnits",
    responses={409: {"description": "The project has ended (`project_closed`)"}},
)
async def recommend_home_units(
    project_id: str,
    access: Read,
    limit: Limit = 10,
    refused_limit: RefusedLimit = 20,
    explain: Explain = True,
    lang: Lang = None,
    redacted: Redacted = False,
    order: Order = "score",
) -> Response:
    """Rank the home units for a project, with reasons, refusals and the questions still open.

    An unknown is not a pass: a home unit is feasible only if every gate is known to hold.
    """
    ask = Ask(limit, refused_limit, explain, lang, redacted, order)
    found = await service.home_units_for_project(_engine(access), access.principal, project_id, ask)
    return _answer(access, found)


@router.post(
    "/projects/{project_id}/recommendations:counterfactual",
    response_model=CounterfactualRead,
    operation_id="explainWhatWouldChange",
    responses={409: {"description": "The project has ended (`project_closed`)"}},
)
async def explain_what_would_change(project_id: str, body: CounterfactualAsk, access: Read) -> Response:
    """Say what would make a home unit pass its gates, or reach a rank: per lever the smallest change.

    Nothing is changed. What would tell another home unit's own figures is withheld.
    """
    found = await service.counterfactual_of(_engine(access), access.principal, project_id, body)
    return _answer(access, found)


@router.get(
    "/home-units/{home_unit_id}/recommendations",
    response_model=HomeUnitRecommendations,
    operation_id="recommendProjects",
)
async def recommend_projects(
    home_unit_id: str,
    access: Read,
    limit: Limit = 10,
    refused_limit: RefusedLimit = 20,
    explain: Explain = True,
    lang: Lang = None,
    order: Order = "score",
) -> Response:
    """Rank the projects for a home unit, among those it may see."""
    ask = Ask(limit, refused_limit, explain, lang, order=order)
    found = await service.projects_for_home_unit(_engine(access), access.principal, home_unit_id, ask)
    return _answer(access, found)


@router.post(
    "/home-units/{home_unit_id}/profile:preview",
    response_model=ProfilePreview,
    operation_id="previewHomeUnitProfile",
    responses={409: {"description": "The profile would be refused for the same reason"}},
)
async def preview_profile(home_unit_id: str, body: ProfilePut, access: ReadProfile) -> Response:
    """Tell what a profile would change, without changing anything.

    The figures are of the projects the caller may see, as they are now; nothing is stored and no event is
    written. A profile that would be refused is refused here for the same reason.
    """
    found = await service.preview_profile(_engine(access), access.principal, home_unit_id, body)
    return _answer(access, found)


@router.post(
    "/recommendations:batch", response_model=RecommendationBatchRead, operation_id="recommendHomeUnitsInBatch"
)
async def recommend_in_batch(body: RecommendationBatch, access: Read) -> Response:
    """Rank the home units for up to 500 projects; nothing is changed."""
    ask = Ask(body.limit, 0, body.explain, None)
    found = await service.home_units_for_projects(_engine(access), access.principal, body.project_ids, ask)
    return _answer(access, found)


@router.post(
    "/recommendations:refresh",
    response_model=RecommendationRunRead,
    status_code=202,
    operation_id="refreshRecommendations",
    responses={403: {"description": "Only for callers with network reach"}},
)
async def refresh_recommendations(access: Write) -> Response:
    """Rank the home units for every project anew, in the background; a run that waits already is answered."""
    async with access as tx:
        record = await runs.ask_for_run(tx, access.principal)
        location = {"Location": f"{access.root_path}/v1/recommendation-runs/{record.id}"}
        return access.reply(202, record, record.version, location)


@router.get(
    "/recommendation-runs/{run_id}", response_model=RecommendationRunRead, operation_id="getRecommendationRun"
)
async def get_run(run_id: str, access: Read) -> Response:
    """Read how far a run over the whole network is, and what it came to."""
    async with access.session() as session:
        record = await runs.get_run(session, access.principal, run_id)
    return access.item(record, record.version)


def _engine(access: ReadAccess) -> LiveEngine:
    engine: LiveEngine = access.state.extra["engine"]
    return engine


def _answer(access: ReadAccess, document: Document) -> Response:
    headers = {"Cache-Control": "private, no-cache", **access.state.data_age()}
    return Response(to_json(document), 200, headers, JSON)
