"""Use cases of webhook endpoints. Whatever an endpoint's deliveries have to follow is put on its lane."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from services.registry.access.grants import owner_of
from services.registry.base import messaging, parties
from services.registry.egress.policy import EgressPolicy
from services.registry.egress.urls import checked_url
from services.registry.organisations.service import require_organisation
from services.registry.webhooks import repository
from services.registry.webhooks.errors import (
    AlreadyVerified,
    EndpointDisabled,
    EndpointNotDisabled,
    NotVerified,
    TooManyEndpoints,
    TooManySecrets,
)
from services.registry.webhooks.keys import add_secret
from services.registry.webhooks.lanes import add_lane, and_sweep, change_lane, lane_of, wake
from services.registry.webhooks.models import webhook_lanes
from services.registry.webhooks.schemas import (
    ENDPOINT_CREATED,
    ENDPOINT_DELETED,
    ENDPOINT_DISABLED,
    ENDPOINT_ENABLED,
    ENDPOINT_UPDATED,
    ENDPOINT_VERIFIED,
    WEBHOOK_TEST,
    DisabledReason,
    EnableEndpoint,
    EndpointCreate,
    EndpointRead,
    EndpointStanding,
    EndpointStatus,
    EndpointUpdate,
    WebhookTest,
)
from services.registry.webhooks.subscription import Subscription
from shared import clock
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import Viewer, set_parties
from shared.errors import NotFound, check_version
from shared.identity import SYSTEM, Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish
from shared.sealing import Sealer

CHANGED = "webhooks.changed"
"""The store's signal that an endpoint changed."""

MAX_ENDPOINTS = 100
MAX_LIVE_SECRETS = 3
_FILTERS = ("event_types", "home_unit_ids", "enclave_ids", "operator_ids", "project_ids")


async def create_endpoint(
    tx: WriteSession, actor: Principal, data: EndpointCreate, sealer: Sealer, egress: EgressPolicy
) -> tuple[EndpointRead, str]:
    """Add an endpoint, to be verified at once, and return it with its secret."""
    url = checked_url(data.url, egress)
    owner = owner_of(actor, data.organisation_id)
    await require_organisation(tx, owner)
    if await repository.count_of(tx, owner) >= MAX_ENDPOINTS:
        raise TooManyEndpoints()
    now = clock.now()
    values: dict[str, Any] = {
        **data.model_dump(mode="json"),
        "url": url,
        "id": new_id("whe"),
        "organisation_id": owner,
        "sees_network": actor.sees_network and owner == actor.organisation_id,
        "status": EndpointStatus.UNVERIFIED.value,
        "disabled_reason": None,
        "verified_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add(tx, values)
    await add_lane(tx, values["id"], now)
    await set_parties(tx, parties, values["id"], [] if values["sees_network"] else [owner])
    secret = await add_secret(tx, values["id"], sealer)
    record = EndpointRead.of(values)
    await _changed(tx, actor, ENDPOINT_CREATED, record)
    return record, secret


async def get_endpoint(session: ReadSession, viewer: Viewer, endpoint_id: str) -> EndpointRead:
    """Return one endpoint of the viewer's organisation."""
    return EndpointRead.of(await require_endpoint(session, viewer, endpoint_id))


async def list_endpoints(
    session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner
) -> tuple[list[EndpointRead], Page]:
    """Return one page of the endpoints of the viewer's organisation."""
    page = await repository.page(session, viewer, query, signer)
    return [EndpointRead.of(row) for row in page.rows], page


async def standing_of(session: ReadSession, viewer: Viewer, endpoint_id: str) -> EndpointStanding:
    """Return how an endpoint is doing now."""
    row = await require_endpoint(session, viewer, endpoint_id)
    lane = await lane_of(session, endpoint_id)
    closed = lane["closed_until"]
    return EndpointStanding(
        endpoint_id=endpoint_id,
        status=row["status"],
        sequence=lane["sequence"],
        breaker="open" if lane["breaker_open"] else "closed",
        closed_until=closed if closed and closed > clock.now() else None,
        failures=lane["failures"],
        failing_since=lane["failing_since"],
        last_success_at=lane["last_success_at"],
        handshake_tries=lane["handshake_tries"],
    )


async def update_endpoint(
    tx: WriteSession,
    actor: Principal,
    endpoint_id: str,
    expected_version: int,
    data: EndpointUpdate,
    egress: EgressPolicy,
) -> EndpointRead:
    """Change an endpoint. Another address is verified anew; another filter sweeps what is waiting."""
    row = await _lock(tx, actor, endpoint_id)
    check_version(row["version"], expected_version)
    sent = data.model_dump(mode="json", include=data.model_fields_set)
    if "url" in sent:
        sent["url"] = checked_url(sent["url"], egress)
    changes = {name: value for name, value in sent.items() if row[name] != value}
    if not changes:
        return EndpointRead.of(row)
    lane: dict[str, Any] = {"due_at": clock.now()}
    if "url" in changes:
        lane |= {"active": False, "closed_until": None, "round": webhook_lanes.c.round + 1, **_WORKS}
        changes["verified_at"] = None
        if row["status"] != EndpointStatus.DISABLED:
            changes["status"] = EndpointStatus.UNVERIFIED.value
            lane |= {"handshake_at": clock.now(), "handshake_tries": 0}
    if any(name in changes for name in _FILTERS):
        lane["sweep"] = await and_sweep(tx, endpoint_id, {"kind": "filter", "after": 0})
    await change_lane(tx, endpoint_id, lane)
    return await _change(tx, actor, row, changes, ENDPOINT_UPDATED)


async def delete_endpoint(
    tx: WriteSession, actor: Principal, endpoint_id: str, expected_version: int
) -> None:
    """Delete an endpoint; what was waiting for it is cancelled, its log stays readable."""
    row = await _lock(tx, actor, endpoint_id)
    check_version(row["version"], expected_version)
    lane = {
        "active": False,
        "handshake_at": None,
        "due_at": clock.now(),
        "deleted": True,
        "sweep": [{"kind": "all", "after": 0}],
    }
    await change_lane(tx, endpoint_id, lane)
    await repository.expire_secrets(tx, endpoint_id, clock.now())
    await _change(tx, actor, row, {"status": EndpointStatus.DELETED.value}, ENDPOINT_DELETED)


async def ask_again(tx: WriteSession, actor: Principal, endpoint_id: str) -> EndpointRead:
    """Have the handshake sent again, now."""
    row = await _lock(tx, actor, endpoint_id)
    if row["status"] != EndpointStatus.UNVERIFIED:
        raise EndpointDisabled() if row["status"] == EndpointStatus.DISABLED else AlreadyVerified()
    again = {"handshake_at": clock.now(), "handshake_tries": 0, "due_at": clock.now()}
    await change_lane(tx, endpoint_id, again)
    wake(tx)
    return EndpointRead.of(row)


async def rotate_secret(
    tx: WriteSession,
    actor: Principal,
    endpoint_id: str,
    expected_version: int,
    overlap_hours: int,
    sealer: Sealer,
) -> tuple[EndpointRead, str]:
    """Add a secret; those that are live go on signing beside it for so long, and no more than two of them."""
    row = await _lock(tx, actor, endpoint_id)
    check_version(row["version"], expected_version)
    now = clock.now()
    await repository.expire_secrets(tx, endpoint_id, now + timedelta(hours=overlap_hours))
    await repository.forget_secrets(tx, endpoint_id, now)
    if len(await repository.live_secrets(tx, endpoint_id, now)) >= MAX_LIVE_SECRETS:
        raise TooManySecrets()
    secret = await add_secret(tx, endpoint_id, sealer)
    record = await _change(tx, actor, row, {}, ENDPOINT_UPDATED, changed=["secret"])
    return record, secret


async def disable_endpoint(
    tx: WriteSession, actor: Principal, endpoint_id: str, expected_version: int
) -> EndpointRead:
    """Stop sending; what is waiting, and what comes, is held."""
    row = await _lock(tx, actor, endpoint_id)
    check_version(row["version"], expected_version)
    if row["status"] == EndpointStatus.DISABLED:
        raise EndpointDisabled()
    return await _disable(tx, actor, row, DisabledReason.OWNER)


async def disable_by_itself(tx: WriteSession, endpoint_id: str, reason: DisabledReason) -> bool:
    """Disable an endpoint for what its receiver does; False when it is not active any more.

    The caller has locked the lane, so that of many who see the same only one gives notice.
    """
    row = await repository.find(tx, SYSTEM, endpoint_id, lock=True)
    if row is None or row["status"] != EndpointStatus.ACTIVE:
        return False
    await _disable(tx, SYSTEM, row, reason)
    return True


async def enable_endpoint(
    tx: WriteSession, actor: Principal, endpoint_id: str, expected_version: int, data: EnableEndpoint
) -> EndpointRead:
    """Send again; of what was held all, what came since an instant, or nothing."""
    row = await _lock(tx, actor, endpoint_id)
    check_version(row["version"], expected_version)
    if row["status"] != EndpointStatus.DISABLED:
        raise EndpointNotDisabled()
    now, verified = clock.now(), row["verified_at"] is not None
    lane: dict[str, Any] = {
        "active": verified,
        "due_at": now,
        "closed_until": None,
        "enabled_at": now,
        "round": webhook_lanes.c.round + 1,
        **_WORKS,
    }
    if data.resume != "all":
        until = data.since if data.since is not None else now
        before = {"kind": "before", "until": clock.to_rfc3339(until), "after": 0}
        lane["sweep"] = await and_sweep(tx, endpoint_id, before)
    if not verified:
        lane |= {"handshake_at": now, "handshake_tries": 0}
    await change_lane(tx, endpoint_id, lane)
    status = EndpointStatus.ACTIVE if verified else EndpointStatus.UNVERIFIED
    changes = {"status": status.value, "disabled_reason": None}
    return await _change(tx, actor, row, changes, ENDPOINT_ENABLED)


async def verified(tx: WriteSession, endpoint_id: str, url: str) -> bool:
    """Let an endpoint take part, if it still points to the address that answered the handshake."""
    row = await repository.find(tx, SYSTEM, endpoint_id, lock=True)
    if row is None or row["status"] != EndpointStatus.UNVERIFIED or row["url"] != url:
        return False
    now = clock.now()
    lane = {"active": True, "handshake_at": None, "due_at": now, "enabled_at": now}
    await change_lane(tx, endpoint_id, lane)
    changes = {"status": EndpointStatus.ACTIVE.value, "verified_at": now}
    await _change(tx, SYSTEM, row, changes, ENDPOINT_VERIFIED)
    return True


async def send_test(tx: WriteSession, actor: Principal, endpoint_id: str) -> str:
    """Publish an event that reaches this endpoint alone, and return its id."""
    row = await _lock(tx, actor, endpoint_id)
    if row["status"] == EndpointStatus.UNVERIFIED:
        raise NotVerified()
    if row["status"] == EndpointStatus.DISABLED:
        raise EndpointDisabled()
    test = WebhookTest(
        endpoint_id=endpoint_id, message="飞地推送测试 · A test of your Feidi webhook endpoint"
    )
    return await _publish(tx, actor, WEBHOOK_TEST, EndpointRead.of(row), record=test)


async def require_endpoint(session: ReadSession, viewer: Viewer, endpoint_id: str) -> Row:
    """Return the row of an endpoint of the viewer's organisation, deleted or not, or raise a 404."""
    row = await repository.find(session, viewer, endpoint_id)
    if row is None:
        raise _no_such_endpoint()
    return row


async def require_listening_endpoint(session: ReadSession, viewer: Viewer, endpoint_id: str) -> Row:
    """Return the row of an endpoint that is not deleted, or raise a 404."""
    return await _require(session, viewer, endpoint_id)


async def subscriptions(session: ReadSession) -> list[Subscription]:
    """Return what every endpoint that is not deleted asks for."""
    return [Subscription(row) for row in await repository.listening(session)]


async def generation_of(session: ReadSession) -> int:
    """Return a number that moves with every change of any endpoint."""
    return await repository.generation(session)


async def current_generation(database: Database) -> int:
    """Return the same outside of any session, for those who ask often."""
    return await repository.current_generation(database)


_WORKS = {"breaker_open": False, "recent": [], "failures": 0, "failing_since": None}


async def _disable(tx: WriteSession, actor: Principal, row: Row, reason: DisabledReason) -> EndpointRead:
    lane = {"active": False, "handshake_at": None, "due_at": clock.now()}
    await change_lane(tx, row["id"], lane)
    changes = {"status": EndpointStatus.DISABLED.value, "disabled_reason": reason.value}
    return await _change(tx, actor, row, changes, ENDPOINT_DISABLED)


async def _require(session: ReadSession, viewer: Viewer, endpoint_id: str, *, lock: bool = False) -> Row:
    row = await repository.find(session, viewer, endpoint_id, lock=lock)
    if row is None or row["status"] == EndpointStatus.DELETED:
        raise _no_such_endpoint()
    return row


def _no_such_endpoint() -> NotFound:
    return NotFound("No such webhook endpoint.", "没有该推送端点。")


async def _lock(tx: WriteSession, viewer: Viewer, endpoint_id: str) -> Row:
    """Lock the lane, then the endpoint: the order in which those who deliver lock them."""
    await _require(tx, viewer, endpoint_id)
    await lane_of(tx, endpoint_id, lock=True)
    return await _require(tx, viewer, endpoint_id, lock=True)


async def _change(
    tx: WriteSession,
    actor: Principal,
    row: Row,
    changes: Mapping[str, Any],
    event_type: EventType,
    *,
    changed: Sequence[str] | None = None,
) -> EndpointRead:
    values = {**changes, "version": row["version"] + 1, "updated_at": clock.now()}
    await repository.change(tx, row["id"], values)
    record = EndpointRead.of({**row, **values})
    previous = {name: row[name] for name in changes if name != "verified_at"}
    await _changed(tx, actor, event_type, record, changed=changed or sorted(changes), previous=previous)
    return record


async def _changed(
    tx: WriteSession, actor: Principal, event_type: EventType, record: EndpointRead, **details: Any
) -> None:
    await repository.next_generation(tx)
    tx.after_commit(tx.database.signal(CHANGED).notify)
    await _publish(tx, actor, event_type, record, **details)
    wake(tx)


async def _publish(
    tx: WriteSession,
    actor: Principal,
    event_type: EventType,
    endpoint: EndpointRead,
    *,
    record: EndpointRead | WebhookTest | None = None,
    **details: Any,
) -> str:
    return await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record or endpoint,
        subject_type="webhook_endpoint",
        subject_id=endpoint.id,
        version=endpoint.version,
        root_id=endpoint.id,
        url=f"/v1/webhook-endpoints/{endpoint.id}",
        **details,
    )
