"""HTTP of offers: what the two sides of a pair do."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.matching.rounds import offers
from services.matching.rounds.schemas import OFFER_LIST, OfferAcceptance, OfferRead, OfferRefusal
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/offers", route_class=StrictRoute, tags=["offers"])

Read = Annotated[ReadAccess, Depends(Reads("matching:rounds:read"))]
Write = Annotated[WriteAccess, Depends(Writes("matching:rounds:write"))]


@router.get(
    "", response_model=PageOf[OfferRead], operation_id="listOffers", openapi_extra=list_parameters(OFFER_LIST)
)
async def list_offers(access: Read) -> Response:
    """List the offers the caller is a party of."""
    query = access.list_query(OFFER_LIST)
    async with access.session() as session:
        records, page = await offers.list_offers(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.get("/{offer_id}", response_model=OfferRead, operation_id="getOffer")
async def get_offer(offer_id: str, access: Read) -> Response:
    """Read one offer with both answers, and what became of it."""
    async with access.session() as session:
        record = await offers.get_offer(session, access.principal, offer_id)
    return access.item(record, record.version)


@router.post("/{offer_id}:accept", response_model=OfferRead, operation_id="acceptOffer")
async def accept_offer(offer_id: str, body: OfferAcceptance, access: Write) -> Response:
    """Accept for one side; the pair is agreed when both have accepted."""
    async with access as tx:
        record = await offers.accept_offer(tx, access.principal, offer_id, body)
        return access.updated(record, version=record.version)


@router.post("/{offer_id}:refuse", response_model=OfferRead, operation_id="refuseOffer")
async def refuse_offer(offer_id: str, body: OfferRefusal, access: Write) -> Response:
    """Refuse for one side, with the reason."""
    async with access as tx:
        record = await offers.refuse_offer(tx, access.principal, offer_id, body)
        return access.updated(record, version=record.version)
