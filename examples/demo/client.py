"""Calling the three services the way any program would: a token, JSON, ETags."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpx2

from examples.demo.screen import Screen

Json = dict[str, Any]


class UnexpectedAnswer(RuntimeError):
    """A call was not answered as the story needs it."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the document and the version of the record."""

    status: int
    body: Json
    version: int | None


class Client:
    """One organisation's credential. Calls are shown unless they are marked quiet."""

    def __init__(self, name: str, urls: Mapping[str, str], screen: Screen) -> None:
        self.name = name
        self.urls = urls
        self._screen = screen
        # No retries, time to compile a solver once, and no proxy between the demo and its own services.
        self._http = httpx2.AsyncClient(timeout=90, trust_env=False, headers={"accept-language": "en"})

    async def sign_in(self, client_id: str, secret: str) -> str:
        """Exchange the client's secret for a token that the following calls carry."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        response = await self._http.post(f"{self.urls['registry']}/oauth2/token", data=form)
        if response.status_code != 200:
            raise UnexpectedAnswer(f"no token for {self.name}: {response.status_code} {response.text}")
        token: str = response.json()["access_token"]
        self._http.headers["authorization"] = f"Bearer {token}"
        return token

    async def get(self, service: str, path: str, *, quiet: bool = False, **params: Any) -> Json:
        """Read, and return the document."""
        return (await self.send("GET", service, path, params=params, quiet=quiet)).body

    async def post(
        self,
        service: str,
        path: str,
        body: Mapping[str, Any],
        *,
        version: int | None = None,
        quiet: bool = False,
        note: str = "",
    ) -> Answer:
        """Write, and return the record as it is then."""
        return await self.send("POST", service, path, body=body, version=version, quiet=quiet, note=note)

    async def send(
        self,
        method: str,
        service: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        version: int | None = None,
        expect: tuple[int, ...] = (200, 201),
        language: str = "en",
        quiet: bool = False,
        note: str = "",
    ) -> Answer:
        """Send one request, show it, and insist on the status."""
        headers = {"accept-language": language}
        if method != "GET":
            headers["idempotency-key"] = str(uuid.uuid4())
        if version is not None:
            headers["if-match"] = f'"{version}"'
        url = f"{self.urls[service]}{path}"
        response = await self._http.request(method, url, params=params or None, json=body, headers=headers)
        if not quiet:
            shown = f"{service} {path}"
            if params:
                shown += "?" + unquote(str(httpx2.QueryParams(dict(params))))
            self._screen.call(method, shown, response.status_code, note)
        if response.status_code not in expect:
            raise UnexpectedAnswer(f"{method} {url} as {self.name}: {response.status_code} {response.text}")
        etag = response.headers.get("etag", "").strip('"')
        return Answer(response.status_code, response.json(), int(etag) if etag.isdigit() else None)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
