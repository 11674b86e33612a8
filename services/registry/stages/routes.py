"""HTTP of stages, approvals, reviews and the timeline of a project."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.clients.matching import MatchingClient
from services.registry.projects.schemas import ProjectRead, Transitions
from services.registry.stages import approvals, reviews, service
from services.registry.stages.schemas import (
    ApprovalCreate,
    ApprovalRead,
    Approvals,
    ReviewCreate,
    ReviewRead,
    Reviews,
    StageTransition,
    Timeline,
)
from services.registry.stages.timeline import timeline_of
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/projects/{project_id}", route_class=StrictRoute, tags=["stages"])

Read = Annotated[ReadAccess, Depends(Reads("registry:stages:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:stages:write"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:stages:write", needs_version=True))]
Approve = Annotated[WriteAccess, Depends(Writes("registry:stages:approve"))]


@router.get("/transitions", response_model=Transitions, operation_id="listStageTransitions")
async def list_stage_transitions(project_id: str, access: Read) -> Response:
    """List the log of a project's stages in the order of recording."""
    async with access.session() as session:
        entries = await service.stage_transitions(session, access.principal, project_id)
    return access.item(Transitions(items=entries))


@router.post("/transitions", response_model=ProjectRead, operation_id="moveProject")
async def move_project(project_id: str, body: StageTransition, access: Change) -> Response:
    """Take one step of a project; refused steps name every guard that failed."""
    expected = access.expected_version()
    matching: MatchingClient = access.state.extra["matching"]
    recommendation = await service.ask_matching(
        access.state.database, matching, access.principal, project_id, body
    )
    async with access as tx:
        record = await service.move_project(tx, access.principal, project_id, expected, body, recommendation)
        return access.updated(record, version=record.version)


@router.get("/approvals", response_model=Approvals, operation_id="listApprovals")
async def list_approvals(project_id: str, access: Read) -> Response:
    """List the approvals of a project's admission, also void ones."""
    async with access.session() as session:
        records = await approvals.list_approvals(session, access.principal, project_id)
    return access.item(Approvals(items=records))


@router.post("/approvals", response_model=ApprovalRead, status_code=201, operation_id="createApproval")
async def create_approval(project_id: str, body: ApprovalCreate, access: Approve) -> Response:
    """Turn the key of the caller's organisation for the admission of a project."""
    async with access as tx:
        record = await approvals.approve(tx, access.principal, project_id, body)
        location = f"/v1/projects/{project_id}/approvals"
        return access.created(record, location=location, version=record.version)


@router.get("/reviews", response_model=Reviews, operation_id="listReviews")
async def list_reviews(project_id: str, access: Read) -> Response:
    """List the gate reviews of a project."""
    async with access.session() as session:
        records = await reviews.list_reviews(session, access.principal, project_id)
    return access.item(Reviews(items=records))


@router.post("/reviews", response_model=ReviewRead, status_code=201, operation_id="createReview")
async def create_review(project_id: str, body: ReviewCreate, access: Write) -> Response:
    """Record what a gate review decided."""
    async with access as tx:
        record = await reviews.record_review(tx, access.principal, project_id, body)
        location = f"/v1/projects/{project_id}/reviews"
        return access.created(record, location=location, version=record.version)


@router.get("/timeline", response_model=Timeline, operation_id="getTimeline")
async def get_timeline(project_id: str, access: Read) -> Response:
    """Read everything that happened to a project, in the order in which it did."""
    async with access.session() as session:
        entries = await timeline_of(session, access.principal, project_id)
    return access.item(Timeline(items=entries))
