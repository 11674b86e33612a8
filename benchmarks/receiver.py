"""A receiver of webhooks that costs little: `python -m benchmarks.receiver`; the path decides the answer.

``/ok…`` is answered with 200 at once and noted with the instant, ``/slow`` after 15 s, ``/busy`` with 429 and
a Retry-After. Instants are of the system's monotonic clock, which every process on the machine shares.
"""

import asyncio
import time
from typing import Any, cast

from benchmarks.child import configuration, serve

SLOW_S = 15.0
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_BUSY = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n"


class Receiver(asyncio.Protocol):
    """One keep-alive connection of a client that waits for each answer."""

    noted: dict[str, float] = {}  # noqa: RUF012 — of the whole process
    keeps = False

    def __init__(self) -> None:
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self._received[:head_end])
        lower = head.lower()
        _, _, length = lower.partition(b"\r\ncontent-length:")
        if len(self._received) < head_end + 4 + int(length.partition(b"\r\n")[0] or 0):
            return
        self._received.clear()
        self._answer(head)

    def _answer(self, head: bytes) -> None:
        assert self._transport is not None
        path = head.split(b" ", 2)[1]
        if path == b"/slow":
            asyncio.get_running_loop().call_later(SLOW_S, self._transport.write, _OK)
        elif path == b"/busy":
            self._transport.write(_BUSY)
        else:
            if self.keeps:
                now = time.monotonic()
                _, _, rest = head.lower().partition(b"\r\nwebhook-id:")
                identifier = rest.partition(b"\r\n")[0].strip()
                self.noted.setdefault(f"{path.decode()} {identifier.decode()}", now)
            self._transport.write(_OK)


async def main() -> None:
    configuration()
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0, backlog=1024)

    async def answer(command: dict[str, Any]) -> Any:
        if command["do"] == "note":
            Receiver.keeps = True
            Receiver.noted = {}
        if command["do"] == "noted":
            return Receiver.noted
        return len(Receiver.noted)

    await serve(server.sockets[0].getsockname()[1], answer)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
