"""HTTP of inbound sources. A secret is in the first answer only, never in the stored one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from services.registry.inbound import service, sources
from services.registry.inbound.parts import EXTRA, InboundParts
from services.registry.inbound.schemas import (
    SOURCE_LIST,
    IssuedSource,
    MappingCreate,
    MappingRead,
    Mappings,
    MappingTrial,
    SecretRotation,
    SourceCreate,
    SourceDetail,
    SourceRead,
    SourceStatus,
    SourceUpdate,
    TrialRead,
)
from shared.web.access import ReadAccess, Reads, WriteAccess, Writes, revealed
from shared.web.openapi import list_parameters
from shared.web.schemas import PageOf
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/inbound-sources", route_class=StrictRoute, tags=["inbound"])

Read = Annotated[ReadAccess, Depends(Reads("registry:inbound:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:inbound:write"))]
Change = Annotated[WriteAccess, Depends(Writes("registry:inbound:write", needs_version=True))]
MappingVersion = Annotated[int, Path(ge=1, le=1_000_000)]


def _parts(access: ReadAccess | WriteAccess) -> InboundParts:
    parts: InboundParts = access.state.extra[EXTRA]
    return parts


def _issued(record: SourceDetail, secret: str | None) -> IssuedSource:
    return IssuedSource(**record.model_dump(), secret=secret)


@router.post("", response_model=IssuedSource, status_code=201, operation_id="createInboundSource")
async def create_inbound_source(body: SourceCreate, access: Write) -> Response:
    """Add a source of messages. Its secret is in this answer only."""
    async with access as tx:
        record, secret = await sources.create_source(tx, access.principal, body, _parts(access).sealer)
        location = f"/v1/inbound-sources/{record.id}"
        stored = access.created(_issued(record, None), location=location, version=record.version)
        return revealed(stored, _issued(record, secret))


@router.get(
    "",
    response_model=PageOf[SourceRead],
    operation_id="listInboundSources",
    openapi_extra=list_parameters(SOURCE_LIST),
)
async def list_inbound_sources(access: Read) -> Response:
    """List the sources of the caller's organisation; of all for the network administration."""
    query = access.list_query(SOURCE_LIST)
    async with access.session() as session:
        records, page = await sources.list_sources(session, access.principal, query, access.state.signer)
    return access.page(records, page)


@router.get("/{source_id}", response_model=SourceDetail, operation_id="getInboundSource")
async def get_inbound_source(source_id: str, access: Read) -> Response:
    """Read one source, and until when each of its secrets is valid."""
    async with access.session() as session:
        record = await sources.get_source(session, access.principal, source_id)
    return access.item(record, record.version)


@router.patch("/{source_id}", response_model=SourceDetail, operation_id="updateInboundSource")
async def update_inbound_source(source_id: str, body: SourceUpdate, access: Change) -> Response:
    """Rename, re-scope or limit a source (merge patch)."""
    expected = access.expected_version()
    async with access as tx:
        record = await sources.update_source(tx, access.principal, source_id, expected, body)
        return access.updated(record, version=record.version)


@router.post(
    "/{source_id}:rotate-secret", response_model=IssuedSource, operation_id="rotateInboundSourceSecret"
)
async def rotate_inbound_source_secret(source_id: str, body: SecretRotation, access: Change) -> Response:
    """Give a source one more secret. It is in this answer only; the others end after the overlap."""
    expected = access.expected_version()
    async with access as tx:
        record, secret = await sources.rotate_secret(
            tx, access.principal, source_id, expected, body, _parts(access).sealer
        )
        stored = access.updated(_issued(record, None), version=record.version)
        return revealed(stored, _issued(record, secret))


@router.post("/{source_id}:enable", response_model=SourceDetail, operation_id="enableInboundSource")
async def enable_inbound_source(source_id: str, access: Change) -> Response:
    """Take messages of a source again."""
    return await _set_status(source_id, access, SourceStatus.ACTIVE)


@router.post("/{source_id}:disable", response_model=SourceDetail, operation_id="disableInboundSource")
async def disable_inbound_source(source_id: str, access: Change) -> Response:
    """Take no messages of a source; what it sends is refused with 403."""
    return await _set_status(source_id, access, SourceStatus.DISABLED)


async def _set_status(source_id: str, access: WriteAccess, status: SourceStatus) -> Response:
    expected = access.expected_version()
    async with access as tx:
        record = await sources.set_status(tx, access.principal, source_id, expected, status)
        return access.updated(record, version=record.version)


@router.post(
    "/{source_id}/mappings", response_model=MappingRead, status_code=201, operation_id="createInboundMapping"
)
async def create_inbound_mapping(source_id: str, body: MappingCreate, access: Write) -> Response:
    """Make the next version of a source's mapping, which messages are applied with from now on."""
    async with access as tx:
        record = await sources.create_mapping(tx, access.principal, source_id, body)
        location = f"/v1/inbound-sources/{source_id}/mappings/{record.version}"
        return access.created(record, location=location)


@router.get("/{source_id}/mappings", response_model=Mappings, operation_id="listInboundMappings")
async def list_inbound_mappings(source_id: str, access: Read) -> Response:
    """List the latest 50 versions of a source's mapping, newest first."""
    async with access.session() as session:
        records = await sources.list_mappings(session, access.principal, source_id)
    return access.item(Mappings(items=records))


@router.get(
    "/{source_id}/mappings/{mapping_version}", response_model=MappingRead, operation_id="getInboundMapping"
)
async def get_inbound_mapping(source_id: str, mapping_version: MappingVersion, access: Read) -> Response:
    """Read one version of a source's mapping."""
    async with access.session() as session:
        record = await sources.get_mapping(session, access.principal, source_id, mapping_version)
    return access.item(record)


@router.post("/{source_id}/mappings:try", response_model=TrialRead, operation_id="tryInboundMapping")
async def try_inbound_mapping(source_id: str, body: MappingTrial, access: Read) -> Response:
    """Show which command a message would become, or why it would not. Nothing is applied."""
    async with access.session() as session:
        trial = await service.try_message(session, access.principal, source_id, body, _parts(access).mappings)
    return access.item(trial)
