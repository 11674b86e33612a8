"""Calling an ASGI application in this process: no sockets, no HTTP client, only its own work."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.measure import Batch

Application = Any


@dataclass(frozen=True)
class Call:
    """One request, ready to be sent in process or over a socket."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def scope(self) -> dict[str, Any]:
        headers = {"host": "127.0.0.1", **self.headers}
        if self.body:
            headers["content-length"] = str(len(self.body))
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }

    def wire(self) -> bytes:
        target = f"{self.path}?{self.query}" if self.query else self.path
        lines = [f"{self.method} {target} HTTP/1.1", "host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body:
            lines.append(f"content-length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def send(app: Application, call: Call) -> Answer:
    """Send one request and return the whole answer."""
    answer, pending = Answer(), [{"type": "http.request", "body": call.body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return pending.pop() if pending else {"type": "http.disconnect"}

    async def keep(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    await app(call.scope(), receive, keep)
    return answer


async def batch(app: Application, calls: Callable[[int], Call], count: int, expected: int) -> Batch:
    """Send ``count`` requests one after the other; CPU of the whole process, latency of each."""
    prepared = [calls(number) for number in range(count)]
    failures, latencies = 0, []
    cpu, started = time.process_time(), time.perf_counter()
    for call in prepared:
        begun = time.perf_counter()
        answer = await send(app, call)
        latencies.append(time.perf_counter() - begun)
        failures += answer.status != expected
    return Batch(count, time.process_time() - cpu, time.perf_counter() - started, latencies, failures)


@contextlib.asynccontextmanager
async def lifespan(app: Application) -> AsyncIterator[None]:
    """Run the lifespan of a FastAPI application, or of a floor that has ``open`` and ``close``."""
    if hasattr(app, "router"):
        async with app.router.lifespan_context(app):
            yield
        return
    await app.open()
    try:
        yield
    finally:
        await app.close()
