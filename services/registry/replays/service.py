"""Use cases of replays.

A replay goes on batch by batch, each in one transaction that also moves its position: it is resumed by
whoever looks next, and can be cancelled between two batches.
"""

from typing import Any

from services.registry.deliveries.fanout import deliver, facts_of
from services.registry.deliveries.service import count_matching, make_due, matching, send_again
from services.registry.replays import repository
from services.registry.replays.errors import ReplayNotRunning
from services.registry.replays.schemas import ReplayCreate, ReplayMode, ReplayRead
from services.registry.webhooks.lanes import endpoint_at_work, lock_lanes
from services.registry.webhooks.service import require_endpoint, require_listening_endpoint
from services.registry.webhooks.subscription import Subscription
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import Viewer
from shared.errors import NotFound
from shared.identity import SYSTEM, Principal
from shared.ids import new_id

MAX_LOOKED_AT = 20_000
"""A dry run looks no further, at deliveries or at records."""

_WINDOW = 10
"""How many sequences a step of a replay looks at, for each that it may send."""

_CRITERIA = {"from_time", "to_time", "from_sequence", "to_sequence", "event_types", "states", "subject_id"}


async def count_replay(session: ReadSession, viewer: Principal, data: ReplayCreate) -> ReplayRead:
    """Return a replay that is not begun, with how many it would send as far as it was looked at."""
    values = await _planned(session, viewer, data)
    unborn = {"id": None, "version": None, "created_at": None, "state": "dry_run"}
    return ReplayRead.of({**values, **unborn, "sent": await _count(session, values)})


async def create_replay(tx: WriteSession, actor: Principal, data: ReplayCreate) -> ReplayRead:
    """Begin a replay; what comes after its beginning is not part of it."""
    values = await _planned(tx, actor, data)
    await repository.add(tx, values)
    return ReplayRead.of(values)


async def _planned(session: ReadSession, viewer: Principal, data: ReplayCreate) -> dict[str, Any]:
    endpoint = await require_listening_endpoint(session, viewer, data.endpoint_id)
    criteria = data.model_dump(mode="json", include=_CRITERIA, exclude_none=True)
    head = (await endpoint_at_work(session, data.endpoint_id))["head"]
    if data.mode == ReplayMode.DELIVERIES:
        criteria["to_sequence"] = min(criteria.get("to_sequence", head), head)
    first = max(data.from_sequence or 1, 1)
    return {
        "id": new_id("wrp"),
        "endpoint_id": data.endpoint_id,
        "organisation_id": None if endpoint["sees_network"] else endpoint["organisation_id"],
        "mode": data.mode.value,
        "criteria": criteria,
        "state": "running",
        "position": str(first - 1) if data.mode == ReplayMode.DELIVERIES else "",
        "sent": 0,
        "version": 1,
        "created_at": clock.now(),
        "updated_at": clock.now(),
        "finished_at": None,
    }


async def get_replay(session: ReadSession, viewer: Viewer, replay_id: str) -> ReplayRead:
    """Return one replay of an endpoint of the viewer's organisation."""
    return ReplayRead.of(await _require(session, viewer, replay_id))


async def list_replays(
    session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner
) -> tuple[list[ReplayRead], Page]:
    """Return one page of the replays of the viewer's organisation."""
    page = await repository.page(session, viewer, query, signer)
    return [ReplayRead.of(row) for row in page.rows], page


async def cancel_replay(tx: WriteSession, actor: Principal, replay_id: str) -> ReplayRead:
    """Stop a replay; what it has made pending stays so."""
    await _require(tx, actor, replay_id)
    row = await _require(tx, actor, replay_id, lock=True)
    if row["state"] != "running":
        raise ReplayNotRunning()
    over = _moved(row, state="cancelled", finished_at=clock.now())
    await repository.change(tx, replay_id, over)
    return ReplayRead.of({**row, **over})


async def replay_some(tx: WriteSession, limit: int) -> int:
    """Go on with the replay that waits longest, by up to ``limit`` records; return ``limit`` if it did."""
    row = await repository.find_next(tx)
    if row is None:
        return 0
    lane = (await lock_lanes(tx, [row["endpoint_id"]]))[row["endpoint_id"]]
    if lane["deleted"]:
        state, position, sent = "cancelled", row["position"], 0
    elif row["mode"] == ReplayMode.DELIVERIES:
        state, position, sent = await _replay_deliveries(tx, row, limit)
    else:
        state, position, sent = await _replay_records(tx, row, limit)
    if sent:
        await make_due(tx, row["endpoint_id"])
    over = {} if state == "running" else {"state": state, "finished_at": clock.now()}
    await repository.change(tx, row["id"], _moved(row, position=position, sent=row["sent"] + sent, **over))
    return limit


async def _replay_deliveries(tx: WriteSession, row: Row, limit: int) -> tuple[str, str, int]:
    """Look at a window of sequences, so that a step costs the same however few of them fit."""
    first, last = int(row["position"]), row["criteria"]["to_sequence"]
    end = min(first + limit * _WINDOW, last)
    found = await matching(tx, row["endpoint_id"], first, limit, {**row["criteria"], "to_sequence": end})
    await send_again(tx, found)
    reached = found[-1]["sequence"] if len(found) == limit else end
    return "done" if reached >= last else "running", str(reached), len(found)


async def _replay_records(tx: WriteSession, row: Row, limit: int) -> tuple[str, str, int]:
    found = await _latest(tx, row, row["position"], limit)
    chosen = await _chosen(tx, row, found)
    await deliver(tx, {row["endpoint_id"]: chosen} if chosen else {})
    position = found[-1]["subject_id"] if found else row["position"]
    return "done" if len(found) < limit else "running", position, len(chosen)


async def _count(session: ReadSession, values: Row) -> int:
    if values["mode"] == ReplayMode.DELIVERIES:
        first = int(values["position"])
        end = min(first + MAX_LOOKED_AT, values["criteria"]["to_sequence"])
        criteria = {**values["criteria"], "to_sequence": end}
        return await count_matching(session, values["endpoint_id"], first, MAX_LOOKED_AT, criteria)
    counted, after = 0, ""
    for _ in range(MAX_LOOKED_AT // 1000):
        found = await _latest(session, values, after, 1000)
        counted += len(await _chosen(session, values, found))
        if len(found) < 1000:
            break
        after = found[-1]["subject_id"]
    return counted


async def _latest(session: ReadSession, replay: Row, after: str, limit: int) -> list[Row]:
    """Return the latest event of each record, of the types the endpoint takes and that are asked for."""
    endpoint = await require_endpoint(session, SYSTEM, replay["endpoint_id"])
    asked = [endpoint["event_types"], replay["criteria"].get("event_types") or ["*"]]
    subject_id = replay["criteria"].get("subject_id")
    return list(await repository.latest_of_subjects(session, after, limit, asked, subject_id))


async def _chosen(session: ReadSession, replay: Row, events: list[Row]) -> list[Row]:
    """Return those of the latest events that are for the endpoint and of the types asked for."""
    endpoint = await require_endpoint(session, SYSTEM, replay["endpoint_id"])
    asked = [Subscription(endpoint)]
    if names := replay["criteria"].get("event_types"):
        asked.append(Subscription({**endpoint, "event_types": names}))
    facts = await facts_of(session, events, asked)
    return [
        event
        for event, fact in zip(events, facts, strict=True)
        if all(subscription.takes(fact) for subscription in asked)
    ]


def _moved(row: Row, **values: Any) -> dict[str, Any]:
    return {**values, "version": row["version"] + 1, "updated_at": clock.now()}


async def _require(session: ReadSession, viewer: Viewer, replay_id: str, *, lock: bool = False) -> Row:
    row = await repository.find(session, replay_id, lock=lock)
    if row is not None:
        try:
            await require_endpoint(session, viewer, row["endpoint_id"])
        except NotFound:
            row = None
    if row is None:
        raise NotFound("No such replay.", "没有该重放。")
    return row
