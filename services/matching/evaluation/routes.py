"""HTTP of evaluations, feedback and proposed weights."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.matching.evaluation import service
from services.matching.evaluation.schemas import (
    EVALUATION_LIST,
    WEIGHT_PROPOSAL_LIST,
    EvaluationCreate,
    EvaluationRead,
    FeedbackRead,
    WeightProposalCreate,
    WeightProposalDecline,
    WeightProposalRead,
)
from services.matching.recommendations.live import LiveEngine
from shared.web.access import Access, ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["evaluation"])

Read = Annotated[ReadAccess, Depends(Reads("matching:evaluations:read"))]
Write = Annotated[WriteAccess, Depends(Writes("matching:evaluations:write"))]
ReadOwn = Annotated[ReadAccess, Depends(Reads("matching:profiles:read"))]
Ask = Annotated[WriteAccess, Depends(Writes("matching:profiles:write"))]
Decide = Annotated[WriteAccess, Depends(Writes("matching:profiles:write", needs_version=True))]


@router.post(
    "/evaluations",
    response_model=EvaluationRead,
    status_code=201,
    operation_id="createEvaluation",
    responses={409: {"description": "`as_of` has not come yet (`as_of_in_future`)"}},
)
async def create_evaluation(body: EvaluationCreate, access: Write) -> Response:
    """Look into the network's own history, or into a placebo market, and keep the report.

    For callers who see the whole network.
    """
    report = await service.evaluate(access.state.database, _engine(access), access.principal, body)
    async with access as tx:
        record = await service.store(tx, report)
        return access.created(record, location=f"/v1/evaluations/{record.id}")


@router.get(
    "/evaluations",
    response_model=PageOf[EvaluationRead],
    operation_id="listEvaluations",
    openapi_extra=list_parameters(EVALUATION_LIST),
)
async def list_evaluations(access: Read) -> Response:
    """List the reports, newest first."""
    query = access.list_query(EVALUATION_LIST)
    async with access.session() as session:
        records, page = await service.list_evaluations(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.get("/evaluations/feedback", response_model=FeedbackRead, operation_id="getFeedback")
async def get_feedback(access: Read) -> Response:
    """Read what came back: offers accepted and refused, with reasons, and what landed.

    A home unit sees its own; who sees the network sees all of it with the total.
    """
    async with access.snapshot() as session:
        record = await service.read_feedback(session, access.principal)
    return access.item(record)


@router.get("/evaluations/{evaluation_id}", response_model=EvaluationRead, operation_id="getEvaluation")
async def get_evaluation(evaluation_id: str, access: Read) -> Response:
    """Read one report."""
    async with access.session() as session:
        record = await service.get_evaluation(session, access.principal, evaluation_id)
    return access.item(record)


@router.post(
    "/home-units/{home_unit_id}/weight-proposals",
    response_model=WeightProposalRead,
    status_code=201,
    operation_id="createWeightProposal",
)
async def create_weight_proposal(home_unit_id: str, body: WeightProposalCreate, access: Ask) -> Response:
    """Work out what a home unit's accepted and refused offers say of its weights, and keep it as a proposal.

    Nothing changes until the home unit accepts it.
    """
    proposal = await service.weigh_feedback(
        access.state.database, _engine(access), access.principal, home_unit_id, body.seed
    )
    async with access as tx:
        record = await service.store_proposal(tx, access.principal, proposal)
        location = f"/v1/home-units/{home_unit_id}/weight-proposals/{record.id}"
        return access.created(record, location=location, version=record.version)


@router.get(
    "/home-units/{home_unit_id}/weight-proposals",
    response_model=PageOf[WeightProposalRead],
    operation_id="listWeightProposals",
    openapi_extra=list_parameters(WEIGHT_PROPOSAL_LIST),
)
async def list_weight_proposals(home_unit_id: str, access: ReadOwn) -> Response:
    """List the weights that were proposed to a home unit, newest first."""
    query = access.list_query(WEIGHT_PROPOSAL_LIST)
    async with access.session() as session:
        records, page = await service.list_proposals(
            session, access.principal, home_unit_id, query, access.state.signer
        )
    return access.page(records, page)


@router.get(
    "/home-units/{home_unit_id}/weight-proposals/{proposal_id}",
    response_model=WeightProposalRead,
    operation_id="getWeightProposal",
)
async def get_weight_proposal(home_unit_id: str, proposal_id: str, access: ReadOwn) -> Response:
    """Read one proposal with its evidence."""
    async with access.session() as session:
        record = await service.get_proposal(session, access.principal, home_unit_id, proposal_id)
    return access.item(record, record.version)


@router.post(
    "/home-units/{home_unit_id}/weight-proposals/{proposal_id}:accept",
    response_model=WeightProposalRead,
    operation_id="acceptWeightProposal",
    responses={
        409: {
            "description": "Nothing is to be decided (`weight_proposal_not_open`), or the profile has "
            "changed since (`weight_proposal_outdated`)"
        }
    },
)
async def accept_weight_proposal(home_unit_id: str, proposal_id: str, access: Decide) -> Response:
    """Take the proposed weights into the profile, as a new version of it. Only the home unit itself does."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.accept_proposal(tx, access.principal, home_unit_id, proposal_id, expected)
        return access.updated(record, version=record.version)


@router.post(
    "/home-units/{home_unit_id}/weight-proposals/{proposal_id}:decline",
    response_model=WeightProposalRead,
    operation_id="declineWeightProposal",
    responses={409: {"description": "Nothing is to be decided (`weight_proposal_not_open`)"}},
)
async def decline_weight_proposal(
    home_unit_id: str, proposal_id: str, body: WeightProposalDecline, access: Decide
) -> Response:
    """Keep the weights as they are and say why. Only the home unit itself does."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.decline_proposal(
            tx, access.principal, home_unit_id, proposal_id, expected, body.reason
        )
        return access.updated(record, version=record.version)


def _engine(access: Access) -> LiveEngine:
    engine: LiveEngine = access.state.extra["engine"]
    return engine
