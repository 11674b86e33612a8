"""The one client for what leaves the house: it posts, and says what became of it.

No redirect is followed, no proxy of the environment is used, no cookie is kept, nothing is decompressed.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ssl import SSLContext, SSLError
from weakref import WeakValueDictionary

import aiohttp
from yarl import URL

from services.registry.egress.dialling import (
    Allows,
    CapturedResponse,
    Dial,
    GuardedConnector,
    GuardedResolver,
    Lookup,
    SystemLookup,
    current,
)
from services.registry.egress.errors import Reason, UrlNotAllowed
from services.registry.egress.policy import EgressPolicy
from services.registry.egress.urls import checked_url
from shared.context import write_in_progress
from shared.http import NetworkInTransaction

KEPT_BYTES = 16_384
"""How much of an answer's body is kept."""

_KEPT_HEADER = 200
_SHARES = 8
_MAX_HEADERS = 64
_REMEMBERED_URLS = 4096
_REFUSED_ADDRESSES = {Reason.ADDRESS, Reason.NUMERIC_HOST, Reason.LOCAL_HOST}
_NO_AUTO_HEADERS = ("Accept", "Content-Type", "User-Agent")
_HEADERS = {"accept": "*/*", "accept-encoding": "identity"}


class Failure(StrEnum):
    """Why there is no answer, or no whole one; stable, and shown to people."""

    URL_REFUSED = "url_refused"
    ADDRESS_REFUSED = "address_refused"
    DNS_FAILED = "dns_failed"
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"
    PROTOCOL_ERROR = "protocol_error"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``status`` is there as soon as a status line was, also when the rest then failed.

    ``body`` is cut at 16 KiB and encoded as ``content_type`` and the sender like; ``address`` is the one that
    was dialled or whose connection was reused; ``retry_after`` is the header as it came.
    """

    status: int | None
    error: Failure | None
    body: bytes
    retry_after: str | None
    content_type: str | None
    duration_s: float
    address: str | None

    @property
    def ok(self) -> bool:
        """Whether it was accepted: any 2xx, whatever became of the body behind it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class _Target:
    url: URL
    own: bool


class EgressClient:
    """Posts to receivers as a policy allows; one for each process, closed at its end.

    ``limit`` is how many messages are under way at once, and an eighth of it to one host: further ones wait,
    before their time begins, so that waiting for others is nobody's failure.
    ``lookup`` replaces the system's names and ``ssl_context`` its certificates, in tests.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        limit: int = 1000,
        lookup: Lookup | None = None,
        ssl_context: SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._limit = limit
        self._system = SystemLookup() if lookup is None else None
        self._lookup = lookup or self._system
        self._ssl: SSLContext | bool = ssl_context or True
        self._slots = asyncio.Semaphore(limit)
        self._hosts: WeakValueDictionary[tuple[str | None, int | None], asyncio.Semaphore] = (
            WeakValueDictionary()
        )
        self._target = lru_cache(_REMEMBERED_URLS)(self._judged)
        self._guarded: aiohttp.ClientSession | None = None
        self._own: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one message once; what the network does is in the answer, never an exception."""
        if write_in_progress.get():
            raise NetworkInTransaction("a message to a receiver")
        target = self._target(url)
        if not isinstance(target, _Target):
            return Answer(None, target, b"", None, None, 0.0, None)
        async with self._share_of(target.url), self._slots:
            dial = Dial(self._policy.connect_s)
            token = current.set(dial)
            try:
                started = asyncio.get_running_loop().time()
                return await self._exchange(target, body, headers, dial, started)
            finally:
                current.reset(token)

    def _share_of(self, url: URL) -> asyncio.Semaphore:
        """Return what bounds the messages to one host; it is kept for as long as one is under way."""
        host = url.host, url.port
        share = self._hosts.get(host)
        if share is None:
            share = self._hosts[host] = asyncio.Semaphore(max(1, self._limit // _SHARES))
        return share

    async def close(self) -> None:
        """Drop the connections and end what is being sent."""
        for session in (self._guarded, self._own):
            if session is not None:
                await session.close()
        if self._system is not None:
            self._system.close()

    async def _exchange(
        self, target: _Target, body: bytes, headers: Mapping[str, str], dial: Dial, started: float
    ) -> Answer:
        status, retry_after, content_type, error = None, None, None, None
        kept = bytearray()
        try:
            async with self._session(target.own).post(
                target.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
                retry_after = _printable(response.headers.get("retry-after"))
                content_type = _printable(response.headers.get("content-type"))
                if status != 101:
                    await _read(response.content, kept)
        except (aiohttp.ClientError, TimeoutError, OSError) as raised:
            error = _failure(raised, dial)
        if dial.handler is not None:
            if dial.handler.overflowed:
                error = Failure.TOO_LARGE
            dial.address = dial.handler.address or dial.address
        duration = asyncio.get_running_loop().time() - started
        return Answer(status, error, bytes(kept), retry_after, content_type, duration, dial.address)

    def _judged(self, url: str) -> _Target | Failure:
        own = self._policy.is_own(url)
        try:
            return _Target(URL(checked_url(url, self._policy), encoded=True), own)
        except UrlNotAllowed as refused:
            hidden = refused.reason in _REFUSED_ADDRESSES
            return Failure.ADDRESS_REFUSED if hidden else Failure.URL_REFUSED

    def _session(self, own: bool) -> aiohttp.ClientSession:
        """Return the session for a kind of target: what was dialled without the guard serves only its own."""
        if own:
            if self._own is None:
                self._own = self._opened(_anything)
            return self._own
        if self._guarded is None:
            self._guarded = self._opened(self._policy.allows)
        return self._guarded

    def _opened(self, allows: Allows) -> aiohttp.ClientSession:
        assert self._lookup is not None
        resolver = GuardedResolver(allows, self._lookup, self._policy.connect_s)
        return aiohttp.ClientSession(
            connector=GuardedConnector(allows, resolver, self._limit, self._ssl),
            timeout=aiohttp.ClientTimeout(total=self._policy.total_s, sock_connect=self._policy.connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=CapturedResponse,
            headers=_HEADERS,
            skip_auto_headers=_NO_AUTO_HEADERS,
            auto_decompress=False,
            trust_env=False,
            max_headers=_MAX_HEADERS,
        )


def _anything(address: str) -> bool:
    return True


async def _read(content: aiohttp.StreamReader, kept: bytearray) -> None:
    while not content.at_eof():
        chunk = await content.readany()
        kept += chunk[: KEPT_BYTES - len(kept)]


def _printable(header: str | None) -> str | None:
    if header is None:
        return None
    return "".join(letter if " " <= letter <= "~" else "?" for letter in header[:_KEPT_HEADER])


def _failure(raised: Exception, dial: Dial) -> Failure:
    if dial.refused:
        return Failure.ADDRESS_REFUSED
    if dial.late or isinstance(raised, aiohttp.ConnectionTimeoutError):
        return Failure.CONNECT_TIMEOUT
    if isinstance(raised, TimeoutError):
        return Failure.TIMEOUT
    if isinstance(raised, aiohttp.ClientConnectorDNSError):
        return Failure.DNS_FAILED
    if isinstance(raised, aiohttp.ClientSSLError) or any(isinstance(e, SSLError) for e in _causes(raised)):
        return Failure.TLS_FAILED
    if isinstance(raised, aiohttp.ClientConnectorError):
        return Failure.CONNECT_FAILED
    if isinstance(raised, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError):
        return Failure.DISCONNECTED
    return Failure.PROTOCOL_ERROR


def _causes(raised: BaseException | None) -> Iterable[BaseException]:
    while raised is not None:
        yield raised
        raised = raised.__cause__
