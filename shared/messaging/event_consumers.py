"""Named consumers of the feed: a cursor kept for its owner, which only who knows where it is can move."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update

from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import Condition, CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.errors import (
    Conflict,
    FieldError,
    InvalidCursor,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Unprocessable,
)
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.feed import locate
from shared.messaging.tables import MessagingTables

MAX_CONSUMERS = 100
"""How many named consumers an owner has on one service."""


class TooManyConsumers(Conflict):
    """The owner has as many named consumers as it may have."""

    code = "too_many_consumers"
    title_en = "No more named consumers can be kept"
    title_zh = "命名消费者数量已达上限"


@dataclass(frozen=True)
class Move:
    """Where a consumer is to go, and what must be so for it to be moved.

    ``types`` are kept as they are when ``keep_types``; None is all types. ``expected_version`` is that of the
    consumer to move, None for a new one; ``only_new`` says that the caller insists on a new one.
    """

    after: str
    types: Sequence[str] | None
    keep_types: bool
    expected_version: int | None
    only_new: bool = False


def owner_of(principal: Principal) -> str:
    """Return whose consumers a caller works with: its organisation's, or its own when it has none."""
    return principal.organisation_id or principal.id


async def find_consumer(session: ReadSession, tables: MessagingTables, owner_id: str, name: str) -> Row:
    """Return one consumer of an owner, or raise a 404."""
    row = await session.row(_of(tables, owner_id, name))
    if row is None:
        raise _no_such_consumer()
    return row


async def list_consumers(
    session: ReadSession, tables: MessagingTables, owner_id: str, query: ListQuery, signer: CursorSigner
) -> Page:
    """Return one page of an owner's consumers."""
    table = tables.event_consumers
    own = replace(query, conditions=(*query.conditions, Condition("owner_id", "eq", owner_id)))
    return await fetch_page(session, select(table), table.c, own, signer)


async def put_consumer(
    tx: WriteSession, tables: MessagingTables, owner_id: str, name: str, move: Move
) -> Row:
    """Make a consumer, or move it from the version the caller knows; of two at once, one is refused."""
    if move.expected_version is None and tx.dialect == "postgresql":
        await tx.scalar(select(func.pg_advisory_xact_lock(_lock_key(owner_id))))
    row = await tx.row(_of(tables, owner_id, name))
    _check_precondition(row, move)
    cursor = await _cursor(tx, tables, move.after)
    if row is None:
        return await _add(tx, tables, owner_id, name, cursor, move.types)
    after = {"cursor": cursor, "types": row["types"] if move.keep_types else _listed(move.types)}
    if all(row[key] == value for key, value in after.items()):
        return row
    after |= {"version": row["version"] + 1, "updated_at": clock.now()}
    table = tables.event_consumers
    unmoved = update(table).where(table.c.id == row["id"], table.c.version == row["version"])
    if not await tx.execute(unmoved.values(after)):
        _check_precondition(await tx.row(_of(tables, owner_id, name)), move)
        raise _no_such_consumer()
    return {**row, **after}


async def delete_consumer(tx: WriteSession, tables: MessagingTables, owner_id: str, name: str) -> None:
    """Forget a consumer and its cursor."""
    table = tables.event_consumers
    if not await tx.execute(delete(table).where(table.c.owner_id == owner_id, table.c.name == name)):
        raise _no_such_consumer()


async def _add(
    tx: WriteSession,
    tables: MessagingTables,
    owner_id: str,
    name: str,
    cursor: str,
    types: Sequence[str] | None,
) -> Row:
    table = tables.event_consumers
    kept = await tx.scalar(select(func.count()).select_from(table).where(table.c.owner_id == owner_id))
    if kept >= MAX_CONSUMERS:
        raise TooManyConsumers(
            f"An organisation keeps at most {MAX_CONSUMERS} named consumers.",
            f"每个组织最多保留 {MAX_CONSUMERS} 个命名消费者。",
        )
    instant = clock.now()
    row = {
        "id": new_id("evc"),
        "owner_id": owner_id,
        "name": name,
        "cursor": cursor,
        "types": _listed(types),
        "version": 1,
        "created_at": instant,
        "updated_at": instant,
    }
    await tx.execute(insert(table).values(row))
    return row


async def _cursor(tx: WriteSession, tables: MessagingTables, after: str) -> str:
    try:
        return str(await locate(tx, tables, after))
    except InvalidCursor:
        raise Unprocessable(
            "`cursor` is a cursor of this feed, an RFC 3339 instant, `earliest` or `latest`.",
            "`cursor` 应为本事件流的游标、RFC 3339 时刻、`earliest` 或 `latest`。",
            errors=[FieldError("invalid_cursor", "is not valid here", "无效", pointer="/cursor")],
        ) from None


def _check_precondition(row: Row | None, move: Move) -> None:
    """Refuse to move what the caller has not read, or to make what is there; tell where it is now."""
    if row is None:
        if move.expected_version is not None:
            raise _no_such_consumer()
        return
    if move.expected_version == row["version"] and not move.only_new:
        return
    now = {"current_etag": f'"{row["version"]}"', "cursor": row["cursor"]}
    if move.expected_version is None and not move.only_new:
        raise PreconditionRequired(
            "The consumer is there already: send If-Match with its ETag to move it.",
            "该消费者已存在，移动时请在 If-Match 中提供其 ETag。",
            errors=[FieldError("missing_header", "is required", "必填", header="If-Match")],
            **now,
        )
    raise PreconditionFailed(
        "The consumer was moved since you read it.", "该消费者在您读取之后已被移动。", **now
    )


def _of(tables: MessagingTables, owner_id: str, name: str) -> Select[Any]:
    table = tables.event_consumers
    return select(table).where(table.c.owner_id == owner_id, table.c.name == name)


def _listed(types: Sequence[str] | None) -> list[str] | None:
    return None if types is None or "*" in types else sorted(set(types))


def _lock_key(owner_id: str) -> int:
    digest = hashlib.sha256(f"event consumers of {owner_id}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _no_such_consumer() -> NotFound:
    return NotFound("No such consumer.", "没有该消费者。")
