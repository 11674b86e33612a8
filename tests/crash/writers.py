"""Clients that write while services die: they repeat a request under its key until it is acknowledged."""

import asyncio
import random
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.crash.services import ADMIN


@dataclass
class Acknowledged:
    """What the clients were told has happened."""

    versions: dict[str, int] = field(default_factory=dict)
    writes: int = 0
    repeats: int = 0
    errors: list[str] = field(default_factory=list)


class PatientClient:
    """One client with its own connection. Any answer but success or a documented refusal is an error."""

    def __init__(self, base_url: str, acknowledged: Acknowledged) -> None:
        self._client = httpx2.AsyncClient(base_url=base_url, timeout=5, trust_env=False)
        self._acknowledged = acknowledged
        self._token = ""

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, path: str) -> dict[str, Any]:
        return await self._until_answered("GET", path, None, {})

    async def send(
        self, method: str, path: str, body: Any, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Send a write, again and again under one key, until it is answered."""
        headers = {**(headers or {}), "idempotency-key": secrets.token_hex(8)}
        return await self._until_answered(method, path, body, headers)

    async def _until_answered(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> dict[str, Any]:
        for _ in range(600):
            try:
                token = self._token or await self._sign_in()
                answer = await self._client.request(
                    method, path, json=body, headers={**headers, "authorization": f"Bearer {token}"}
                )
            except httpx2.TransportError:
                self._acknowledged.repeats += 1
                await asyncio.sleep(0.05)
                continue
            if answer.is_success:
                document: dict[str, Any] = answer.json()
                return document
            if answer.status_code in (429, 503) or answer.json().get("code") == "idempotency_in_progress":
                self._acknowledged.repeats += 1
                await asyncio.sleep(0.05)
                continue
            self._acknowledged.errors.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            raise AssertionError(self._acknowledged.errors[-1])
        raise AssertionError(f"{method} {path} was never answered")

    async def _sign_in(self) -> str:
        form = {"grant_type": "client_credentials", "client_id": ADMIN[0], "client_secret": ADMIN[1]}
        answer = await self._client.post("/oauth2/token", data=form)
        if answer.status_code != 200:
            raise httpx2.ConnectError(f"no token: {answer.status_code}")
        self._token = answer.json()["access_token"]
        return self._token


class Writer(PatientClient):
    """A client that adds projects and changes its own; ``pause_s`` is the mean time between two writes."""

    def __init__(
        self, base_url: str, acknowledged: Acknowledged, seed: int, enclave_id: str, pause_s: float = 0.0
    ) -> None:
        super().__init__(base_url, acknowledged)
        self._random = random.Random(seed)
        self._enclave_id = enclave_id
        self._pause_s = pause_s
        self._mine: list[tuple[str, int]] = []

    async def run(self, stop: asyncio.Event) -> None:
        try:
            while not stop.is_set():
                await self._one_write()
                if self._pause_s:
                    await asyncio.sleep(self._random.uniform(0, 2 * self._pause_s))
        finally:
            await self.close()

    async def _one_write(self) -> None:
        if not self._mine or self._random.random() < 0.4:
            await self._create()
            return
        position = self._random.randrange(len(self._mine))
        identifier, version = self._mine[position]
        self._mine[position] = (identifier, await self._change(identifier, version))

    async def _create(self) -> None:
        number = secrets.token_hex(6)
        body = {
            "title": f"掉电测试项目 {number}",
            "team_name": f"团队 {number}",
            "owner_name": "测试",
            "enclave_id": self._enclave_id,
            "industry_codes": ["C39"[1:]],
        }
        record = await self.send("POST", "/v1/projects", body)
        self._note(record)
        self._mine.append((record["id"], record["version"]))

    async def _change(self, identifier: str, version: int) -> int:
        move = version == 1 and self._random.random() < 0.5
        etag = {"if-match": f'"{version}"'}
        if move:
            await self.send("POST", f"/v1/projects/{identifier}/transitions", {"to": "screening"}, etag)
            record = await self.get(f"/v1/projects/{identifier}")
        else:
            body = {"summary": f"第 {version} 次修改 {secrets.token_hex(4)}"}
            record = await self.send("PATCH", f"/v1/projects/{identifier}", body, etag)
        self._note(record)
        return int(record["version"])

    def _note(self, record: dict[str, Any]) -> None:
        self._acknowledged.versions[record["id"]] = record["version"]
        self._acknowledged.writes += 1
