"""From events to deliveries, in the transaction that gives the events their position.

So a delivery exists as soon as its event can be read, whatever crashes, and every endpoint's own sequence
follows the order of the feed without a gap.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.registry.deliveries import repository
from services.registry.deliveries.schemas import DeliveryState
from services.registry.projects.service import enclaves_of
from services.registry.webhooks.lanes import LANES, change_lanes, lock_lanes
from services.registry.webhooks.service import generation_of, subscriptions
from services.registry.webhooks.subscription import TEST_EVENT, EventFacts, Subscription
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.ids import new_id

_ENCLAVE = "enc_"
_AT_ONCE = 2000
"""Rows of one statement: the time a statement may take does not grow with the endpoints."""


class FanOut:
    """Gives every event to the endpoints it is for. Subscriptions are remembered until one changes."""

    def __init__(self) -> None:
        self._known = _Known(-1, [])

    async def __call__(self, tx: WriteSession, events: Sequence[Row]) -> None:
        """Insert the deliveries of events, which have ``sequence, id, type, subject_id, root_id``."""
        generation = await generation_of(tx)
        known = self._known
        if generation != known.generation:
            # Of this generation or a later one: what is not committed cannot be read here.
            known = self._known = _Known(generation, await subscriptions(tx))
        wanted = [event for event in events if known.takers(event["type"])]
        if not wanted:
            return
        facts = await facts_of(tx, wanted, known.subscriptions)
        chosen: dict[str, list[Row]] = {}
        for event, fact in zip(wanted, facts, strict=True):
            for subscription in known.takers(event["type"]):
                if subscription.takes(fact):
                    chosen.setdefault(subscription.endpoint_id, []).append(event)
        await deliver(tx, chosen)


class _Known:
    """The subscriptions of one generation, by the types they take."""

    def __init__(self, generation: int, found: list[Subscription]) -> None:
        self.generation = generation
        self.subscriptions = found
        self._takers: dict[str, list[Subscription]] = {}

    def takers(self, type: str) -> list[Subscription]:
        found = self._takers.get(type)
        if found is None:
            found = [one for one in self.subscriptions if type == TEST_EVENT or one.takes_type(type)]
            self._takers[type] = found
        return found


async def facts_of(
    session: ReadSession, events: Sequence[Row], asking: Sequence[Subscription]
) -> list[EventFacts]:
    """Return what subscriptions decide by, for each event."""
    roots = {event["root_id"] for event in events}
    parties = await repository.parties_of_roots(session, roots)
    asked = any(subscription.asks_for_enclaves for subscription in asking)
    enclaves = await enclaves_of(session, roots) if asked else {}
    return [
        EventFacts(
            event["type"],
            event["root_id"],
            frozenset(parties.get(event["root_id"], ())),
            event["root_id"] if event["root_id"].startswith(_ENCLAVE) else enclaves.get(event["root_id"]),
        )
        for event in events
    ]


async def deliver(tx: WriteSession, chosen: Mapping[str, Sequence[Row]]) -> None:
    """Append events to endpoints' sequences, in the order given, and make their lanes due."""
    if not chosen:
        return
    now = clock.now()
    lanes = await lock_lanes(tx, chosen)
    rows: list[dict[str, Any]] = []
    changes: dict[str, dict[str, Any]] = {}
    wakes = False
    for endpoint_id, lane in lanes.items():
        if lane["deleted"]:
            continue
        head = lane["sequence"]
        for number, event in enumerate(chosen[endpoint_id], head + 1):
            rows.append(_delivery(endpoint_id, number, event, now))
        due_at = _due(lane, now)
        changes[endpoint_id] = {"sequence": head + len(chosen[endpoint_id]), "due_at": due_at}
        wakes = wakes or (due_at is not None and due_at <= now and not _is_leased(lane, now))
        tx.after_commit(tx.database.signal(lane_signal(endpoint_id)).notify)
    for start in range(0, len(rows), _AT_ONCE):
        await repository.add(tx, rows[start : start + _AT_ONCE])
    await change_lanes(tx, changes)
    if wakes:
        tx.after_commit(tx.database.signal(LANES).notify)


def lane_signal(endpoint_id: str) -> str:
    """Return the name of the signal that an endpoint has more to send."""
    return f"webhooks.lane.{endpoint_id}"


def _is_leased(lane: Row, now: datetime) -> bool:
    """Whether somebody works on the lane, who looks for more before giving it back."""
    until: datetime | None = lane["leased_until"]
    return until is not None and until > now


def _due(lane: Row, now: datetime) -> datetime | None:
    """When the lane is due, now that there is more; one that is closed or not active has to wait."""
    due: datetime | None = lane["due_at"]
    if not lane["active"]:
        return due
    earliest = max(now, lane["closed_until"]) if lane["closed_until"] else now
    return earliest if due is None else min(due, earliest)


def _delivery(endpoint_id: str, sequence: int, event: Row, now: datetime) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint_id,
        "sequence": sequence,
        "created_at": now,
        "id": new_id("dlv"),
        "event_id": event["id"],
        "event_type": event["type"],
        "event_sequence": event["sequence"],
        "subject_id": event["subject_id"],
        "root_id": event["root_id"],
        "state": DeliveryState.PENDING.value,
        "attempts": 0,
        "tries": 0,
        "due_at": now,
        "finished_at": None,
    }
