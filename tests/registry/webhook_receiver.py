"""A real HTTP receiver on loopback that verifies, records and answers as it is told."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from shared.db.signal import Signal

HANDSHAKE = "webhook.endpoint_verification"


@dataclass
class Hit:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def sequence(self) -> int:
        return int(self.document["delivery"]["sequence"])


@dataclass
class Reply:
    """What is answered; ``after_s`` is real time, so keep it small."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    after_s: float = 0.0


@dataclass
class Receiver:
    """Hits by path; ``plan`` decides the answer to what is no handshake."""

    origin: str = ""
    hits: list[Hit] = field(default_factory=list)
    handshakes: list[Hit] = field(default_factory=list)
    plan: Callable[[Hit], Reply] = lambda _: Reply()
    answer_handshakes: bool = True
    in_flight: Counter[str] = field(default_factory=Counter)
    most_in_flight: Counter[str] = field(default_factory=Counter)
    hold: asyncio.Event | None = None
    held_path: str | None = None
    news: Signal = field(default_factory=Signal)

    def url(self, path: str = "/hook") -> str:
        return self.origin + path

    def at(self, path: str = "/hook") -> list[Hit]:
        return [hit for hit in self.hits if hit.path == path]

    async def arrived(self, count: int, path: str | None = None) -> None:
        """Wait until so many messages have arrived."""
        seen = self.news.count
        while len(self.hits if path is None else self.at(path)) < count:
            assert await self.news.wait(seen, 20), f"only {len(self.hits)} arrived"
            seen = self.news.count

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        hit = Hit(request.path, headers, await request.read())
        if headers.get("webhook-event-type") == HANDSHAKE:
            self.handshakes.append(hit)
            challenge = hit.document["challenge"] if self.answer_handshakes else "no"
            return web.json_response({"challenge": challenge})
        self.hits.append(hit)
        self.news.notify()
        self.in_flight[hit.path] += 1
        self.most_in_flight[hit.path] = max(self.most_in_flight[hit.path], self.in_flight[hit.path])
        try:
            reply = self.plan(hit)
            if self.hold is not None and self.held_path in (None, hit.path):
                await self.hold.wait()
            if reply.after_s:
                await asyncio.sleep(reply.after_s)
        finally:
            self.in_flight[hit.path] -= 1
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)


def verified(hit: Hit, secret: str) -> dict[str, Any]:
    """Verify by the reference library and return the document."""
    document: dict[str, Any] = Webhook(secret).verify(hit.body, hit.headers)
    return document


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application(client_max_size=2**20)
    app.router.add_route("POST", "/{tail:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    receiver.origin = f"http://127.0.0.1:{port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()
