"""Use cases of inbound messages: each is taken once, applied whole or kept with what is wrong with it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import to_json

from services.registry.access.grants import require_grantable
from services.registry.access.schemas import Reach
from services.registry.base import messaging
from services.registry.inbound import repository
from services.registry.inbound.applying import acting, apply, definition_of, prepare
from services.registry.inbound.errors import (
    InvalidSignature,
    MessageSettled,
    SourceDisabled,
    TooManyMessages,
    TooManyRepairs,
)
from services.registry.inbound.mapping import Definition
from services.registry.inbound.parts import InboundParts, MappingCache
from services.registry.inbound.reading import problems_of
from services.registry.inbound.schemas import (
    MESSAGE_DISCARDED,
    MESSAGE_QUARANTINED,
    BodyRead,
    Discarding,
    MappingTrial,
    MessageDetail,
    MessageRead,
    MessageState,
    Receipt,
    RepairRead,
    Reprocessing,
    SourceStatus,
    TrialRead,
)
from services.registry.inbound.secrets import keys_of
from services.registry.inbound.sources import check_mapping, document_of, require_source
from services.registry.signatures import standard_webhooks as signatures
from shared import clock
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.errors import DomainError, NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish

MAX_BYTES = 256 * 1024
"""The longest message taken."""
REMEMBERED = timedelta(days=7)
"""How long a webhook id is known, so that a repeated message has no second effect."""
KEPT = timedelta(days=30)
"""How long messages that were applied or discarded are kept; what is in quarantine stays."""
MAX_REPAIRS = 20


@dataclass(frozen=True)
class Signed:
    """A message that one of its source's secrets has signed."""

    source: Row
    webhook_id: str
    sent_at: datetime
    body: bytes


async def authentic(
    database: Database, parts: InboundParts, source_id: str, headers: Mapping[str, str], body: bytes
) -> Signed:
    """Return a message signed by its source; whether there is such a source shows in no answer."""
    now = clock.now()
    source = await repository.sender(database, source_id)
    keys = [parts.nobodys_key]
    if source is not None:
        keys = keys_of(parts.sealer, source_id, source["secrets"], now)
    # The sender's clock is compared with the wall clock, which no sandbox moves.
    verdict = signatures.verify(headers, body, keys, clock.real())
    if source is None or verdict != signatures.Verdict.VALID:
        raise InvalidSignature(
            "The source is unknown, or the signature or the timestamp is not valid.",
            "来源不存在，或签名、时间戳无效。",
        )
    if source["status"] != SourceStatus.ACTIVE:
        raise SourceDisabled()
    if source["minute"] >= _minute(now) and source["taken"] >= source["max_per_minute"]:
        raise _too_many(now)
    sent_at = datetime.fromtimestamp(int(headers[signatures.TIMESTAMP]), UTC)
    return Signed(source, headers[signatures.ID], sent_at, body)


async def receive(tx: WriteSession, signed: Signed, mappings: MappingCache) -> Receipt:
    """Take a message: the message, its effect or its problems, and its place in the minute are one commit."""
    source, now, message_id = signed.source, clock.now(), new_id("ibm")
    known = await repository.claim(tx, source["id"], signed.webhook_id, message_id, now, now - REMEMBERED)
    if known is not None:
        return Receipt(id=known, duplicate=True)
    outcome = await apply(tx, source, signed.body, source["mapping_version"], mappings)
    applied = outcome.state == MessageState.APPLIED
    row = {
        "id": message_id,
        "source_id": source["id"],
        "organisation_id": source["organisation_id"],
        "webhook_id": signed.webhook_id,
        **outcome.columns(),
        "body": signed.body,
        "repaired_body": None,
        "discard_reason": None,
        "discarded_by_id": None,
        "sent_at": signed.sent_at,
        "received_at": now,
        "settled_at": now if applied else None,
        "version": 1,
        "updated_at": now,
    }
    await repository.add_message(tx, row)
    if not applied:
        await _publish(tx, acting(source), MESSAGE_QUARANTINED, row)
    if not await repository.take_place(tx, source["id"], _minute(now), source["max_per_minute"]):
        raise _too_many(now)
    return Receipt(id=message_id, duplicate=False)


async def try_message(
    session: ReadSession, viewer: Principal, source_id: str, data: MappingTrial, mappings: MappingCache
) -> TrialRead:
    """Return what a message would become by a mapping, or what is wrong with it; nothing is written."""
    source = await require_source(session, viewer, source_id)
    if data.mapping is None:
        definition = await definition_of(session, source_id, source["mapping_version"], mappings)
    else:
        check_mapping(data.mapping)
        definition = Definition(document_of(data.mapping))
    found: dict[str, Any] = {"command": None, "project_id": None, "body": None, "problems": []}
    try:
        draft = definition.draft(data.message)
        found |= {"command": draft.command, "body": draft.body}
        found["project_id"] = (await prepare(session, acting(source), draft)).project_id
    except DomainError as error:
        found["problems"] = problems_of(error)
    return TrialRead.of({"message_type": definition.type_of(data.message), **found})


async def get_message(session: ReadSession, viewer: Principal, message_id: str) -> MessageDetail:
    """Return one message with the bytes that came in and every attempt since."""
    return await _detail(session, _found(await repository.find_message(session, viewer, message_id)))


async def list_messages(
    session: ReadSession, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> tuple[list[MessageRead], Page]:
    """Return one page of the messages to the sources of the viewer's organisation."""
    page = await repository.message_page(session, viewer, query, signer)
    return [MessageRead.of(row) for row in page.rows], page


async def reprocess(
    tx: WriteSession,
    actor: Principal,
    message_id: str,
    expected_version: int,
    data: Reprocessing,
    mappings: MappingCache,
) -> MessageDetail:
    """Try a message in quarantine again, repaired or as it is; the original bytes stay what they are.

    It acts as its source does, so whoever tries it could have done the same.
    """
    row = await _lock(tx, actor, message_id, expected_version)
    source = await require_source(tx, actor, row["source_id"])
    require_grantable(actor, source["scopes"], Reach.ORGANISATION)
    number = await repository.count_repairs(tx, message_id) + 1
    if number > MAX_REPAIRS:
        raise TooManyRepairs()
    version = data.mapping_version or source["mapping_version"]
    await definition_of(tx, source["id"], version, mappings)
    repaired = row["repaired_body"] if data.body is None else to_json(data.body)
    outcome = await apply(tx, source, repaired or row["body"], version, mappings)
    now = clock.now()
    repair = {
        "message_id": message_id,
        "number": number,
        "body": None if data.body is None else repaired,
        "mapping_version": version,
        "outcome": outcome.state.value,
        "problems": outcome.problems,
        "by_kind": actor.kind,
        "by_id": actor.id,
        "by_organisation_id": actor.organisation_id,
        "at": now,
    }
    await repository.add_repair(tx, repair)
    settled_at = now if outcome.state == MessageState.APPLIED else None
    changes = {**outcome.columns(), "repaired_body": repaired, "settled_at": settled_at}
    return await _detail(tx, await _change(tx, row, changes))


async def discard(
    tx: WriteSession, actor: Principal, message_id: str, expected_version: int, data: Discarding
) -> MessageDetail:
    """Give up a message in quarantine, with a reason."""
    row = await _lock(tx, actor, message_id, expected_version)
    changes = {
        "state": MessageState.DISCARDED.value,
        "discard_reason": data.reason,
        "discarded_by_id": actor.id,
        "settled_at": clock.now(),
    }
    after = await _change(tx, row, changes)
    previous = {name: row[name] for name in changes if name != "settled_at"} | {"settled_at": None}
    await _publish(tx, actor, MESSAGE_DISCARDED, after, changed=sorted(changes), previous=previous)
    return await _detail(tx, after)


async def _lock(tx: WriteSession, actor: Principal, message_id: str, expected_version: int) -> Row:
    row = _found(await repository.find_message(tx, actor, message_id, lock=True))
    check_version(row["version"], expected_version)
    if row["state"] != MessageState.QUARANTINED:
        raise MessageSettled()
    return row


async def _change(tx: WriteSession, row: Row, changes: Mapping[str, Any]) -> Row:
    values = {**changes, "version": row["version"] + 1, "updated_at": clock.now()}
    await repository.change_message(tx, row["id"], values)
    return {**row, **values}


async def _detail(session: ReadSession, row: Row) -> MessageDetail:
    repairs = [
        RepairRead.of({**repair, "body": None if repair["body"] is None else _body(repair["body"])})
        for repair in await repository.repairs_of(session, row["id"])
    ]
    return MessageDetail.of({**row, "body": _body(row["body"]), "repairs": repairs})


def _body(content: bytes) -> BodyRead:
    try:
        return BodyRead(text=content.decode(), base64=None)
    except UnicodeDecodeError:
        return BodyRead(text=None, base64=base64.b64encode(content).decode())


def _found(row: Row | None) -> Row:
    if row is None:
        raise NotFound("No such inbound message.", "没有该入站消息。")
    return row


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60


def _too_many(now: datetime) -> TooManyMessages:
    return TooManyMessages(headers={"Retry-After": str(60 - now.second)})


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, row: Row, **details: Any
) -> None:
    record = MessageRead.of(row)
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="inbound_message",
        subject_id=record.id,
        version=record.version,
        root_id=record.source_id,
        url=f"/v1/inbound-messages/{record.id}",
        **details,
    )
