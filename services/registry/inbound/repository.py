"""All SQL of inbound sources, mappings and messages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, case, delete, func, insert, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from services.registry.inbound.models import (
    inbound_mappings,
    inbound_messages,
    inbound_minutes,
    inbound_receipts,
    inbound_repairs,
    inbound_sources,
)
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.db.hot import HotQuery, hot_insert
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.identity import Principal

_BODIES = ("body", "repaired_body")
_LISTED = [column for column in inbound_messages.c if column.name not in _BODIES]
_SENDER = HotQuery(
    select(*inbound_sources.c, inbound_minutes.c.minute, inbound_minutes.c.taken).where(
        inbound_sources.c.id == bindparam("source_id"), inbound_minutes.c.source_id == inbound_sources.c.id
    )
)

_MINUTE = inbound_minutes.c
_IS_NEW = _MINUTE.minute < bindparam("now")
_TAKE_PLACE = (
    update(inbound_minutes)
    .where(_MINUTE.source_id == bindparam("of"), _IS_NEW | (_MINUTE.taken < bindparam("most")))
    .values(
        minute=case((_IS_NEW, bindparam("now")), else_=_MINUTE.minute),
        taken=case((_IS_NEW, 1), else_=_MINUTE.taken + 1),
    )
)
_CLAIM = {
    "sqlite": sqlite.insert(inbound_receipts).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(inbound_receipts).on_conflict_do_nothing(),
}


def _owned(table: Table, viewer: Principal) -> ColumnElement[bool]:
    """Sources and what they send are their organisation's own business, and the administration's."""
    return true() if viewer.sees_network else table.c.organisation_id == (viewer.organisation_id or "")


# -- sources


async def sender(database: Database, source_id: str) -> Row | None:
    """Return a source with its last minute, whoever asks, in one round trip of the driver."""
    return await _SENDER.first(database, {"source_id": source_id})


async def find_source(
    session: ReadSession, viewer: Principal, source_id: str, *, lock: bool = False
) -> Row | None:
    """Return one source the viewer's organisation owns; messages go on coming in while it is locked."""
    statement = select(inbound_sources).where(
        inbound_sources.c.id == source_id, _owned(inbound_sources, viewer)
    )
    return await session.row(statement.with_for_update(key_share=True) if lock else statement)


async def source_page(
    session: ReadSession, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> Page:
    """Return one page of the sources the viewer's organisation owns."""
    statement = select(inbound_sources).where(_owned(inbound_sources, viewer))
    return await fetch_page(session, statement, inbound_sources.c, query, signer)


async def add_source(tx: WriteSession, values: Mapping[str, Any]) -> None:
    """Insert one source, and its minute."""
    await tx.execute(insert(inbound_sources).values(values))
    await tx.execute(insert(inbound_minutes).values(source_id=values["id"], minute=0, taken=0))


async def change_source(tx: WriteSession, source_id: str, values: Mapping[str, Any]) -> None:
    """Update one source whose row this transaction has locked."""
    await tx.execute(update(inbound_sources).where(inbound_sources.c.id == source_id).values(values))


async def take_place(tx: WriteSession, source_id: str, minute: int, most: int) -> bool:
    """Count one message of this minute, unless ``most`` were; the row stays locked until the commit."""
    return await tx.execute(_TAKE_PLACE, {"of": source_id, "now": minute, "most": most}) == 1


# -- mappings


async def find_mapping(session: ReadSession, source_id: str, version: int) -> Row | None:
    """Return one version of a source's mapping."""
    statement = select(inbound_mappings).where(
        inbound_mappings.c.source_id == source_id, inbound_mappings.c.version == version
    )
    return await session.row(statement)


async def mappings_of(session: ReadSession, source_id: str, limit: int) -> Sequence[Row]:
    """Return the latest versions of a source's mapping, newest first."""
    statement = select(inbound_mappings).where(inbound_mappings.c.source_id == source_id)
    return await session.rows(statement.order_by(inbound_mappings.c.version.desc()).limit(limit))


async def add_mapping(tx: WriteSession, values: Mapping[str, Any]) -> None:
    """Insert one version of a mapping."""
    await tx.execute(insert(inbound_mappings).values(values))


# -- messages


async def claim(
    tx: WriteSession, source_id: str, webhook_id: str, message_id: str, now: datetime, since: datetime
) -> str | None:
    """Keep that a message came in; return the message it repeats, if one came in ``since``.

    Of two transactions with one webhook id the later waits here until the first has ended.
    """
    values = {
        "source_id": source_id,
        "webhook_id": webhook_id,
        "message_id": message_id,
        "received_at": now,
    }
    this = (inbound_receipts.c.source_id == source_id) & (inbound_receipts.c.webhook_id == webhook_id)
    while True:
        if await tx.execute(_CLAIM[tx.dialect], values):
            return None
        row = await tx.row(select(inbound_receipts).where(this).with_for_update())
        if row is not None and row["received_at"] > since:
            return str(row["message_id"])
        if row is not None:
            await tx.execute(update(inbound_receipts).where(this).values(values))
            return None


async def add_message(tx: WriteSession, values: Mapping[str, Any]) -> None:
    """Insert one message."""
    await hot_insert(inbound_messages).run(tx, [values])


async def find_message(
    session: ReadSession, viewer: Principal, message_id: str, *, lock: bool = False
) -> Row | None:
    """Return one message to a source the viewer's organisation owns, with its bodies."""
    statement = select(inbound_messages).where(
        inbound_messages.c.id == message_id, _owned(inbound_messages, viewer)
    )
    return await session.row(statement.with_for_update() if lock else statement)


async def message_page(
    session: ReadSession, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> Page:
    """Return one page of messages to the sources of the viewer's organisation, without their bodies."""
    statement = select(*_LISTED).where(_owned(inbound_messages, viewer))
    return await fetch_page(session, statement, inbound_messages.c, query, signer)


async def change_message(tx: WriteSession, message_id: str, values: Mapping[str, Any]) -> None:
    """Update one message whose row this transaction has locked."""
    await tx.execute(update(inbound_messages).where(inbound_messages.c.id == message_id).values(values))


async def repairs_of(session: ReadSession, message_id: str) -> Sequence[Row]:
    """Return every attempt to apply a message again, in their order."""
    statement = select(inbound_repairs).where(inbound_repairs.c.message_id == message_id)
    return await session.rows(statement.order_by(inbound_repairs.c.number))


async def count_repairs(tx: WriteSession, message_id: str) -> int:
    """Return how often a message was tried again."""
    count = select(func.count()).where(inbound_repairs.c.message_id == message_id)
    return int(await tx.scalar(count))


async def add_repair(tx: WriteSession, values: Mapping[str, Any]) -> None:
    """Insert one attempt."""
    await tx.execute(insert(inbound_repairs).values(values))


# -- what is forgotten


async def forget_receipts(tx: WriteSession, before: datetime, limit: int) -> int:
    """Delete receipts of before, the oldest first; return how many."""
    receipts = inbound_receipts.c
    old = select(receipts.source_id, receipts.webhook_id).where(receipts.received_at < before)
    rows = await tx.rows(old.order_by(receipts.received_at).limit(limit))
    if rows:
        statement = delete(inbound_receipts).where(
            receipts.source_id == bindparam("of_source"),
            receipts.webhook_id == bindparam("of_webhook"),
            receipts.received_at < before,
        )
        await tx.execute(
            statement, [{"of_source": row["source_id"], "of_webhook": row["webhook_id"]} for row in rows]
        )
    return len(rows)


async def forget_messages(tx: WriteSession, before: datetime, limit: int) -> int:
    """Delete messages settled before, the oldest first, with their repairs; return how many."""
    settled = inbound_messages.c.settled_at
    old = select(inbound_messages.c.id).where(settled < before).order_by(settled).limit(limit)
    ids = [row["id"] for row in await tx.rows(old)]
    if ids:
        await tx.execute(delete(inbound_repairs).where(inbound_repairs.c.message_id.in_(ids)))
        await tx.execute(delete(inbound_messages).where(inbound_messages.c.id.in_(ids)))
    return len(ids)
