"""All SQL of deliveries, attempts and lanes at work."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
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
    or_,
    select,
    update,
)

from services.registry.base import messaging, parties
from services.registry.deliveries.models import (
    relayed_events,
    webhook_attempts,
    webhook_deliveries,
    webhook_replays,
)
from services.registry.deliveries.schemas import DeliveryState
from services.registry.webhooks.models import webhook_endpoints, webhook_lanes
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.db.hot import HotInsert, HotQuery, HotUpdate
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import Viewer
from shared.messaging.leases import claim_rows, release_rows

_d, _lanes, _events = webhook_deliveries, webhook_lanes, messaging.events
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


async def lock_lanes(tx: WriteSession, endpoint_ids: Iterable[str]) -> dict[str, Row]:
    """Lock lanes in the order of their ids and return them."""
    chosen = select(_lanes).where(_lanes.c.id.in_(list(endpoint_ids))).order_by(_lanes.c.id)
    return {row["id"]: row for row in await tx.rows(chosen.with_for_update())}


async def change_lanes(tx: WriteSession, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Update locked lanes; all of a call change the same columns."""
    if not changes:
        return
    rows = [
        {"lane_id": lane_id, **{f"new_{name}": value for name, value in values.items()}}
        for lane_id, values in sorted(changes.items())
    ]
    await _change_of(tuple(next(iter(changes.values())))).run(tx, rows)


@lru_cache
def _change_of(columns: tuple[str, ...]) -> HotUpdate:
    values = {name: bindparam(f"new_{name}", type_=_lanes.c[name].type) for name in columns}
    return HotUpdate(update(_lanes).where(_lanes.c.id == bindparam("lane_id")).values(values))


async def claim_lanes(
    tx: WriteSession, token: str, instant: datetime, until: datetime, limit: int
) -> Sequence[Row]:
    """Lease the lanes that have something to do now."""
    return await claim_rows(
        tx,
        webhook_lanes,
        and_(_lanes.c.due_at.is_not(None), _lanes.c.due_at <= instant),
        token=token,
        instant=instant,
        until=until,
        limit=limit,
        order_by=[_lanes.c.due_at],
    )


async def release_lanes(tx: WriteSession, token: str) -> None:
    """End the leases of a token."""
    await release_rows(tx, webhook_lanes, token)


async def forget_leases(tx: WriteSession) -> None:
    """End every lease: for a store that only one process can have open, at its start."""
    held = _lanes.c.lease_token.is_not(None)
    await tx.execute(update(_lanes).where(held).values(lease_token=None, leased_until=None))


async def endpoint_at_work(session: ReadSession, endpoint_id: str) -> Row:
    """Return an endpoint with the state of its lane."""
    statement = (
        select(
            webhook_endpoints,
            *[column for column in _lanes.c if column.name not in ("id", "sequence")],
            _lanes.c.sequence.label("head"),
        )
        .join(_lanes, _lanes.c.id == webhook_endpoints.c.id)
        .where(webhook_endpoints.c.id == endpoint_id)
    )
    row = await session.row(statement)
    assert row is not None
    return row


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
        found.append(_of_types(_d.c.event_type, names))
    return found


def _of_types(column: ColumnElement[str], names: Sequence[str]) -> ColumnElement[bool]:
    if "*" in names:
        return column.is_not(None)
    exact = [name for name in names if not name.endswith(".*")]
    prefixes = [name.removesuffix("*") for name in names if name.endswith(".*")]
    return or_(column.in_(exact), *[column.startswith(prefix, autoescape=True) for prefix in prefixes])


async def count_matching(
    session: ReadSession, endpoint_id: str, after: int, ceiling: int, criteria: Sequence[ColumnElement[bool]]
) -> int:
    """Return how many deliveries after a sequence fit, counting no further than a ceiling."""
    fitting = select(_d.c.sequence).where(_d.c.endpoint_id == endpoint_id, _d.c.sequence > after, *criteria)
    return int(await session.scalar(select(func.count()).select_from(fitting.limit(ceiling).subquery())))


async def latest_of_subjects(
    session: ReadSession, after: str, limit: int, subject_id: str | None = None
) -> Sequence[Row]:
    """Return the latest event of each subject after one, in the order of the subjects' ids."""
    latest = (
        select(_events.c.subject_id, func.max(_events.c.sequence).label("sequence"))
        .where(_events.c.subject_id > after, _events.c.sequence.is_not(None))
        .group_by(_events.c.subject_id)
        .order_by(_events.c.subject_id)
        .limit(limit)
    )
    if subject_id is not None:
        latest = latest.where(_events.c.subject_id == subject_id)
    newest = latest.subquery()
    columns = (_events.c.sequence, _events.c.id, _events.c.type, _events.c.subject_id, _events.c.root_id)
    statement = select(*columns).join(newest, newest.c.sequence == _events.c.sequence)
    return await session.rows(statement.order_by(_events.c.subject_id))


async def add_replay(tx: WriteSession, values: Mapping[str, Any]) -> None:
    """Insert one replay."""
    await tx.execute(insert(webhook_replays).values(values))


async def find_replay(session: ReadSession, replay_id: str, *, lock: bool = False) -> Row | None:
    """Return one replay."""
    statement = select(webhook_replays).where(webhook_replays.c.id == replay_id)
    return await session.row(statement.with_for_update() if lock else statement)


async def next_replay(tx: WriteSession) -> Row | None:
    """Lock a running replay that nobody else is working on."""
    running = select(webhook_replays).where(webhook_replays.c.state == "running")
    return await tx.row(running.order_by(webhook_replays.c.id).limit(1).with_for_update(skip_locked=True))


async def change_replay(tx: WriteSession, replay_id: str, values: Mapping[str, Any]) -> None:
    """Update a replay this transaction has locked."""
    await tx.execute(update(webhook_replays).where(webhook_replays.c.id == replay_id).values(values))


async def replay_page(session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the replays of the viewer's organisation."""
    statement = select(webhook_replays).join(
        webhook_endpoints, webhook_endpoints.c.id == webhook_replays.c.endpoint_id
    )
    if not viewer.sees_network:
        statement = statement.where(webhook_endpoints.c.organisation_id == (viewer.organisation_id or ""))
    return await fetch_page(session, statement, webhook_replays.c, query, signer)


async def forget_relayed(tx: WriteSession, until: datetime, limit: int) -> int:
    """Delete the oldest events of other services that were recorded before an instant."""
    oldest = select(relayed_events.c.row_id, relayed_events.c.recorded_at)
    rows = await tx.rows(oldest.order_by(relayed_events.c.row_id).limit(limit))
    old = [row["row_id"] for row in rows if row["recorded_at"] < until]
    if old:
        await tx.execute(delete(relayed_events).where(relayed_events.c.row_id.in_(old)))
    return len(old)


async def endpoints_with_deliveries(session: ReadSession) -> list[str]:
    """Return the endpoints that were ever to receive anything."""
    statement = select(_lanes.c.id).where(_lanes.c.sequence > 0).order_by(_lanes.c.id)
    return [row["id"] for row in await session.rows(statement)]


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
