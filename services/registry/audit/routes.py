"""HTTP of the audit."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from services.registry.audit import service
from services.registry.audit.schemas import AUDIT_LIST, AuditRecord, ChainVerification
from shared.web.access import ReadAccess, Reads
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["audit"])

Read = Annotated[ReadAccess, Depends(Reads("registry:audit:read"))]
Position = Annotated[int, Query(ge=1, le=10**15)]


@router.get(
    "/audit-records",
    response_model=PageOf[AuditRecord],
    operation_id="listAuditRecords",
    openapi_extra=list_parameters(AUDIT_LIST),
)
async def list_audit_records(access: Read) -> Response:
    """List the changes of the records the caller may see, latest first."""
    query = access.list_query(AUDIT_LIST)
    async with access.session() as session:
        records, page = await service.list_records(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.get("/audit-records:verify", response_model=ChainVerification, operation_id="verifyAuditRecords")
async def verify_audit_records(
    access: Read, from_sequence: Position = 1, to_sequence: Position | None = None
) -> Response:
    """Recompute the hash chain of the log, at most 100,000 positions at a time."""
    async with access.state.database.snapshot() as snapshot:
        report = await service.verify(snapshot, from_sequence, to_sequence)
    return access.item(report)


@router.get("/audit-records/{record_id}", response_model=AuditRecord, operation_id="getAuditRecord")
async def get_audit_record(record_id: str, access: Read) -> Response:
    """Read one change."""
    async with access.session() as session:
        record = await service.get_record(session, access.principal, record_id)
    return access.item(record, 1)
