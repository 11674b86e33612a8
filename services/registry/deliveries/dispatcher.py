"""The work of lanes: claim those that are due, sweep, shake hands, send, and say when they are due next."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.registry.deliveries import repository
from services.registry.deliveries.handshake import shake_hands
from services.registry.deliveries.lane import LaneTurn, Sender, takes_part
from services.registry.deliveries.outcomes import OutcomeWriter
from services.registry.deliveries.sweep import sweep
from services.registry.egress.client import EgressClient
from services.registry.egress.policy import SLOWEST_ANSWER_S
from services.registry.webhooks import lanes
from services.registry.webhooks.keys import live_keys
from services.registry.webhooks.lanes import LANES
from services.registry.webhooks.parts import WebhookParts
from services.registry.webhooks.schemas import EndpointStatus
from services.registry.webhooks.service import generation_of
from shared import clock
from shared.db.engine import Database, Row, WriteSession
from shared.logging import get_logger
from shared.messaging.loop import LeaseLoop

_MARGIN_S = 5.0
_LINGER_S = 0.5
_REST = timedelta(seconds=5)
"""After a turn that ended with an error of our own: the store was away, or a secret cannot be read."""

_log = get_logger(__name__)


class Dispatcher:
    """Delivers the webhooks of one store; any number of processes may run one.

    ``lease_s`` is after how long another process takes over the lanes of one that died; ``lanes`` is how many
    endpoints are worked on at once.
    """

    def __init__(
        self,
        database: Database,
        client: EgressClient,
        parts: WebhookParts,
        *,
        lease_s: float = 60.0,
        lanes: int = 256,
        poll_s: float = 1.0,
    ) -> None:
        self._database = database
        self._client = client
        self._parts = parts
        self._stopping = False
        self._linger_s = 0.0
        self._sender = Sender(
            database,
            client,
            OutcomeWriter(database),
            parts.signing_key,
            turn_s_of(lease_s),
            lambda: self._stopping,
            lambda: self._linger_s,
        )
        self._loop: LeaseLoop[Row, bool] = LeaseLoop(
            "webhooks",
            database,
            self,
            lease_s=lease_s,
            concurrency=lanes,
            poll_s=poll_s,
            signal=database.signal(LANES),
            clock=clock.now,
        )

    async def start(self) -> None:
        """Free what a process that died held, where this must be the only process."""
        if self._database.dialect == "sqlite":
            async with self._database.write() as tx:
                await lanes.forget_leases(tx)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set; what is being sent then is finished."""
        self._stopping, self._linger_s = False, _LINGER_S
        watching = asyncio.create_task(self._watch(stop))
        try:
            await self._loop.run(stop)
        finally:
            watching.cancel()

    async def run_once(self) -> int:
        """Work on every lane that is due now and return how many there were."""
        return await self._loop.run_once()

    async def claim(self, tx: WriteSession, token: str, until: datetime, limit: int) -> Sequence[Row]:
        """Lease lanes."""
        rows = await lanes.claim_lanes(tx, token, clock.now(), until, limit)
        return [{**row, "lease_token": token} for row in rows]

    async def work(self, item: Row) -> bool:
        """Take one turn on one lane; return whether it went well."""
        try:
            await self._turn(item)
        except Exception:
            _log.exception("lane_failed", endpoint_id=item["id"])
            return False
        return True

    async def _turn(self, item: Row) -> None:
        token = item["lease_token"]
        async with self._database.read() as session:
            generation = await generation_of(session)
            endpoint = await lanes.endpoint_at_work(session, item["id"])
            keys = await live_keys(session, item["id"], self._parts.sealer)
        if endpoint["sweep"] is not None:
            await sweep(self._database, endpoint, token)
        if _wants_handshake(endpoint):
            await shake_hands(self._sender, endpoint, keys, token)
        elif takes_part(endpoint):
            await LaneTurn(self._sender, endpoint, keys, token, generation).run()

    async def apply(self, tx: WriteSession, item: Row, outcome: bool, token: str) -> None:
        """Say when the lane is due next, and give it back; one that failed rests."""
        lane = (await lanes.lock_lanes(tx, [item["id"]]))[item["id"]]
        if lane["lease_token"] != token:
            return
        due_at = await self._next_due(tx, lane)
        if due_at is not None and not outcome:
            due_at = max(due_at, clock.now() + _REST)
        freed: dict[str, Any] = {"due_at": due_at, "lease_token": None, "leased_until": None}
        await lanes.change_lanes(tx, {item["id"]: freed})
        if due_at is not None and due_at <= clock.now():
            tx.after_commit(self._database.signal(LANES).notify)

    async def release(self, tx: WriteSession, token: str) -> None:
        """Give back what a stop cut short."""
        await lanes.release_lanes(tx, token)

    async def _next_due(self, tx: WriteSession, lane: Row) -> datetime | None:
        if lane["sweep"] is not None:
            return clock.now()
        if not lane["active"]:
            due: datetime | None = lane["handshake_at"]
            return due
        endpoint = await lanes.endpoint_at_work(tx, lane["id"])
        next_due = await repository.next_due(tx, lane["id"], endpoint["ordering"])
        if next_due is None or lane["closed_until"] is None:
            return next_due
        closed_until: datetime = lane["closed_until"]
        return max(next_due, closed_until)

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopping = True


def turn_s_of(lease_s: float) -> float:
    """Return for how long a turn may begin to send, so that the last answer is written within the lease."""
    return max(lease_s * 0.8 - SLOWEST_ANSWER_S - _MARGIN_S, lease_s / 4)


def _wants_handshake(endpoint: Row) -> bool:
    at = endpoint["handshake_at"]
    return bool(endpoint["status"] == EndpointStatus.UNVERIFIED and at is not None and at <= clock.now())
