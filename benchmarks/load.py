"""A small HTTP/1.1 client that costs little: keep-alive connections, closed loop or open loop."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from benchmarks.inprocess import Call

Calls = Callable[[int], Call]


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._end: int | None = None
        self._status = 0
        self._answer: asyncio.Future[int] | None = None
        self.transport: asyncio.Transport | None = None
        self.body = b""

    @classmethod
    async def open(cls, port: int) -> "Connection":
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._end is None:
            head_end = self._received.find(b"\r\n\r\n")
            if head_end < 0:
                return
            head = bytes(self._received[:head_end]).lower()
            self._status = int(head[9:12])
            _, _, rest = head.partition(b"\r\ncontent-length:")
            self._end = head_end + 4 + (int(rest.partition(b"\r\n")[0]) if rest else 0)
        if len(self._received) >= self._end:
            self.body = bytes(self._received[: self._end]).partition(b"\r\n\r\n")[2]
            self._received.clear()
            self._end = None
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(self._status)

    async def send(self, request: bytes, timeout_s: float = 30.0) -> int:
        """Send one request and return the status of its answer."""
        assert self.transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        async with asyncio.timeout(timeout_s):
            return await self._answer

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


async def closed_loop(
    port: int, calls: Calls, count: int, connections: int, expected: int
) -> tuple[list[float], int]:
    """Send ``count`` requests over so many connections, each at once after its answer before."""
    numbers, latencies, failures = iter(range(count)), [], 0

    async def work() -> None:
        nonlocal failures
        connection = await Connection.open(port)
        for number in numbers:
            request = calls(number).wire()
            begun = time.perf_counter()
            status = await connection.send(request)
            latencies.append(time.perf_counter() - begun)
            failures += status != expected
        connection.close()

    await asyncio.gather(*[work() for _ in range(min(connections, count))])
    return latencies, failures


async def open_loop(
    port: int, calls: Calls, per_second: float, seconds: float, expected: int, connections: int = 64
) -> tuple[list[float], int]:
    """Send at a fixed rate whatever the server does; a latency begins when its request was due."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await Connection.open(port))
    latencies, failures = [], 0

    async def work(number: int, due: float) -> None:
        nonlocal failures
        connection = await free.get()
        status = await connection.send(calls(number).wire())
        latencies.append(time.perf_counter() - due)
        failures += status != expected
        free.put_nowait(connection)

    begun, tasks = time.perf_counter(), []
    for number in range(int(per_second * seconds)):
        due = begun + number / per_second
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        tasks.append(asyncio.create_task(work(number, due)))
    await asyncio.gather(*tasks)
    while not free.empty():
        free.get_nowait().close()
    return latencies, failures
