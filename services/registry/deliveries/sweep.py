"""Cancelling what waits and is not to be sent any more, a bounded batch in a transaction of its own."""

from datetime import datetime
from typing import Any

from services.registry.deliveries import repository
from services.registry.deliveries.fanout import facts_of
from services.registry.webhooks.lanes import change_lane, endpoint_at_work, lock_lanes
from services.registry.webhooks.subscription import Subscription
from shared import clock
from shared.db.engine import Database, Row, WriteSession

_BATCH = 500


async def sweep(database: Database, endpoint: Row, token: str) -> None:
    """Go through what is pending of an endpoint until its sweep is done or somebody else holds the lane."""
    while True:
        async with database.write() as tx:
            lane = (await lock_lanes(tx, [endpoint["id"]]))[endpoint["id"]]
            if lane["lease_token"] != token or lane["sweep"] is None:
                return
            await _sweep_some(tx, await endpoint_at_work(tx, endpoint["id"]))


async def _sweep_some(tx: WriteSession, endpoint: Row) -> None:
    """Do a batch of the first sweep; a filter is the endpoint's as it is now."""
    how, *others = endpoint["sweep"]
    rows = await repository.pending_after(tx, endpoint["id"], how["after"], _BATCH)
    doomed = list(rows)
    if how["kind"] == "before":
        until = datetime.fromisoformat(how["until"])
        doomed = [row for row in rows if row["created_at"] < until]
    elif how["kind"] == "filter":
        subscription = Subscription(endpoint)
        facts = await facts_of(tx, [{**row, "type": row["event_type"]} for row in rows], [subscription])
        doomed = [row for row, fact in zip(rows, facts, strict=True) if not subscription.takes(fact)]
    await repository.cancel(tx, doomed, clock.now())
    for row in doomed:
        if row["attempts"]:
            await repository.free_behind(tx, row, clock.now())
    rest: list[dict[str, Any]] = [{**how, "after": rows[-1]["sequence"]}] if len(rows) == _BATCH else []
    await change_lane(tx, endpoint["id"], {"sweep": [*rest, *others] or None})
