"""HTTP of the questions about a round. They are POST because they carry a question, and change nothing."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from services.matching.recommendations.live import LiveEngine
from services.matching.rounds import questions
from services.matching.rounds.answers import (
    CertificateRead,
    Checks,
    Compare,
    Comparison,
    Counterfactual,
    Explain,
    Levers,
    PlaceExplanation,
    Propensities,
    Replays,
    WhatIf,
)
from services.matching.rounds.workers import RoundWorkers
from shared.web.access import JSON, ReadAccess, Reads
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/rounds/{round_id}", route_class=StrictRoute, tags=["rounds"])

Read = Annotated[ReadAccess, Depends(Reads("matching:rounds:read"))]
_NO_RESULT: dict[int | str, dict[str, Any]] = {
    409: {"description": "The round has no result yet (`round_state`), or it cannot be asked this"}
}
RunNumber = Annotated[
    int | None, Query(ge=1, le=1_000_000, alias="run", description="Which run; the last one without it.")
]


@router.get(
    "/certificate", response_model=CertificateRead, operation_id="getRoundCertificate", responses=_NO_RESULT
)
async def get_certificate(round_id: str, access: Read, run: RunNumber = None) -> Response:
    """Read a run with everything needed to check it, in the one spelling its hash is of."""
    seeds = _desk(access).seeds
    async with access.session() as session:
        content = await questions.read_certificate(session, seeds, access.principal, round_id, run)
    headers = {"Cache-Control": "private, no-cache", **access.state.data_age()}
    return Response(content, 200, headers, JSON)


@router.post(":verify", response_model=Checks, operation_id="verifyRound", responses=_NO_RESULT)
async def verify_round(round_id: str, access: Read) -> Response:
    """Let the independent verifier check the last run, against what was committed to before it."""
    return access.item(await questions.verify(_desk(access), access.principal, round_id))


@router.post(":what-if", response_model=Comparison, operation_id="askRoundWhatIf", responses=_NO_RESULT)
async def what_if(round_id: str, body: WhatIf, access: Read) -> Response:
    """Say what the round would have found in another market; up to 2,000 projects, and nothing is stored."""
    return access.item(await questions.ask_what_if(_desk(access), access.principal, round_id, body))


@router.post(
    ":explain", response_model=PlaceExplanation, operation_id="explainRoundPlace", responses=_NO_RESULT
)
async def explain(round_id: str, body: Explain, access: Read) -> Response:
    """Say why a project is where it is, and what stood against each home unit it ranks higher."""
    engine: LiveEngine = access.state.extra["engine"]
    await engine.refresh()
    project = engine.project(body.project_id)
    found = await questions.explain_place(
        _desk(access),
        access.principal,
        round_id,
        body.project_id,
        frozenset() if project is None else project.conductor_ids - engine.home_units.keys(),
    )
    return access.item(found)


@router.post(
    ":counterfactual", response_model=Levers, operation_id="askRoundCounterfactual", responses=_NO_RESULT
)
async def counterfactual(round_id: str, body: Counterfactual, access: Read) -> Response:
    """Say what would have brought a project to a home unit, and who would have had to move."""
    found = await questions.ask_counterfactual(_desk(access), access.principal, round_id, body)
    return access.item(found)


@router.post(":compare", response_model=Comparison, operation_id="compareRound", responses=_NO_RESULT)
async def compare(round_id: str, body: Compare, access: Read) -> Response:
    """Compare with another round, or with another mechanism on the same market."""
    return access.item(await questions.compare(_desk(access), access.principal, round_id, body))


@router.post(
    ":propensities", response_model=Propensities, operation_id="replayRoundLottery", responses=_NO_RESULT
)
async def replay(round_id: str, body: Replays, access: Read) -> Response:
    """Replay the lottery of a stable round, to see how much of its result was luck."""
    found = await questions.ask_propensities(_desk(access), access.principal, round_id, body.replays)
    return access.item(found)


def _desk(access: ReadAccess) -> questions.Desk:
    rounds: RoundWorkers = access.state.extra["rounds"]
    return questions.Desk(access.state.database, rounds.computing, rounds.seeds)
