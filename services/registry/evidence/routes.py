"""HTTP of evidence."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.evidence import service
from services.registry.evidence.schemas import EVIDENCE_LIST, EvidenceCreate, EvidenceRead
from services.registry.evidence.service import LandsAt
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

Read = Annotated[ReadAccess, Depends(Reads("registry:projects:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:projects:write"))]
Verify = Annotated[WriteAccess, Depends(Writes("registry:projects:approve", needs_version=True))]


def evidence_router(lands_at: LandsAt) -> APIRouter:
    """Return the operations on evidence; ``lands_at`` knows which home units a project lands at."""
    router = APIRouter(
        prefix="/v1/projects/{project_id}/evidence", route_class=StrictRoute, tags=["evidence"]
    )
    router.add_api_route(
        "/{evidence_id}", get_evidence, response_model=EvidenceRead, operation_id="getEvidence"
    )
    router.add_api_route(
        "",
        list_evidence,
        response_model=PageOf[EvidenceRead],
        operation_id="listEvidence",
        openapi_extra=list_parameters(EVIDENCE_LIST),
    )

    @router.post("", response_model=EvidenceRead, status_code=201, operation_id="fileEvidence")
    async def file_evidence(project_id: str, body: EvidenceCreate, access: Write) -> Response:
        """File evidence for a project."""
        async with access as tx:
            record = await service.file_evidence(tx, access.principal, project_id, body, lands_at=lands_at)
            location = f"/v1/projects/{project_id}/evidence/{record.id}"
            return access.created(record, location=location, version=record.version)

    @router.post("/{evidence_id}:verify", response_model=EvidenceRead, operation_id="verifyEvidence")
    async def verify_evidence(project_id: str, evidence_id: str, access: Verify) -> Response:
        """Confirm evidence as a home unit, with the home unit's own credential."""
        expected = access.expected_version()
        async with access as tx:
            record = await service.verify_evidence(
                tx, access.principal, project_id, evidence_id, expected, lands_at=lands_at
            )
            return access.updated(record, version=record.version)

    return router


async def get_evidence(project_id: str, evidence_id: str, access: Read) -> Response:
    """Read one piece of a project's evidence."""
    async with access.session() as session:
        record = await service.get_evidence(session, access.principal, project_id, evidence_id)
    return access.item(record, record.version)


async def list_evidence(project_id: str, access: Read) -> Response:
    """List the evidence filed for a project."""
    query = access.list_query(EVIDENCE_LIST)
    async with access.session() as session:
        records, page = await service.list_evidence(
            session, access.principal, project_id, query, access.state.signer
        )
    return access.page(records, page)
