"""The outbox: an event is a row, written in the transaction of the change it tells of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from shared.clock import now, to_rfc3339
from shared.context import request_context
from shared.db.engine import WriteSession
from shared.db.hot import hot_insert
from shared.errors import DomainError
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.tables import MessagingTables

PUBLISHED = "events.published"
"""The store's signal that unsequenced events were committed."""

MAX_EVENT_BYTES = 256 * 1024
_SPLICED_LATER_BYTES = 256
"""Room for what readers get in addition: the sequence, and a webhook's delivery."""


@dataclass(frozen=True)
class EventType:
    """One kind of event and the model of the object it carries."""

    name: str
    object_type: type[BaseModel]
    title_en: str
    title_zh: str
    since: str = "1.0"
    description_en: str = ""
    description_zh: str = ""
    subject: str = ""

    @property
    def subject_type(self) -> str:
        """Return what ``subject.type`` says: ``subject``, or the name without its last word."""
        return self.subject or self.name.rpartition(".")[0]


class EventTooLarge(DomainError):
    """A record whose event would not fit what every reader of the feed accepts."""

    code = "event_too_large"
    status = 413
    title_en = "The record is too large for its event"
    title_zh = "记录过大，无法形成事件"


async def publish(
    tx: WriteSession,
    tables: MessagingTables,
    event_type: EventType,
    *,
    actor: Principal,
    record: BaseModel,
    subject_type: str,
    subject_id: str,
    version: int,
    root_id: str,
    url: str,
    changed: Sequence[str] = (),
    previous: Mapping[str, Any] | None = None,
    effective_at: datetime | None = None,
) -> str:
    """Write one event with the change it tells of and return its id.

    Call it while the subject's row is locked by its own update, so that versions of one subject keep their
    order. ``root_id`` decides who sees the event. ``effective_at`` is when it happened; without it, now.
    """
    row = event_row(
        event_type,
        actor=actor,
        record=record,
        subject_type=subject_type,
        subject_id=subject_id,
        version=version,
        root_id=root_id,
        url=url,
        changed=changed,
        previous=previous,
        effective_at=effective_at,
    )
    await publish_rows(tx, tables, [row])
    return str(row["id"])


async def publish_rows(tx: WriteSession, tables: MessagingTables, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write events made by ``event_row``, in this order."""
    if not rows:
        return
    await hot_insert(tables.events).run(tx, rows)
    announce(tx)


def announce(tx: WriteSession) -> None:
    """Wake the sequencer once ``tx`` has committed; for callers that insert event rows on their own."""
    tx.after_commit(tx.database.signal(PUBLISHED).notify)


def event_row(
    event_type: EventType,
    *,
    actor: Principal,
    record: BaseModel,
    subject_type: str,
    subject_id: str,
    version: int,
    root_id: str,
    url: str,
    changed: Sequence[str] = (),
    previous: Mapping[str, Any] | None = None,
    effective_at: datetime | None = None,
) -> dict[str, Any]:
    """Return the row of one event; its payload is the event in compact JSON without a sequence."""
    if not isinstance(record, event_type.object_type):
        raise TypeError(f"{event_type.name} carries {event_type.object_type.__name__}")
    recorded_at = now()
    timestamp = to_rfc3339(recorded_at)
    context = request_context.get()
    event_id = new_id("evt")
    payload = to_json(
        {
            "id": event_id,
            "type": event_type.name,
            "timestamp": timestamp,
            "subject": {"type": subject_type, "id": subject_id, "version": version, "url": url},
            "actor": {"type": actor.kind, "id": actor.id, "organisation_id": actor.organisation_id},
            "request_id": context.request_id if context else None,
            "traceparent": context.traceparent if context else None,
            "effective_at": to_rfc3339(effective_at) if effective_at else timestamp,
            "data": {"object": record, "changed": list(changed), "previous": dict(previous or {})},
        },
        inf_nan_mode="null",
    )
    if len(payload) > MAX_EVENT_BYTES - _SPLICED_LATER_BYTES:
        raise EventTooLarge(params={"bytes": len(payload), "max_bytes": MAX_EVENT_BYTES})
    return {
        "id": event_id,
        "type": event_type.name,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "subject_version": version,
        "root_id": root_id,
        "recorded_at": recorded_at,
        "payload": payload.decode(),
    }


def with_sequence(payload: str, sequence: int) -> bytes:
    """Return the event as readers get it: ``sequence`` follows ``timestamp``, the rest is untouched.

    The three members before it hold no quotes, so the first match is the event's own ``subject``.
    """
    cut = payload.index(',"subject":')
    return f'{payload[:cut]},"sequence":{sequence}{payload[cut:]}'.encode()
