"""The hour of docs/partners.md against a running registry: certified in the sandbox, then at an own one."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2

from tests.crash.services import ADMIN, Fleet
from tests.support.ports import free_ports

ROOT = Path(__file__).parents[2]
SCRIPT = [{"status": 500}, {"status": 429, "retry_after": 30}, {"status": 200}]
EXPECTED = {
    "min_hits": 3,
    "delivered_after_retries": 2,
    "all_valid": True,
    "no_gaps": True,
    "max_seconds": 3600,
}


class Sandbox(Fleet):
    """Registry alone, as a sandbox whose clock can be moved."""

    def _environment(self, name: str) -> dict[str, str]:
        settings = {
            "ENVIRONMENT": "sandbox",
            "CLOCK": "movable",
            "WEBHOOK_ALLOW_HTTP": "true",
            "WEBHOOK_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
        }
        prefixed = {f"FEIDI_REGISTRY_{key}": value for key, value in settings.items()}
        return {**super()._environment(name), **prefixed}


@contextlib.asynccontextmanager
async def partner(directory: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in client of an operator, with the scopes the page names."""
    sandbox = Sandbox(directory, {})
    await sandbox.start("registry")
    try:
        await sandbox.ready("registry")
        async with httpx2.AsyncClient(base_url=sandbox.url("registry"), trust_env=False, timeout=20) as admin:
            await sign_in(admin, *ADMIN)
            operator = await made(admin, "/v1/organisations", {"kind": "operator", "name": "示例运营商"})
            areas = [
                ("webhooks", "read"),
                ("webhooks", "write"),
                ("sandbox", "read"),
                ("sandbox", "write"),
                ("events", "read"),
            ]
            scopes = [f"registry:{area}:{action}" for area, action in areas]
            body = {"name": "对接工程师", "scopes": scopes, "organisation_id": operator["id"]}
            client = await made(admin, "/v1/clients", body)
            async with httpx2.AsyncClient(
                base_url=sandbox.url("registry"), trust_env=False, timeout=20
            ) as signed_in:
                await sign_in(signed_in, client["id"], client["secret"])
                yield signed_in
    finally:
        await sandbox.stop("registry")


async def sign_in(client: httpx2.AsyncClient, client_id: str, secret: str) -> None:
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    token = (await client.post("/oauth2/token", data=form)).json()["access_token"]
    client.headers["authorization"] = f"Bearer {token}"


async def made(client: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code in (200, 201, 202), answer.text
    record: dict[str, Any] = answer.json()
    return record


async def until(client: httpx2.AsyncClient, path: str, field: str, value: Any) -> dict[str, Any]:
    """Read until a field of the record, or of the first item of a list, has a value."""
    for _ in range(400):
        document = (await client.get(path)).json()
        record: dict[str, Any] = (document.get("items") or [document])[0] if "items" in document else document
        if record.get(field) == value:
            return record
        await asyncio.sleep(0.05)
    raise AssertionError(f"{path} never had {field} {value}: {document}")


async def advance(client: httpx2.AsyncClient, seconds: int) -> None:
    answer = await client.post("/v1/sandbox/clock", json={"advance_s": seconds})
    assert answer.status_code == 200, answer.text


async def test_a_partner_is_certified_in_the_sandbox_and_goes_on_with_an_own_server(tmp_path: Path) -> None:
    async with partner(tmp_path) as client:
        receiver = await made(client, "/v1/sandbox/receivers", {"name": "First try", "script": SCRIPT})
        endpoint = await made(
            client,
            "/v1/webhook-endpoints",
            {"name": "First try", "url": receiver["url"], "event_types": ["project.*", "landing.*"]},
        )
        path = f"/v1/webhook-endpoints/{endpoint['id']}"
        await until(client, path, "status", "active")
        await made(client, f"{path}:test", {})
        await until(client, f"{path}/deliveries", "attempts", 1)
        await advance(client, 7)
        await until(client, f"{path}/deliveries", "attempts", 2)
        await advance(client, 40)
        delivery = await until(client, f"{path}/deliveries", "state", "delivered")
        attempts = (await client.get(f"/v1/webhook-deliveries/{delivery['id']}/attempts")).json()["items"]
        assert [attempt["status"] for attempt in attempts] == [500, 429, 200]
        verdict = await made(client, f"/v1/sandbox/receivers/{receiver['id']}:assert", EXPECTED)
        assert (verdict["passed"], verdict["certified"]) == (True, True), verdict
        await with_an_own_server(client, path, endpoint["secret"], tmp_path)


async def with_an_own_server(client: httpx2.AsyncClient, path: str, secret: str, directory: Path) -> None:
    """Point the endpoint to the example receiver and let it take a test."""
    port = free_ports(1)
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        ROOT / "examples" / "receiver.py",
        str(port),
        env={**os.environ, "FEIDI_WEBHOOK_SECRET": secret},
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        version = (await client.get(path)).json()["version"]
        moved = await client.patch(
            path, json={"url": f"http://127.0.0.1:{port}/"}, headers={"if-match": f'"{version}"'}
        )
        assert moved.status_code == 200, moved.text
        for _ in range(5):
            await advance(client, 700)
            if (await client.get(path)).json()["status"] == "active":
                break
            await client.post(f"{path}:verify")
            await asyncio.sleep(0.3)
        await until(client, path, "status", "active")
        await made(client, f"{path}:test", {})
        await until(client, f"{path}/deliveries?sequence=2", "state", "delivered")
        found = (await client.get(f"{path}/reconciliation")).json()
        assert found["counts"]["delivered"] == found["head"] == 2
    finally:
        server.terminate()
        await server.wait()
