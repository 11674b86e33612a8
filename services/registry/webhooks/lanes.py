"""The lane of an endpoint: what its deliveries have to follow. Lock it before the endpoint and its log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, bindparam, insert, select, update

from services.registry.webhooks.models import webhook_endpoints, webhook_lanes
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.hot import HotUpdate
from shared.messaging.leases import claim_rows, release_rows

LANES = "webhooks.lanes"
"""The store's signal that a lane has something to do."""

_lanes = webhook_lanes


async def add_lane(tx: WriteSession, endpoint_id: str, now: datetime) -> None:
    """Give a new endpoint its lane, with a handshake that is due."""
    lane = {
        "id": endpoint_id,
        "active": False,
        "sequence": 0,
        "due_at": now,
        "handshake_at": now,
        "handshake_tries": 0,
        "breaker_open": False,
        "recent": [],
        "failures": 0,
        "deleted": False,
        "round": 0,
    }
    await tx.execute(insert(_lanes).values(lane))


async def lane_of(session: ReadSession, endpoint_id: str, *, lock: bool = False) -> Row:
    """Return the lane of an endpoint that exists, locked if asked."""
    statement = select(_lanes).where(_lanes.c.id == endpoint_id)
    row = await session.row(statement.with_for_update() if lock else statement)
    assert row is not None
    return row


async def change_lane(tx: WriteSession, endpoint_id: str, values: Mapping[str, Any]) -> None:
    """Update a lane this transaction has locked."""
    await tx.execute(update(_lanes).where(_lanes.c.id == endpoint_id).values(values))


async def and_sweep(session: ReadSession, endpoint_id: str, sweep: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sweeps of a locked lane that are not done, and one more."""
    return [*((await lane_of(session, endpoint_id))["sweep"] or ()), sweep]


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


async def endpoints_with_deliveries(session: ReadSession) -> list[str]:
    """Return the endpoints that were ever to receive anything."""
    statement = select(_lanes.c.id).where(_lanes.c.sequence > 0).order_by(_lanes.c.id)
    return [row["id"] for row in await session.rows(statement)]


def wake(tx: WriteSession) -> None:
    """Let workers look at the lanes once ``tx`` has committed."""
    tx.after_commit(tx.database.signal(LANES).notify)
