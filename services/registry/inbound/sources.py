"""Use cases of inbound sources and their mappings. Whoever changes one could have done what it does."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.registry.access.grants import owner_of, require_grantable
from services.registry.access.schemas import Reach
from services.registry.base import messaging, parties
from services.registry.inbound import repository
from services.registry.inbound.commands import TARGETS
from services.registry.inbound.errors import InvalidMapping
from services.registry.inbound.mapping import faults
from services.registry.inbound.schemas import (
    SOURCE_CREATED,
    SOURCE_UPDATED,
    MappingCreate,
    MappingRead,
    SecretRotation,
    SourceCreate,
    SourceDetail,
    SourceRead,
    SourceStatus,
    SourceUpdate,
)
from services.registry.inbound.secrets import live, sealed, with_next
from services.registry.organisations.service import require_organisation
from services.registry.signatures.standard_webhooks import new_secret
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import set_parties
from shared.errors import NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish
from shared.sealing import Sealer

_SHOWN_MAPPINGS = 50


async def create_source(
    tx: WriteSession, actor: Principal, data: SourceCreate, sealer: Sealer
) -> tuple[SourceDetail, str]:
    """Add a source and return it with its secret."""
    owner = owner_of(actor, data.organisation_id)
    require_grantable(actor, data.scopes, Reach.ORGANISATION)
    await require_organisation(tx, owner)
    source_id, secret, now = new_id("ibs"), new_secret(), clock.now()
    values = data.model_dump(mode="json") | {
        "id": source_id,
        "organisation_id": owner,
        "status": SourceStatus.ACTIVE.value,
        "mapping_version": None,
        "secrets": [sealed(sealer, source_id, secret, now)],
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add_source(tx, values)
    await set_parties(tx, parties, source_id, [owner])
    await _publish(tx, actor, SOURCE_CREATED, values)
    return _detail(values), secret


async def get_source(session: ReadSession, viewer: Principal, source_id: str) -> SourceDetail:
    """Return one source of the viewer's organisation."""
    return _detail(await require_source(session, viewer, source_id))


async def list_sources(
    session: ReadSession, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> tuple[list[SourceRead], Page]:
    """Return one page of the sources of the viewer's organisation."""
    page = await repository.source_page(session, viewer, query, signer)
    return [SourceRead.of(row) for row in page.rows], page


async def require_source(
    session: ReadSession, viewer: Principal, source_id: str, *, lock: bool = False
) -> Row:
    """Return the row of a source of the viewer's organisation, or raise a 404."""
    row = await repository.find_source(session, viewer, source_id, lock=lock)
    if row is None:
        raise NotFound("No such inbound source.", "没有该入站来源。")
    return row


async def update_source(
    tx: WriteSession, actor: Principal, source_id: str, expected_version: int, data: SourceUpdate
) -> SourceDetail:
    """Change a source; a patch that changes nothing keeps its version and emits nothing."""
    row = await _lock(tx, actor, source_id, expected_version)
    sent = data.model_dump(mode="json", include=data.model_fields_set)
    changes = {name: value for name, value in sent.items() if row[name] != value}
    added = [scope for scope in changes.get("scopes", ()) if scope not in row["scopes"]]
    require_grantable(actor, added, Reach.ORGANISATION)
    return await _change(tx, actor, row, changes)


async def set_status(
    tx: WriteSession, actor: Principal, source_id: str, expected_version: int, status: SourceStatus
) -> SourceDetail:
    """Let messages of a source in, or no longer."""
    row = await _lock(tx, actor, source_id, expected_version)
    if status == SourceStatus.ACTIVE:
        require_grantable(actor, row["scopes"], Reach.ORGANISATION)
    changes = {} if row["status"] == status else {"status": status.value}
    return await _change(tx, actor, row, changes)


async def rotate_secret(
    tx: WriteSession,
    actor: Principal,
    source_id: str,
    expected_version: int,
    data: SecretRotation,
    sealer: Sealer,
) -> tuple[SourceDetail, str]:
    """Give a source one more secret; those it had end after the overlap."""
    row = await _lock(tx, actor, source_id, expected_version)
    require_grantable(actor, row["scopes"], Reach.ORGANISATION)
    secret, now = new_secret(), clock.now()
    entry = sealed(sealer, source_id, secret, now)
    secrets = with_next(row["secrets"], entry, now, timedelta(hours=data.overlap_hours))
    return await _change(tx, actor, row, {"secrets": secrets}), secret


# -- mappings


async def create_mapping(
    tx: WriteSession, actor: Principal, source_id: str, data: MappingCreate
) -> MappingRead:
    """Make the next version of a source's mapping, which messages are applied with from now on."""
    row = await require_source(tx, actor, source_id, lock=True)
    require_grantable(actor, row["scopes"], Reach.ORGANISATION)
    check_mapping(data)
    version = (row["mapping_version"] or 0) + 1
    values = {
        "source_id": source_id,
        "version": version,
        "definition": document_of(data),
        "created_by_kind": actor.kind,
        "created_by_id": actor.id,
        "created_at": clock.now(),
    }
    await repository.add_mapping(tx, values)
    await _change(tx, actor, row, {"mapping_version": version})
    return _mapping(values)


async def get_mapping(session: ReadSession, viewer: Principal, source_id: str, version: int) -> MappingRead:
    """Return one version of a source's mapping."""
    await require_source(session, viewer, source_id)
    row = await repository.find_mapping(session, source_id, version)
    if row is None:
        raise NotFound("No such mapping.", "没有该字段映射。")
    return _mapping(row)


async def list_mappings(session: ReadSession, viewer: Principal, source_id: str) -> list[MappingRead]:
    """Return the latest versions of a source's mapping, newest first."""
    await require_source(session, viewer, source_id)
    return [_mapping(row) for row in await repository.mappings_of(session, source_id, _SHOWN_MAPPINGS)]


def check_mapping(data: MappingCreate) -> None:
    """Raise a 422 that names everything in a mapping that does not fit its commands."""
    if errors := list(faults(data, TARGETS)):
        raise InvalidMapping(errors=errors[:50])


def document_of(data: MappingCreate) -> dict[str, Any]:
    """Return a mapping as it was given, which is how it is kept."""
    return {"type_pointer": data.type_pointer, **data.model_dump(mode="json", exclude_unset=True)}


# -- inside


async def _lock(tx: WriteSession, actor: Principal, source_id: str, expected_version: int) -> Row:
    row = await require_source(tx, actor, source_id, lock=True)
    check_version(row["version"], expected_version)
    return row


async def _change(tx: WriteSession, actor: Principal, row: Row, changes: Mapping[str, Any]) -> SourceDetail:
    if not changes:
        return _detail(row)
    values = {**changes, "version": row["version"] + 1, "updated_at": clock.now()}
    await repository.change_source(tx, row["id"], values)
    after = {**row, **values}
    previous = {name: row[name] for name in changes if name != "secrets"}
    await _publish(tx, actor, SOURCE_UPDATED, after, changed=sorted(changes), previous=previous)
    return _detail(after)


def _detail(row: Row) -> SourceDetail:
    return SourceDetail.of({**row, "secrets": live(row["secrets"], clock.now())})


def _mapping(row: Row) -> MappingRead:
    return MappingRead.of({**row, **row["definition"]})


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, row: Row, **details: Any
) -> None:
    record = SourceRead.of(row)
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="inbound_source",
        subject_id=record.id,
        version=record.version,
        root_id=record.id,
        url=f"/v1/inbound-sources/{record.id}",
        **details,
    )
