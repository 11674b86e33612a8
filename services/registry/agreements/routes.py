"""HTTP of agreements."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.agreements import service
from services.registry.agreements.schemas import (
    AGREEMENT_LIST,
    AgreementCreate,
    AgreementRead,
    AgreementUpdate,
)
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/agreements", route_class=StrictRoute, tags=["agreements"])

Read = Annotated[ReadAccess, Depends(Reads("registry:agreements:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:agreements:write"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:agreements:write", needs_version=True))]


@router.get("/{agreement_id}", response_model=AgreementRead, operation_id="getAgreement")
async def get_agreement(agreement_id: str, access: Read) -> Response:
    """Read one agreement that the caller's organisation signs."""
    async with access.session() as session:
        record = await service.get_agreement(session, access.principal, agreement_id)
    return access.item(record, record.version)


@router.get(
    "",
    response_model=PageOf[AgreementRead],
    operation_id="listAgreements",
    openapi_extra=list_parameters(AGREEMENT_LIST),
)
async def list_agreements(access: Read) -> Response:
    """List the agreements that the caller's organisation signs."""
    query = access.list_query(AGREEMENT_LIST)
    async with access.session() as session:
        records, page = await service.list_agreements(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.post("", response_model=AgreementRead, status_code=201, operation_id="createAgreement")
async def create_agreement(body: AgreementCreate, access: Write) -> Response:
    """Record an agreement."""
    async with access as tx:
        record = await service.create_agreement(tx, access.principal, body)
        return access.created(record, location=f"/v1/agreements/{record.id}", version=record.version)


@router.patch("/{agreement_id}", response_model=AgreementRead, operation_id="updateAgreement")
async def update_agreement(agreement_id: str, body: AgreementUpdate, access: Change) -> Response:
    """Change an agreement until it is signed (merge patch)."""
    expected = access.expected_version()
    async with access as tx:
        record = await service.update_agreement(tx, access.principal, agreement_id, expected, body)
        return access.updated(record, version=record.version)
