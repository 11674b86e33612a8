"""The guard of what leaves the house: it stands in ``connect`` itself, below names, caches and pools.

A name is resolved here and all its addresses must pass; then each socket is asked once more, with the address
it is about to connect to. Nothing lies between that question and the connect, so a name that changes its mind
gains nothing. A connection that is reused was dialled in this way.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from ssl import SSLContext
from typing import Any, cast

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

Allows = Callable[[str], bool]
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]

MAX_ANSWER_BYTES = 65_536
"""How much of an answer is taken off the wire, with its headers and all framing."""

_REMEMBER_S = 5.0
_MAX_REMEMBERED = 4096
_MAX_DIALLED = 4
_LOOKUP_THREADS = 32
_KEEPALIVE_S = 4.0  # below the 5 s after which common servers close, so that few messages meet a closed door


class AddressRefused(OSError):
    """An address that may not be dialled; it is not named."""


class LookupFailed(OSError):
    """A name that has no address, or none in time."""


@dataclass(slots=True, eq=False)
class Dial:
    """What is known about the connection of one message; ``until`` is when connecting has taken too long."""

    connect_s: float
    until: float | None = None
    address: str | None = None
    refused: bool = False
    late: bool = False
    handler: "BoundedHandler | None" = None


current: ContextVar[Dial] = ContextVar("current_dial")


class GuardedSocket(socket.socket):
    """A socket that connects to nothing it may not."""

    allows: Allows
    dial: Dial

    def connect(self, address: Any) -> None:
        """Connect, unless the address is refused or the time for connecting is over."""
        dial, now = self.dial, asyncio.get_running_loop().time()
        if not self.allows(address[0]):
            dial.refused = True
            raise AddressRefused("the address may not be dialled")
        if dial.until is None:
            dial.until = now + dial.connect_s
        elif now >= dial.until:
            dial.late = True
            raise OSError("no time is left to connect")
        dial.address = address[0]
        super().connect(address)

    def connect_ex(self, address: Any) -> int:
        """Refuse: nothing connects here without the question."""
        raise AddressRefused("the address may not be dialled")


class GuardedResolver(AbstractResolver):
    """Resolves a name once for all who ask at the same time; one address that is refused refuses the name."""

    def __init__(self, allows: Allows, lookup: Lookup, wait_s: float) -> None:
        self._allows = allows
        self._lookup = lookup
        self._wait_s = wait_s
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._asked: dict[str, asyncio.Task[tuple[str, ...]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return up to four addresses of a host, as numbers; an OSError says that there are none."""
        addresses = await self._addresses(host, port)
        if not all(map(self._allows, addresses)):
            current.get().refused = True
            raise AddressRefused("the name has an address that may not be dialled")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses[:_MAX_DIALLED]
        ]

    async def close(self) -> None:
        """Give up what is being asked."""
        for task in self._asked.values():
            task.cancel()

    async def _addresses(self, host: str, port: int) -> tuple[str, ...]:
        now = asyncio.get_running_loop().time()
        known = self._known.get(host)
        if known is not None and known[0] > now:
            return known[1]
        task = self._asked.get(host)
        if task is None:
            task = self._asked[host] = asyncio.create_task(self._ask(host, port))
            task.add_done_callback(partial(self._answered, host))
        try:
            async with asyncio.timeout(self._wait_s):
                return await asyncio.shield(task)
        except TimeoutError:
            raise LookupFailed("the name was not resolved in time") from None

    async def _ask(self, host: str, port: int) -> tuple[str, ...]:
        addresses = tuple(dict.fromkeys(await self._lookup(host, port)))
        if not addresses:
            raise LookupFailed("the name has no address")
        return addresses

    def _answered(self, host: str, task: asyncio.Task[tuple[str, ...]]) -> None:
        self._asked.pop(host, None)
        if task.cancelled() or task.exception() is not None:
            return
        while len(self._known) >= _MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known.pop(host, None)
        self._known[host] = task.get_loop().time() + _REMEMBER_S, task.result()


class BoundedHandler(ResponseHandler):
    """Reads one connection and drops it when an answer is too large, whatever it consists of."""

    address: str | None = None
    overflowed = False
    _received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note whom the connection is with."""
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else None
        super().connection_made(transport)

    def set_response_params(self, **options: Any) -> None:
        """Begin with the next answer."""
        self._received = 0
        super().set_response_params(**options)

    def data_received(self, data: bytes) -> None:
        """Take bytes as long as there are not too many."""
        self._received += len(data)
        if self._received <= MAX_ANSWER_BYTES:
            super().data_received(data)
        elif not self.overflowed:
            self.overflowed = True
            if self.transport is not None:
                self.transport.abort()


class GuardedConnector(aiohttp.TCPConnector):
    """Connects through guarded sockets and reads through bounded handlers."""

    def __init__(self, allows: Allows, resolver: GuardedResolver, limit: int, ssl: SSLContext | bool) -> None:
        super().__init__(
            resolver=resolver,
            use_dns_cache=False,
            limit=limit,
            limit_per_host=0,
            keepalive_timeout=_KEEPALIVE_S,
            ssl=ssl,
            socket_factory=self._guarded_socket,
        )
        self._allows = allows
        self._factory = cast("partial[ResponseHandler]", partial(BoundedHandler, loop=self._loop))

    def _guarded_socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, _ = info
        guarded = GuardedSocket(family, kind, protocol)
        guarded.allows = self._allows
        guarded.dial = current.get()
        return guarded


class CapturedResponse(aiohttp.ClientResponse):
    """Notes which connection an answer comes over, before it is given back to the pool."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        """Begin to read the answer."""
        current.get().handler = connection.protocol
        return await super().start(connection)


class SystemLookup:
    """Asks the system for addresses, in threads of its own: a slow name delays names, and nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="egress-lookup")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host, in the order in which the system would dial them."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._ask, host, port)
        return [_text(address) for _, _, _, _, address in found]

    def close(self) -> None:
        """Begin no further lookup."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _ask(host: str, port: int) -> list[Any]:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


def _text(address: Sequence[Any]) -> str:
    has_zone = len(address) == 4 and address[3] and "%" not in address[0]
    return f"{address[0]}%{address[3]}" if has_zone else str(address[0])
