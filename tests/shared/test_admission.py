"""How many requests are worked on at once, with a handler that answers when it is told to."""

import asyncio
import json
from typing import Any

from shared.web.admission import Admission
from shared.web.middleware import RequestMiddleware


class Request:
    """One request whose body and whose answer are held back until they are let go."""

    def __init__(self, service: "Service", method: str, path: str, *, body: bool) -> None:
        self.working, self.finish, self.body, self.read, self.answered = (asyncio.Event() for _ in range(5))
        self.messages: list[Any] = []
        if not body:
            self.body.set()
        self.scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"accept-language", b"zh-CN")],
            "request": self,
        }
        self.task = asyncio.create_task(service.middleware(self.scope, self.receive, self.send))

    async def receive(self) -> Any:
        await self.body.wait()
        return {"type": "http.request", "body": b""}

    async def send(self, message: Any) -> None:
        self.messages.append(message)
        self.answered.set()
        if message["type"] == "http.response.body" and self.finish.is_set():
            await self.read.wait()

    @property
    def status(self) -> int | None:
        return self.messages[0]["status"] if self.messages else None

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    async def end(self) -> int | None:
        self.finish.set()
        self.read.set()
        async with asyncio.timeout(20):
            await self.task
        return self.status


class Service:
    def __init__(self, places: int, *, max_wait_s: float = 3600.0) -> None:
        self.middleware = RequestMiddleware(self._answer, 1000, Admission(places, max_wait_s=max_wait_s))

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        request: Request = scope["request"]
        await receive()
        request.working.set()
        await request.finish.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(self, method: str = "GET", path: str = "/v1/things", *, body: bool = False) -> Request:
        """Send a request, and let everything happen that can."""
        request = Request(self, method, path, body=body)
        await settle()
        return request


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_beyond_the_places_and_the_queue_the_answer_is_503_at_once() -> None:
    service = Service(2)
    working = [await service.ask() for _ in range(2)]
    waiting = [await service.ask() for _ in range(4)]
    assert [request.working.is_set() for request in working + waiting] == [True] * 2 + [False] * 4
    refused = await service.ask()
    assert refused.task.done()
    assert refused.status == 503
    assert refused.headers[b"retry-after"] == b"1"
    problem = json.loads(refused.messages[1]["body"])
    assert (problem["code"], problem["title"]) == ("too_busy", "并发请求过多")
    assert problem["request_id"].encode() == refused.headers[b"x-request-id"]
    for request in working + waiting:
        assert await request.end() == 200
    assert await (await service.ask()).end() == 200


async def test_a_place_goes_to_who_waits_longest() -> None:
    service = Service(1)
    first, second, third = [await service.ask() for _ in range(3)]
    await first.end()
    await settle()
    assert (second.working.is_set(), third.working.is_set()) == (True, False)
    await second.end()
    await settle()
    assert third.working.is_set()
    await third.end()


async def test_who_waits_too_long_is_told_to_come_again() -> None:
    service = Service(1, max_wait_s=0)
    first, late = await service.ask(), await service.ask()
    await asyncio.wait([late.task], timeout=20)
    assert (late.status, late.working.is_set()) == (503, False)
    assert await first.end() == 200
    assert await (await service.ask()).end() == 200


async def test_who_leaves_the_queue_takes_no_place_along() -> None:
    service = Service(1)
    first, gone, third = [await service.ask() for _ in range(3)]
    gone.task.cancel()
    await settle()
    await first.end()
    await settle()
    assert third.working.is_set()
    third.task.cancel()
    await settle()
    assert await (await service.ask()).end() == 200


async def test_a_place_handed_over_to_who_leaves_at_that_moment_is_passed_on() -> None:
    service = Service(1)
    first, gone, third = [await service.ask() for _ in range(3)]
    first.finish.set()
    await first.answered.wait()
    gone.task.cancel()
    await settle()
    assert third.working.is_set()
    await third.end()
    await first.end()


async def test_slow_clients_streams_and_health_take_no_place() -> None:
    service = Service(1)
    sending = [await service.ask("POST", body=True) for _ in range(5)]
    streams = [await service.ask(path="/v1/events/stream"), await service.ask(path="/v1/events")]
    health = [await service.ask(path=path) for path in ("/livez", "/readyz", "/version")]
    assert all(request.working.is_set() for request in streams + health)
    reading = await service.ask()
    reading.finish.set()
    await settle()
    assert (reading.status, reading.task.done()) == (200, False)
    other = await service.ask()
    assert other.working.is_set()
    sending[0].body.set()
    await settle()
    assert not sending[0].working.is_set()
    for request in (other, reading, *streams, *health):
        assert await request.end() == 200
    for request in sending:
        request.body.set()
        await settle()
        assert await request.end() == 200


async def test_a_failure_gives_its_place_back() -> None:
    service = Service(1)
    service.middleware._app = _fail
    for _ in range(3):
        failed = await service.ask()
        assert failed.status == 500
    assert failed.task.done()


async def _fail(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError
