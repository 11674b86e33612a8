"""One turn of one endpoint's lane: what is due is sent, within the endpoint's limits and in its order."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.registry.deliveries import repository
from services.registry.deliveries.body import body_of
from services.registry.deliveries.breaker import Standing
from services.registry.deliveries.fanout import lane_signal
from services.registry.deliveries.outcomes import LaneLost, Outcome, OutcomeWriter, Report
from services.registry.deliveries.schedule import CLOSING_STATUSES, GONE, next_try, parse_retry_after
from services.registry.deliveries.schemas import DeliveryState
from services.registry.egress.client import Answer, EgressClient
from services.registry.signatures.standard_webhooks import ID, SIGNATURE, TIMESTAMP, sign
from services.registry.webhooks.schemas import DisabledReason, EndpointStatus, Signature
from services.registry.webhooks.service import CHANGED, current_generation
from shared import clock
from shared.db.engine import Database, Row

USER_AGENT = "Feidi-Webhooks/1"
_READ = 128
_MAX_UNWRITTEN = 1000


@dataclass(frozen=True)
class Sender:
    """What all lanes of a process share.

    ``turn_s`` is how long one may go on before it is taken anew; with nothing to send it keeps its lease for
    ``linger_s``, which costs less than to take it again.
    """

    database: Database
    client: EgressClient
    writer: OutcomeWriter
    signing_key: Ed25519PrivateKey
    turn_s: float
    stopping: Callable[[], bool]
    linger_s: Callable[[], float]


def message_headers(
    sender: Sender, endpoint: Row, keys: list[bytes], message_id: str, body: bytes, type: str
) -> dict[str, str]:
    """Return the headers of a message sent now, by the wall clock: receivers compare it with theirs."""
    at = int(clock.real().timestamp())
    symmetric = keys if Signature.V1 in endpoint["signatures"] else []
    private_key = sender.signing_key if Signature.V1A in endpoint["signatures"] else None
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        ID: message_id,
        TIMESTAMP: str(at),
        SIGNATURE: sign(symmetric, message_id, at, body, private_key),
        "webhook-event-type": type,
    }


class LaneTurn:
    """Sends for one endpoint while the lease lasts. What it decides by is its alone until then."""

    def __init__(self, sender: Sender, endpoint: Row, keys: list[bytes], token: str, generation: int) -> None:
        self._sender = sender
        self._endpoint = endpoint
        self._keys = keys
        self._token = token
        self._generation = generation
        self._standing = Standing.of(endpoint)
        self._buffer: deque[Row] = deque()
        self._busy: set[int] = set()
        self._written: set[asyncio.Future[None]] = set()
        self._turn = asyncio.Lock()
        self._signal = sender.database.signal(lane_signal(endpoint["id"]))
        self._ends_at = asyncio.get_running_loop().time() + sender.turn_s
        self._changes = sender.database.signal(CHANGED)
        self._seen = self._changes.count
        self._next_at = 0.0
        self._over = False
        self._failure: Exception | None = None

    async def run(self) -> None:
        """Send until nothing is due, the turn is over, or the endpoint is closed."""
        if self._standing.breaker_open and not self._standing.is_closed(clock.now()):
            await self._send_next()
        if not self._standing.breaker_open:
            workers = 1 if self._endpoint["ordering"] == "endpoint" else self._endpoint["max_in_flight"]
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._send_all())
        await self._flush()
        # Whoever takes the lane next may send at once; the space between two attempts is kept here.
        await self._keep_pace()
        if self._failure is not None:
            raise self._failure

    async def _send_all(self) -> None:
        while await self._send_next():
            pass

    async def _send_next(self) -> bool:
        async with self._turn:
            try:
                delivery = await self._take()
            except Exception as error:
                # What is on its way is still finished and written; the turn fails after that.
                self._failure, delivery = error, None
        if delivery is None:
            self._over = True
            return False
        started_at = clock.now()
        answer = await self._post(delivery)
        self._report(self._judge(delivery, started_at, answer), answer)
        if self._endpoint["ordering"] != "none" or self._standing.breaker_open:
            await self._flush()
        return True

    async def _take(self) -> Row | None:
        """Return the next delivery to send now, or None when the turn is over."""
        if not self._may_go_on():
            return None
        await self._keep_pace()
        while not self._buffer:
            seen = self._signal.count
            if not await self._read():
                return None
            if not self._buffer and not await self._wait_for_more(seen):
                return None
        if not self._may_go_on() or await self._has_changed():
            return None
        if self._endpoint["max_rps"]:
            self._next_at = asyncio.get_running_loop().time() + 1 / self._endpoint["max_rps"]
        return self._buffer.popleft()

    async def _keep_pace(self) -> None:
        if (pause := self._next_at - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(pause)

    def _may_go_on(self) -> bool:
        return not (
            self._over
            or self._sender.stopping()
            or asyncio.get_running_loop().time() > self._ends_at
            or self._standing.is_closed(clock.now())
        )

    async def _has_changed(self) -> bool:
        """Whether somebody has changed an endpoint since the turn began; asked of the store after a hint."""
        if self._changes.count == self._seen:
            return False
        self._seen = self._changes.count
        return await current_generation(self._sender.database) != self._generation

    async def _read(self) -> bool:
        """Fill the buffer with what is due; False when somebody has changed the endpoint meanwhile."""
        endpoint = self._endpoint
        if len(self._busy) >= _MAX_UNWRITTEN:
            await self._flush()
        database = self._sender.database
        if await current_generation(database) != self._generation:
            return False
        # What is written while this reads may still be read as pending.
        busy = set(self._busy)
        rows = await repository.due(
            database, endpoint["id"], endpoint["ordering"], clock.now(), _READ + len(busy)
        )
        if forgotten := [row for row in rows if row["payload"] is None]:
            async with database.write() as tx:
                await repository.cancel(tx, forgotten, clock.now())
        for row in rows:
            if row["sequence"] not in busy and row["payload"] is not None:
                self._busy.add(row["sequence"])
                self._buffer.append(row)
        return True

    async def _wait_for_more(self, seen: int) -> bool:
        """Wait for new deliveries, or for what is on the way to be written; False when nothing came."""
        left = self._ends_at - asyncio.get_running_loop().time()
        if not self._busy:
            left = min(self._sender.linger_s(), left)
        return await self._signal.wait(seen, max(left, 0)) and self._may_go_on()

    async def _post(self, delivery: Row) -> Answer:
        body = body_of(delivery)
        headers = message_headers(
            self._sender, self._endpoint, self._keys, delivery["event_id"], body, delivery["event_type"]
        )
        headers["webhook-delivery-id"] = delivery["id"]
        headers["webhook-attempt"] = str(delivery["attempts"] + 1)
        headers["webhook-sequence"] = str(delivery["sequence"])
        return await self._sender.client.post(self._endpoint["url"], body, headers)

    def _judge(self, delivery: Row, started_at: datetime, answer: Answer) -> Outcome:
        now = clock.now()
        if answer.status is not None and 200 <= answer.status < 300:
            self._standing = self._standing.succeeded(now)
            return Outcome(delivery, started_at, answer, DeliveryState.DELIVERED, delivery["tries"], now, now)
        retry_after = parse_retry_after(answer.retry_after, clock.real())
        closes = retry_after is not None and answer.status in CLOSING_STATUSES
        self._standing = self._standing.failed(now, now + retry_after if closes and retry_after else None)
        tries = delivery["tries"] + 1
        again = next_try(tries, now, retry_after)
        if again is None:
            return Outcome(delivery, started_at, answer, DeliveryState.DEAD, tries, now, now)
        return Outcome(delivery, started_at, answer, DeliveryState.PENDING, tries, again, None)

    def _report(self, outcome: Outcome, answer: Answer) -> None:
        disable = None
        if answer.status == GONE:
            disable = DisabledReason.GONE
        elif outcome.state is not DeliveryState.DELIVERED and self._standing.is_beyond_hope(clock.now()):
            disable = DisabledReason.FAILING
        if disable is not None:
            self._over = True
        report = Report(
            self._endpoint["id"],
            self._token,
            self._endpoint["ordering"],
            [outcome],
            self._standing,
            self._endpoint["round"],
            disable,
        )
        written = self._sender.writer.submit(report)
        self._written.add(written)
        written.add_done_callback(lambda done: self._settled(done, outcome.delivery["sequence"]))

    def _settled(self, written: asyncio.Future[None], sequence: int) -> None:
        self._written.discard(written)
        self._busy.discard(sequence)
        self._signal.notify()
        if not written.cancelled() and written.exception() is not None:
            self._over = True

    async def _flush(self) -> None:
        """Wait until everything that was sent is written."""
        for written in list(self._written):
            try:
                await asyncio.shield(written)
            except LaneLost:
                self._over = True
            except Exception as error:
                self._failure, self._over = error, True


def takes_part(endpoint: Row) -> bool:
    """Tell whether an endpoint is sent anything."""
    return bool(endpoint["status"] == EndpointStatus.ACTIVE)
