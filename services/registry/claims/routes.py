"""HTTP of claims."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.claims import service
from services.registry.claims.schemas import CLAIM_LIST, ClaimCreate, ClaimRead, ClaimWithdrawal
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/claims", route_class=StrictRoute, tags=["claims"])

Read = Annotated[ReadAccess, Depends(Reads("registry:claims:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:claims:write"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:claims:write", needs_version=True))]


@router.get("/{claim_id}", response_model=ClaimRead, operation_id="getClaim")
async def get_claim(claim_id: str, access: Read) -> Response:
    """Read one claim."""
    async with access.session() as session:
        record = await service.get_claim(session, access.principal, claim_id)
    return access.item(record, record.version)


@router.get(
    "", response_model=PageOf[ClaimRead], operation_id="listClaims", openapi_extra=list_parameters(CLAIM_LIST)
)
async def list_claims(access: Read) -> Response:
    """List what is stated, by subject, metric or source. Claims that disagree stand beside each other."""
    query = access.list_query(CLAIM_LIST)
    async with access.session() as session:
        records, page = await service.list_claims(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.post("", response_model=ClaimRead, status_code=201, operation_id="createClaim")
async def create_claim(body: ClaimCreate, access: Write) -> Response:
    """State a figure with its source."""
    async with access as tx:
        record = await service.state_claim(tx, access.principal, body)
        return access.created(record, location=f"/v1/claims/{record.id}", version=record.version)


@router.post("/{claim_id}:withdraw", response_model=ClaimRead, operation_id="withdrawClaim")
async def withdraw_claim(claim_id: str, body: ClaimWithdrawal, access: Change) -> Response:
    """Withdraw a claim with a reason."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.withdraw_claim(tx, access.principal, claim_id, expected, body)
        return access.updated(record, version=record.version)
