"""Use cases of deliveries: reading the log, sending again, cancelling, reconciling."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from services.registry.deliveries import repository
from services.registry.deliveries.body import body_of
from services.registry.deliveries.errors import DeliveryNotPending, RangeTooLong
from services.registry.deliveries.outcomes import read_of
from services.registry.deliveries.schemas import (
    AttemptRead,
    Attempts,
    DeliveryRead,
    DeliveryState,
    Reconciliation,
    Run,
)
from services.registry.webhooks.lanes import change_lane, endpoint_at_work, lock_lanes, wake
from services.registry.webhooks.service import require_endpoint, require_listening_endpoint
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import Viewer
from shared.errors import NotFound
from shared.identity import Principal

MAX_RECONCILED = 100_000
EXPIRED = "expired"


async def get_delivery(session: ReadSession, viewer: Viewer, delivery_id: str) -> DeliveryRead:
    """Return one delivery of an endpoint of the viewer's organisation."""
    return read_of(await _require(session, viewer, delivery_id))


async def list_deliveries(
    session: ReadSession, viewer: Viewer, endpoint_id: str, query: ListQuery, signer: CursorSigner
) -> tuple[list[DeliveryRead], Page]:
    """Return one page of an endpoint's deliveries."""
    await require_endpoint(session, viewer, endpoint_id)
    page = await repository.page(session, endpoint_id, query, signer)
    return [read_of(row) for row in page.rows], page


async def attempts_of(session: ReadSession, viewer: Viewer, delivery_id: str) -> Attempts:
    """Return every attempt of a delivery."""
    await _require(session, viewer, delivery_id)
    return await _attempts(session, delivery_id)


async def handshakes_of(session: ReadSession, viewer: Viewer, endpoint_id: str) -> Attempts:
    """Return every attempt at a handshake with an endpoint."""
    await require_endpoint(session, viewer, endpoint_id)
    return await _attempts(session, endpoint_id)


async def retry(tx: WriteSession, actor: Principal, delivery_id: str) -> DeliveryRead:
    """Send a delivery again now, whatever became of it, with a whole round of tries before it."""
    row = await _lock(tx, actor, delivery_id)
    now = clock.now()
    fresh = {"state": DeliveryState.PENDING.value, "tries": 0, "due_at": now, "finished_at": None}
    await repository.change(tx, row, fresh)
    await make_due(tx, row["endpoint_id"])
    return read_of({**row, **fresh})


async def cancel(tx: WriteSession, actor: Principal, delivery_id: str) -> DeliveryRead:
    """Give up a delivery that is pending."""
    row = await _lock(tx, actor, delivery_id)
    if row["state"] != DeliveryState.PENDING:
        raise DeliveryNotPending()
    over = {"state": DeliveryState.CANCELLED.value, "finished_at": clock.now()}
    await repository.change(tx, row, over)
    await repository.free_behind(tx, row, clock.now())
    await make_due(tx, row["endpoint_id"])
    return read_of({**row, **over})


async def make_due(tx: WriteSession, endpoint_id: str) -> None:
    """Let a lane that this transaction has locked be looked at, if its endpoint takes part and is open."""
    lane = (await lock_lanes(tx, [endpoint_id]))[endpoint_id]
    if lane["active"]:
        now = clock.now()
        due_at = max(now, lane["closed_until"]) if lane["closed_until"] else now
        await change_lane(tx, endpoint_id, {"due_at": due_at})
        wake(tx)


async def reconcile(
    session: ReadSession, viewer: Viewer, endpoint_id: str, first: int, last: int | None
) -> Reconciliation:
    """Return the state of every sequence from ``first`` to ``last``, or to the head, in runs."""
    await require_endpoint(session, viewer, endpoint_id)
    head = (await endpoint_at_work(session, endpoint_id))["head"]
    end = head if last is None else min(last, head)
    if end - first >= MAX_RECONCILED:
        raise RangeTooLong()
    rows = await repository.states_between(session, endpoint_id, first, end)
    digest, runs, expected = hashlib.sha256(), list[Run](), first
    counts = dict.fromkeys((*DeliveryState, EXPIRED), 0)
    for row in rows:
        if row["sequence"] > expected:
            _extend(runs, counts, expected, row["sequence"] - 1, EXPIRED)
        _extend(runs, counts, row["sequence"], row["sequence"], row["state"])
        digest.update(f"{row['sequence']}:{row['event_id']}\n".encode())
        expected = row["sequence"] + 1
    if expected <= end:
        _extend(runs, counts, expected, end, EXPIRED)
    return Reconciliation(
        endpoint_id=endpoint_id,
        head=head,
        from_sequence=first,
        to_sequence=max(end, first - 1),
        counts={str(state): count for state, count in counts.items()},
        runs=runs,
        digest=digest.hexdigest(),
    )


async def original_body(session: ReadSession, delivery_id: str, organisation_id: str) -> bytes | None:
    """Return the bytes that were sent for a delivery of an organisation, or None."""
    row = await repository.find(session, delivery_id)
    if row is None:
        return None
    endpoint = await endpoint_at_work(session, row["endpoint_id"])
    if endpoint["organisation_id"] != organisation_id:
        return None
    found = await repository.after_sequence(session, row["endpoint_id"], row["sequence"] - 1, 1)
    return body_of(found[0]) if found and found[0]["payload"] is not None else None


def _extend(runs: list[Run], counts: dict[Any, int], first: int, last: int, state: str) -> None:
    counts[state] += last - first + 1
    if runs and runs[-1].state == state and runs[-1].to_sequence == first - 1:
        runs[-1] = runs[-1].model_copy(update={"to_sequence": last})
    else:
        runs.append(Run(from_sequence=first, to_sequence=last, state=state))


async def _attempts(session: ReadSession, of: str) -> Attempts:
    rows = await repository.attempts_of(session, of)
    return Attempts(items=[AttemptRead.of(row) for row in rows])


async def _require(session: ReadSession, viewer: Viewer, delivery_id: str, *, lock: bool = False) -> Row:
    row = await repository.find(session, delivery_id, lock=lock)
    if row is not None:
        try:
            await require_endpoint(session, viewer, row["endpoint_id"])
        except NotFound:
            row = None
    if row is None:
        raise NotFound("No such delivery.", "没有该推送。")
    return row


async def _lock(tx: WriteSession, viewer: Viewer, delivery_id: str) -> Row:
    """Lock the lane, then the delivery: the order in which those who deliver lock them."""
    row = await _require(tx, viewer, delivery_id)
    await require_listening_endpoint(tx, viewer, row["endpoint_id"])
    await lock_lanes(tx, [row["endpoint_id"]])
    return await _require(tx, viewer, delivery_id, lock=True)


async def matching(
    session: ReadSession, endpoint_id: str, after: int, limit: int, criteria: Mapping[str, Any]
) -> Sequence[Row]:
    """Return the deliveries after a sequence that fit criteria of a replay, in order."""
    return await repository.after_sequence(session, endpoint_id, after, limit, *repository.between(criteria))


async def count_matching(
    session: ReadSession, endpoint_id: str, after: int, ceiling: int, criteria: Mapping[str, Any]
) -> int:
    """Return how many deliveries after a sequence fit, counting no further than a ceiling."""
    return await repository.count_matching(session, endpoint_id, after, ceiling, repository.between(criteria))


async def send_again(tx: WriteSession, deliveries: Sequence[Row]) -> None:
    """Make deliveries of one endpoint, whose lane is locked, pending again."""
    await repository.repend(tx, deliveries, clock.now())
