"""HTTP of rounds: what is done with them, step by step."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.matching.recommendations.live import LiveEngine
from services.matching.rounds import offers, service
from services.matching.rounds.preparing import prepare, proposal_of
from services.matching.rounds.schemas import (
    OFFER_LIST,
    ROUND_LIST,
    OfferRead,
    RoundCreate,
    RoundRead,
    RoundStateName,
    RoundUpdate,
)
from services.matching.rounds.seeds import Seeds
from services.matching.rounds.workers import RoundWorkers
from shared.web.access import Access, ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/rounds", route_class=StrictRoute, tags=["rounds"])

Read = Annotated[ReadAccess, Depends(Reads("matching:rounds:read"))]
Write = Annotated[WriteAccess, Depends(Writes("matching:rounds:write"))]
Change = Annotated[WriteAccess, Depends(Writes("matching:rounds:write", needs_version=True))]
Once = Annotated[WriteAccess, Depends(Writes("matching:rounds:write", needs_key=True))]


@router.post("", response_model=RoundRead, status_code=201, operation_id="createRound")
async def create_round(body: RoundCreate, access: Write) -> Response:
    """Begin a round as a draft, which only the network's administration sees."""
    async with access as tx:
        record = await service.create_round(tx, access.principal, body)
        return access.created(record, location=f"/v1/rounds/{record.id}", version=record.version)


@router.get(
    "", response_model=PageOf[RoundRead], operation_id="listRounds", openapi_extra=list_parameters(ROUND_LIST)
)
async def list_rounds(access: Read) -> Response:
    """List the rounds the caller takes part in."""
    query = access.list_query(ROUND_LIST)
    async with access.session() as session:
        records, page = await service.list_rounds(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.get("/{round_id}", response_model=RoundRead, operation_id="getRound")
async def get_round(round_id: str, access: Read) -> Response:
    """Read a round with its runs, and what each of them committed to."""
    async with access.session() as session:
        record = await service.get_round(session, access.principal, round_id)
    return access.item(record, record.version)


@router.patch("/{round_id}", response_model=RoundRead, operation_id="updateRound")
async def update_round(round_id: str, body: RoundUpdate, access: Change) -> Response:
    """Change a draft."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.update_round(tx, access.principal, round_id, expected, body)
        return access.updated(record, version=record.version)


@router.post("/{round_id}:freeze", response_model=RoundRead, operation_id="freezeRound")
async def freeze_round(round_id: str, access: Write) -> Response:
    """Fix the snapshot of a draft and publish what commits to it and to the lottery's seed.

    A market that makes no sense is `409 market_refused` with the reason; the round stays a draft.
    """
    engine, database = _engine(access), access.state.database
    prepared = await prepare(database, engine, access.principal, round_id, RoundStateName.DRAFT)
    async with access as tx:
        record = await service.freeze(tx, access.principal, _seeds(access), round_id, prepared)
        return access.updated(record, version=record.version)


@router.post("/{round_id}:run", response_model=RoundRead, operation_id="runRound")
async def run_round(round_id: str, access: Once) -> Response:
    """Let a frozen round be worked out in the background; it is `proposed` when that is done."""
    async with access as tx:
        record = await service.start_run(tx, access.principal, round_id)
        return access.updated(record, version=record.version)


@router.post("/{round_id}:offer", response_model=RoundRead, operation_id="offerRound")
async def offer_round(round_id: str, access: Write) -> Response:
    """Make an offer for every proposed pair, to both its sides."""
    engine = _engine(access)
    proposal = await proposal_of(access.state.database, access.principal, round_id)
    await engine.refresh()
    async with access as tx:
        record = await offers.make_offers(tx, access.principal, engine, round_id, proposal)
        return access.updated(record, version=record.version)


@router.post("/{round_id}:rerun", response_model=RoundRead, operation_id="rerunRound")
async def rerun_round(round_id: str, access: Once) -> Response:
    """Match the rest again: agreed pairs stay, refused ones are barred; a new snapshot, a new seed."""
    engine, database = _engine(access), access.state.database
    states = (RoundStateName.PROPOSED, RoundStateName.OFFERING, RoundStateName.FAILED)
    prepared = await prepare(database, engine, access.principal, round_id, *states)
    async with access as tx:
        record = await service.rerun(tx, access.principal, _seeds(access), round_id, prepared)
        return access.updated(record, version=record.version)


@router.post("/{round_id}:publish", response_model=RoundRead, operation_id="publishRound")
async def publish_round(round_id: str, access: Write) -> Response:
    """End a round whose offers are all decided; agreed pairs become landing intents in registry."""
    async with access as tx:
        record = await service.publish_round(tx, access.principal, _seeds(access), round_id)
        return access.updated(record, version=record.version)


@router.post("/{round_id}:cancel", response_model=RoundRead, operation_id="cancelRound")
async def cancel_round(round_id: str, access: Write) -> Response:
    """End a round without a result; open offers are withdrawn."""
    async with access as tx:
        record = await offers.cancel(tx, access.principal, round_id)
        return access.updated(record, version=record.version)


@router.get(
    "/{round_id}/offers",
    response_model=PageOf[OfferRead],
    operation_id="listRoundOffers",
    openapi_extra=list_parameters(OFFER_LIST),
)
async def list_round_offers(round_id: str, access: Read) -> Response:
    """List the offers of a round that the caller is a party of."""
    query = access.list_query(OFFER_LIST)
    async with access.session() as session:
        records, page = await offers.list_offers(
            session, access.principal, query, access.state.signer, round_id
        )
    return access.page(records, page)


def _engine(access: Access) -> LiveEngine:
    engine: LiveEngine = access.state.extra["engine"]
    return engine


def _seeds(access: Access) -> Seeds:
    rounds: RoundWorkers = access.state.extra["rounds"]
    return rounds.seeds
