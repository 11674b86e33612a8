"""All SQL of deliveries, their attempts, and the events that other services told of."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from services.registry.base import messaging, parties
from services.registry.deliveries.models import (
    relayed_events,
    webhook_attempts,
    webhook_deliveries,
)
from services.registry.deliveries.schemas import DeliveryState
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.db.hot import HotInsert, HotQuery, HotUpdate
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.messaging.feed import of_types

_d, _events = webhook_deliveries, messaging.events
_PENDING = _d.c.state == DeliveryState.PENDING.value

_insert_deliveries = HotInsert(webhook_deliveries)
_insert_attempts = HotInsert(webhook_attempts)

_payload = func.coalesce(_events.c.payload, relayed_events.c.payload).label("payload")
_with_payload = (
    select(_d, _payload)
    .select_from(_d)
    .outerjoin(_events, _events.c.id == _d.c.event_id)
    .outerjoin(relayed_events, relayed_events.c.id == _d.c.event_id)
)


async def add(tx: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert deliveries, each with every column."""
    await _insert_deliveries.run(tx, rows)


async def log_attempts(tx: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert attempts, each with every column."""
    await _insert_attempts.run(tx, rows)


def _eligible(endpoint_id: str | BindParameter[str], ordering: str) -> Select[Any]:
    """Select what may be sent next as far as order goes, whenever it is due."""
    mine = _with_payload.where(_d.c.endpoint_id == endpoint_id, _PENDING)
    if ordering == "endpoint":
        return mine.order_by(_d.c.sequence).limit(1)
    if ordering == "subject":
        earlier = webhook_deliveries.alias("earlier")
        behind = exists().where(
            earlier.c.endpoint_id == endpoint_id,
            earlier.c.subject_id == _d.c.subject_id,
            earlier.c.sequence < _d.c.sequence,
            earlier.c.state == DeliveryState.PENDING.value,
        )
        mine = mine.where(~behind)
    return mine.order_by(_d.c.due_at, _d.c.sequence)


_due_now = _d.c.due_at <= bindparam("instant", type_=_d.c.due_at.type)
_DUE = {
    "none": HotQuery(_eligible(bindparam("endpoint_id"), "none").where(_due_now).limit(bindparam("most"))),
    "endpoint": HotQuery(_eligible(bindparam("endpoint_id"), "endpoint")),
}


async def due(
    database: Database, endpoint_id: str, ordering: str, instant: datetime, limit: int
) -> Sequence[Row]:
    """Return what may be sent now, with the payload of its event; an ordered endpoint's head alone."""
    if ordering in _DUE:
        params = {"endpoint_id": endpoint_id, "instant": instant, "most": limit}
        found: Sequence[Row] = await _DUE[ordering].rows(database, params)
    else:
        # It may have to pass over much that waits behind others, for which SQLite's loop is no place.
        statement = _eligible(endpoint_id, ordering).where(_d.c.due_at <= instant).limit(limit)
        async with database.read() as session:
            found = await session.rows(statement)
    return [row for row in found if row["due_at"] <= instant]


async def next_due(session: ReadSession, endpoint_id: str, ordering: str) -> datetime | None:
    """Return when there is something to send next."""
    statement = _eligible(endpoint_id, ordering).with_only_columns(_d.c.due_at).limit(1)
    instant: datetime | None = await session.scalar(statement)
    return instant


_key = and_(
    _d.c.endpoint_id == bindparam("of_endpoint"),
    _d.c.sequence == bindparam("at_sequence"),
    _d.c.created_at == bindparam("of_created_at", type_=_d.c.created_at.type),
)
_finish = HotUpdate(
    update(_d)
    .where(_key, _PENDING)
    .values(
        state=bindparam("new_state"),
        attempts=bindparam("new_attempts"),
        tries=bindparam("new_tries"),
        due_at=bindparam("new_due_at", type_=_d.c.due_at.type),
        finished_at=bindparam("new_finished_at", type_=_d.c.finished_at.type),
    )
)


async def finish(tx: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what became of attempts; a delivery that was cancelled meanwhile stays so.

    Each row has the ``delivery`` (its row) and the new ``state``, ``attempts``, ``tries``, ``due_at`` and
    ``finished_at``.
    """
    names = ("state", "attempts", "tries", "due_at", "finished_at")
    params = [{**_key_of(row["delivery"]), **{f"new_{name}": row[name] for name in names}} for row in rows]
    await _finish.run(tx, params)


def _key_of(delivery: Row) -> dict[str, Any]:
    return {
        "of_endpoint": delivery["endpoint_id"],
        "at_sequence": delivery["sequence"],
        "of_created_at": delivery["created_at"],
    }


async def hold_behind(tx: WriteSession, delivery: Row, due_at: datetime) -> None:
    """Let what waits behind a delivery of the same subject be looked at when that one is due.

    They would not be sent before it anyway; this keeps them out of the way of those that may be.
    """
    behind = and_(
        _d.c.endpoint_id == delivery["endpoint_id"],
        _d.c.subject_id == delivery["subject_id"],
        _d.c.sequence > delivery["sequence"],
        _PENDING,
        _d.c.tries == 0,
        _d.c.due_at < due_at,
    )
    await tx.execute(update(_d).where(behind).values(due_at=due_at))


async def free_behind(tx: WriteSession, delivery: Row, instant: datetime) -> None:
    """Let what waited behind a delivery go, now that it is final."""
    behind = and_(
        _d.c.endpoint_id == delivery["endpoint_id"],
        _d.c.subject_id == delivery["subject_id"],
        _d.c.sequence > delivery["sequence"],
        _PENDING,
        _d.c.tries == 0,
        _d.c.due_at > instant,
    )
    await tx.execute(update(_d).where(behind).values(due_at=instant))


async def find(session: ReadSession, delivery_id: str, *, lock: bool = False) -> Row | None:
    """Return one delivery."""
    statement = select(_d).where(_d.c.id == delivery_id)
    return await session.row(statement.with_for_update() if lock else statement)


async def change(tx: WriteSession, delivery: Row, values: Mapping[str, Any]) -> None:
    """Update one delivery this transaction has locked."""
    at = and_(
        _d.c.endpoint_id == delivery["endpoint_id"],
        _d.c.sequence == delivery["sequence"],
        _d.c.created_at == delivery["created_at"],
    )
    await tx.execute(update(_d).where(at).values(values))


async def attempts_of(session: ReadSession, delivery_id: str) -> Sequence[Row]:
    """Return the attempts of a delivery, the first one first."""
    a = webhook_attempts.c
    statement = select(webhook_attempts).where(a.delivery_id == delivery_id)
    return await session.rows(statement.order_by(a.number, a.started_at))


async def page(session: ReadSession, endpoint_id: str, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of an endpoint's deliveries."""
    statement = select(_d).where(_d.c.endpoint_id == endpoint_id)
    return await fetch_page(session, statement, _d.c, query, signer)


async def after_sequence(
    session: ReadSession, endpoint_id: str, sequence: int, limit: int, *criteria: ColumnElement[bool]
) -> Sequence[Row]:
    """Return the deliveries after a sequence in order, with the payload of their events."""
    statement = _with_payload.where(_d.c.endpoint_id == endpoint_id, _d.c.sequence > sequence, *criteria)
    return await session.rows(statement.order_by(_d.c.sequence).limit(limit))


async def states_between(session: ReadSession, endpoint_id: str, first: int, last: int) -> Sequence[Row]:
    """Return sequence, event id and state of the sequences ``first`` to ``last``."""
    within = and_(_d.c.endpoint_id == endpoint_id, _d.c.sequence >= first, _d.c.sequence <= last)
    statement = select(_d.c.sequence, _d.c.event_id, _d.c.state).where(within)
    return await session.rows(statement.order_by(_d.c.sequence))


async def pending_after(session: ReadSession, endpoint_id: str, sequence: int, limit: int) -> Sequence[Row]:
    """Return pending deliveries after a sequence, in order."""
    statement = select(_d).where(_d.c.endpoint_id == endpoint_id, _PENDING, _d.c.sequence > sequence)
    return await session.rows(statement.order_by(_d.c.sequence).limit(limit))


async def cancel(tx: WriteSession, deliveries: Sequence[Row], instant: datetime) -> None:
    """Cancel pending deliveries of one endpoint."""
    if not deliveries:
        return
    these = and_(
        _d.c.endpoint_id == deliveries[0]["endpoint_id"],
        _d.c.sequence.in_([delivery["sequence"] for delivery in deliveries]),
        _PENDING,
    )
    await tx.execute(update(_d).where(these).values(state=DeliveryState.CANCELLED.value, finished_at=instant))


async def parties_of_roots(session: ReadSession, roots: Iterable[str]) -> dict[str, set[str]]:
    """Return who sees each of these roots."""
    found: dict[str, set[str]] = {}
    wanted = list(set(roots))
    for start in range(0, len(wanted), 1000):
        some = parties.c.record_id.in_(wanted[start : start + 1000])
        for row in await session.rows(select(parties).where(some)):
            found.setdefault(row["record_id"], set()).add(row["organisation_id"])
    return found


async def repend(tx: WriteSession, deliveries: Sequence[Row], instant: datetime) -> None:
    """Make deliveries of one endpoint pending again, for a new round of tries."""
    if not deliveries:
        return
    these = and_(
        _d.c.endpoint_id == deliveries[0]["endpoint_id"],
        _d.c.sequence.in_([delivery["sequence"] for delivery in deliveries]),
    )
    fresh = {"state": DeliveryState.PENDING.value, "tries": 0, "due_at": instant, "finished_at": None}
    await tx.execute(update(_d).where(these).values(fresh))


async def oldest_sequence(session: ReadSession, endpoint_id: str) -> int | None:
    """Return the first sequence that is still kept."""
    sequence: int | None = await session.scalar(
        select(_d.c.sequence).where(_d.c.endpoint_id == endpoint_id).order_by(_d.c.sequence).limit(1)
    )
    return sequence


async def created_at(session: ReadSession, endpoint_id: str, sequence: int) -> datetime | None:
    """Return when a delivery was made; None when it is no longer kept."""
    at = and_(_d.c.endpoint_id == endpoint_id, _d.c.sequence == sequence)
    instant: datetime | None = await session.scalar(select(_d.c.created_at).where(at))
    return instant


async def feed_epoch(session: ReadSession) -> str:
    """Return the epoch of registry's own feed."""
    return str(await session.scalar(select(messaging.feed_state.c.epoch)) or "")


def between(criteria: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Return the predicates of a replay's criteria."""
    found: list[ColumnElement[bool]] = []
    if criteria.get("from_time"):
        found.append(_d.c.created_at >= datetime.fromisoformat(criteria["from_time"]))
    if criteria.get("to_time"):
        found.append(_d.c.created_at < datetime.fromisoformat(criteria["to_time"]))
    if criteria.get("to_sequence"):
        found.append(_d.c.sequence <= criteria["to_sequence"])
    if criteria.get("subject_id"):
        found.append(_d.c.subject_id == criteria["subject_id"])
    if criteria.get("states"):
        found.append(_d.c.state.in_(criteria["states"]))
    else:
        found.append(_d.c.state != DeliveryState.PENDING.value)
    if names := criteria.get("event_types"):
        found.append(of_types(_d.c.event_type, names))
    return found


async def count_matching(
    session: ReadSession, endpoint_id: str, after: int, ceiling: int, criteria: Sequence[ColumnElement[bool]]
) -> int:
    """Return how many deliveries after a sequence fit, counting no further than a ceiling."""
    fitting = select(_d.c.sequence).where(_d.c.endpoint_id == endpoint_id, _d.c.sequence > after, *criteria)
    return int(await session.scalar(select(func.count()).select_from(fitting.limit(ceiling).subquery())))


async def forget_relayed(tx: WriteSession, until: datetime, limit: int) -> int:
    """Delete the oldest events of other services that were relayed before an instant."""
    oldest = select(relayed_events.c.row_id, relayed_events.c.relayed_at)
    rows = await tx.rows(oldest.order_by(relayed_events.c.row_id).limit(limit))
    old = [row["row_id"] for row in rows if row["relayed_at"] < until]
    if old:
        await tx.execute(delete(relayed_events).where(relayed_events.c.row_id.in_(old)))
    return len(old)


async def forget_handshakes(tx: WriteSession, until: datetime) -> int:
    """Delete the attempts at handshakes made before an instant, which stand under their endpoints' ids."""
    a = webhook_attempts.c
    of_endpoints = and_(a.delivery_id >= "whe_", a.delivery_id < "whf", a.started_at < until)
    return await tx.execute(delete(webhook_attempts).where(of_endpoints))


async def forget_oldest(tx: WriteSession, endpoint_id: str, until: datetime, limit: int) -> int:
    """Delete the oldest deliveries of an endpoint made before an instant, with their attempts."""
    first = select(_d.c.id, _d.c.sequence, _d.c.created_at).where(_d.c.endpoint_id == endpoint_id)
    rows = await tx.rows(first.order_by(_d.c.sequence).limit(limit))
    old = [row for row in rows if row["created_at"] < until]
    if not old:
        return 0
    attempted = webhook_attempts.c.delivery_id.in_([row["id"] for row in old])
    await tx.execute(delete(webhook_attempts).where(attempted))
    until_sequence = _d.c.sequence <= old[-1]["sequence"]
    await tx.execute(delete(_d).where(_d.c.endpoint_id == endpoint_id, until_sequence))
    return len(old)


async def add_relayed(tx: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert events of other services."""
    if rows:
        await tx.execute(insert(relayed_events), list(rows))


async def known_relayed(session: ReadSession, event_ids: Sequence[str]) -> set[str]:
    """Return which of these events of other services are here already."""
    statement = select(relayed_events.c.id).where(relayed_events.c.id.in_(event_ids))
    return {row["id"] for row in await session.rows(statement)}
