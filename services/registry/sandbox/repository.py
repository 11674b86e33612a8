"""All SQL of sandbox receivers and their hits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, insert, or_, select, true, update

from services.registry.sandbox.models import hits, receivers
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import Condition, CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import Viewer

_LIVE = receivers.c.deleted_at.is_(None)
_WITHOUT_BODY = [column for column in hits.c if column.name != "body"]
_JUDGED = [
    hits.c[name]
    for name in (
        "number",
        "received_at",
        "message_id",
        "type",
        "endpoint_id",
        "sequence",
        "verdict",
        "handshake",
        "status",
        "retry_after",
        "delay_ms",
        "challenge_answered",
    )
]


def _own(viewer: Viewer) -> ColumnElement[bool]:
    return true() if viewer.sees_network else receivers.c.organisation_id == (viewer.organisation_id or "")


def _of_run(receiver_id: str, run: int) -> ColumnElement[bool]:
    return (hits.c.receiver_id == receiver_id) & (hits.c.run == run)


# -- receivers


async def find(session: ReadSession, viewer: Viewer, receiver_id: str, *, lock: bool = False) -> Row | None:
    """Return one receiver of the viewer's organisation, locked for this transaction if asked."""
    statement = select(receivers).where(receivers.c.id == receiver_id, _LIVE, _own(viewer))
    return await session.row(statement.with_for_update() if lock else statement)


async def find_for_hit(session: ReadSession, receiver_id: str) -> Row | None:
    """Return one receiver, whoever asks."""
    return await session.row(select(receivers).where(receivers.c.id == receiver_id, _LIVE))


async def page(session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the receivers of the viewer's organisation."""
    return await fetch_page(session, select(receivers).where(_LIVE, _own(viewer)), receivers.c, query, signer)


async def count(session: ReadSession, organisation_id: str) -> int:
    """Return how many receivers an organisation has."""
    statement = select(func.count()).where(receivers.c.organisation_id == organisation_id, _LIVE)
    return int(await session.scalar(statement))


async def add(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one receiver."""
    await tx.execute(insert(receivers).values(values))


async def change(tx: WriteSession, receiver_id: str, values: dict[str, Any]) -> None:
    """Update one receiver whose row this transaction has locked."""
    await tx.execute(update(receivers).where(receivers.c.id == receiver_id).values(values))


# -- hits


async def take(tx: WriteSession, receiver_id: str, *, steps: int, size: int, instant: datetime) -> Row | None:
    """Count one hit at a receiver and return the receiver as it is after it."""
    statement = (
        update(receivers)
        .where(receivers.c.id == receiver_id, _LIVE)
        .values(
            hits=receivers.c.hits + 1,
            steps_taken=receivers.c.steps_taken + steps,
            bytes_taken=receivers.c.bytes_taken + size,
            last_used_at=instant,
        )
        .returning(*receivers.c)
    )
    return await tx.row(statement)


async def add_hit(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one hit."""
    await tx.execute(insert(hits).values(values))


async def was_seen(session: ReadSession, receiver_id: str, run: int, message_id: str) -> bool:
    """Tell whether a hit with this webhook-id is kept."""
    statement = select(hits.c.id).where(_of_run(receiver_id, run), hits.c.message_id == message_id)
    return await session.row(statement.limit(1)) is not None


async def first_body(session: ReadSession, receiver_id: str, run: int, message_id: str) -> bytes | None:
    """Return the body of the oldest kept hit with this webhook-id."""
    statement = select(hits.c.body).where(_of_run(receiver_id, run), hits.c.message_id == message_id)
    row = await session.row(statement.order_by(hits.c.number).limit(1))
    return None if row is None else bytes(row["body"])


async def drop_oldest(tx: WriteSession, receiver_id: str, run: int, *, number: int, bytes_taken: int) -> None:
    """Delete the hits up to this number, and those with which no more than so many bytes had been taken."""
    if number > 0:
        await tx.execute(delete(hits).where(_of_run(receiver_id, run), hits.c.number <= number))
    if bytes_taken > 0:
        await tx.execute(delete(hits).where(_of_run(receiver_id, run), hits.c.bytes_taken <= bytes_taken))


async def page_of_hits(session: ReadSession, receiver: Row, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of a receiver's hits, without their bodies."""
    mine = (Condition("receiver_id", "eq", receiver["id"]), Condition("run", "eq", receiver["run"]))
    asked = replace(query, conditions=(*query.conditions, *mine))
    return await fetch_page(session, select(*_WITHOUT_BODY), hits.c, asked, signer)


async def find_hit(session: ReadSession, receiver: Row, hit_id: str) -> Row | None:
    """Return one hit of a receiver with its body."""
    statement = select(hits).where(_of_run(receiver["id"], receiver["run"]), hits.c.id == hit_id)
    return await session.row(statement)


async def judged_hits(session: ReadSession, receiver: Row) -> Sequence[Row]:
    """Return of every kept hit what a judgement needs, in the order of arrival."""
    statement = select(*_JUDGED).where(_of_run(receiver["id"], receiver["run"]))
    return await session.rows(statement.order_by(hits.c.number))


# -- what nobody uses any longer


async def drop_old_hits(tx: WriteSession, before: datetime, limit: int) -> int:
    """Delete hits that arrived before an instant; return how many."""
    old = select(hits.c.id).where(hits.c.received_at < before).limit(limit)
    return await tx.execute(delete(hits).where(hits.c.id.in_(old)))


async def drop_hits_of_past_runs(tx: WriteSession, limit: int) -> int:
    """Delete hits from before their receiver was reset or deleted; return how many."""
    past = (
        select(hits.c.id)
        .join(receivers, (hits.c.receiver_id == receivers.c.id) & (hits.c.run < receivers.c.run))
        .where(receivers.c.run > 0)
        .limit(limit)
    )
    return await tx.execute(delete(hits).where(hits.c.id.in_(past)))


async def drop_receivers(tx: WriteSession, before: datetime, limit: int) -> int:
    """Delete receivers without hits that were deleted, or were last used before an instant."""
    unused = (
        select(receivers.c.id)
        .where(
            or_(receivers.c.deleted_at.is_not(None), receivers.c.last_used_at < before),
            ~exists().where(hits.c.receiver_id == receivers.c.id),
        )
        .limit(limit)
    )
    # Said again outside: what a hit has just touched is looked at anew once its transaction has ended.
    still = or_(receivers.c.deleted_at.is_not(None), receivers.c.last_used_at < before)
    return await tx.execute(delete(receivers).where(receivers.c.id.in_(unused), still))
