"""The one HTTP client between services: timeouts, retries with full jitter, never inside a transaction."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx2 as httpx

from shared.context import request_context, write_in_progress

RETRIED_STATUSES = frozenset({429, 502, 503, 504})
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})

TransportError = httpx.RequestError
"""There was no answer, or none that can be read."""


class NetworkInTransaction(RuntimeError):
    """A network call was about to happen while a write transaction was open."""


class ServiceClient:
    """Calls one other service.

    ``token`` is awaited before each request and yields a bearer token. ``transport`` replaces the network in
    tests. Idempotent requests are tried up to ``retries`` more times, waiting a random time below
    ``backoff_s * 2**attempt`` (or the server's Retry-After, up to 5 s).
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: Callable[[], Awaitable[str]] | None = None,
        timeout_s: float = 5.0,
        retries: int = 2,
        backoff_s: float = 0.1,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        timeout = httpx.Timeout(timeout_s, connect=2.0)
        self._client = httpx.AsyncClient(
            base_url=base_url, timeout=timeout, transport=transport, trust_env=False
        )
        self._token = token
        self._retries = retries
        self._backoff_s = backoff_s

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> httpx.Response:
        """Send one request and return the last answer; raise ``TransportError`` when there was none."""
        if write_in_progress.get():
            raise NetworkInTransaction(f"{method} {path}")
        sent = await self._headers(headers)
        timeout = httpx.USE_CLIENT_DEFAULT if timeout_s is None else httpx.Timeout(timeout_s, connect=2.0)
        attempts = self._retries + 1 if method in IDEMPOTENT_METHODS or "idempotency-key" in sent else 1
        for attempt in range(attempts):
            last = attempt == attempts - 1
            try:
                response = await self._client.request(
                    method, path, params=params, json=json, data=data, headers=sent, timeout=timeout
                )
            except TransportError:
                if last:
                    raise
                await asyncio.sleep(self._pause_s(attempt, None))
                continue
            if last or response.status_code not in RETRIED_STATUSES:
                return response
            await asyncio.sleep(self._pause_s(attempt, response.headers.get("retry-after")))
        raise AssertionError("unreachable")

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        """Send a POST; it is retried only with an ``idempotency-key`` header."""
        return await self.request("POST", path, **options)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _headers(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        context = request_context.get()
        if context is not None:
            sent.setdefault("x-request-id", context.request_id)
            if context.traceparent:
                sent.setdefault("traceparent", context.traceparent)
        if self._token is not None:
            sent["authorization"] = f"Bearer {await self._token()}"
        return sent

    def _pause_s(self, attempt: int, retry_after: str | None) -> float:
        ceiling = self._backoff_s * 2**attempt
        if retry_after is not None and retry_after.isdigit():
            return min(float(retry_after), 5.0) + random.uniform(0, ceiling)  # noqa: S311
        return random.uniform(0, ceiling)  # noqa: S311
