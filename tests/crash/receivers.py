"""Partners' receivers on loopback, of which nearly a third of the answers fail, each in a way of its own."""

import asyncio
import contextlib
import hashlib
import itertools
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

HANDSHAKE = "webhook.endpoint_verification"
FAILURES = {"error": 0.11, "busy": 0.06, "dropped": 0.06, "swallowed": 0.06, "hung": 0.01}
TORN = 0.04
_HANGS_S = 3.0
_SLOW_S = 0.05


@dataclass(slots=True)
class Hit:
    """One request. ``arrived`` and ``acknowledged`` count what happened at all receivers, one by one;
    ``acknowledged`` is the moment before a 2xx of which the sender can hear goes out.
    """

    path: str
    webhook_id: str
    sequence: int
    subject_id: str
    digest: str
    signed: bool
    arrived: int
    answer: str
    acknowledged: int | None = None


@dataclass
class Receivers:
    """Receivers by path; ``secrets`` are those the signatures must be of."""

    chance: random.Random
    origin: str = ""
    failing: bool = False
    secrets: dict[str, str] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    bodies: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _moments: Any = field(default_factory=itertools.count)

    def url(self, path: str) -> str:
        return self.origin + path

    async def handle(self, request: web.Request) -> web.StreamResponse:
        arrived = next(self._moments)
        body = await request.read()
        document = json.loads(body)
        if document["type"] == HANDSHAKE:
            return web.json_response({"challenge": document["challenge"]})
        hit = self._hit(request, body, document, arrived)
        self.hits.append(hit)
        self.bodies.setdefault((hit.path, hit.sequence), body)
        return await getattr(self, f"_{hit.answer}")(request, hit)

    def _hit(self, request: web.Request, body: bytes, document: Any, arrived: int) -> Hit:
        headers = {name.lower(): value for name, value in request.headers.items()}
        sequence = document["delivery"]["sequence"]
        signed = self._is_signed(request.path, headers, body)
        signed = signed and headers.get("webhook-sequence") == str(sequence)
        return Hit(
            request.path,
            headers.get("webhook-id", ""),
            sequence,
            document["subject"]["id"],
            hashlib.sha256(body).hexdigest(),
            signed,
            arrived,
            self._next_answer(),
        )

    def _is_signed(self, path: str, headers: dict[str, str], body: bytes) -> bool:
        try:
            Webhook(self.secrets[path]).verify(body, headers)
        except (WebhookVerificationError, KeyError):
            return False
        return True

    def _next_answer(self) -> str:
        drawn = self.chance.random()
        if not self.failing:
            return "well"
        for answer, share in {**FAILURES, "torn": TORN}.items():
            if drawn < share:
                return answer
            drawn -= share
        return "well"

    async def _well(self, request: web.Request, hit: Hit) -> web.StreamResponse:
        self._acknowledge(request, hit)
        return web.Response()

    async def _torn(self, request: web.Request, hit: Hit) -> web.StreamResponse:
        """Begin a 2xx and break off in its body: it counts."""
        await asyncio.sleep(self.chance.uniform(0, _SLOW_S))
        self._acknowledge(request, hit)
        response = web.StreamResponse(headers={"content-length": "64"})
        try:
            await response.prepare(request)
            await response.write(b"thank you")
        except ConnectionResetError:
            return web.Response()
        _cut(request)
        return response

    def _acknowledge(self, request: web.Request, hit: Hit) -> None:
        if request.transport is not None and not request.transport.is_closing():
            hit.acknowledged = next(self._moments)

    async def _error(self, _request: web.Request, _hit: Hit) -> web.StreamResponse:
        return web.Response(status=500, text="数据库忙")

    async def _busy(self, _request: web.Request, _hit: Hit) -> web.StreamResponse:
        return web.Response(status=503, headers={"retry-after": "1"})

    async def _dropped(self, request: web.Request, _hit: Hit) -> web.StreamResponse:
        """Cut the connection at once."""
        _cut(request)
        return web.Response()

    async def _swallowed(self, request: web.Request, _hit: Hit) -> web.StreamResponse:
        """Take the message, and cut the connection before the sender can know."""
        await asyncio.sleep(self.chance.uniform(0, _SLOW_S))
        _cut(request)
        return web.Response()

    async def _hung(self, request: web.Request, _hit: Hit) -> web.StreamResponse:
        """Keep the sender waiting for longer than its lease."""
        await asyncio.sleep(_HANGS_S)
        _cut(request)
        return web.Response()


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


@contextlib.asynccontextmanager
async def receiving(seed: int) -> AsyncIterator[Receivers]:
    """Run receivers on a free port; they answer well until told to fail."""
    receivers = Receivers(random.Random(seed))
    app = web.Application(client_max_size=2**20)
    app.router.add_route("POST", "/{tail:.*}", receivers.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receivers.origin = f"http://127.0.0.1:{port}"
    try:
        yield receivers
    finally:
        await runner.cleanup()
