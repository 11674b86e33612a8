"""A stream goes on only as long as its caller would be let in anew."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from services.registry.app import create_app
from services.registry.base import messaging
from shared.clock import now
from shared.web import feed_routes
from shared.web.auth import Issuer, TokenVerifier
from tests.registry.access_world import HOME, Secured, secured_registry, settings_for
from tests.support.services import AUDIENCE, ISSUER, ServiceUnderTest, load_test_keys, running

READ = "registry:*:read"


class Stream:
    """One answer as it arrives; the transport for tests would hold it back until its end."""

    def __init__(self, service: ServiceUnderTest, token: str, path: str, **headers: str) -> None:
        target, _, query = path.partition("?")
        sent = {"authorization": f"Bearer {token}", **headers}
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }
        self.status: int | None = None
        self.body = b""
        self._received = asyncio.Condition()
        self._left = asyncio.Event()
        self._running = asyncio.create_task(service.app(self._scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        async with self._received:
            self.status = message.get("status", self.status)
            self.body += message.get("body", b"")
            self._received.notify_all()

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(5), self._received:
            await self._received.wait_for(reached)

    async def ended(self) -> None:
        await asyncio.wait_for(asyncio.shield(self._running), 5)

    async def close(self) -> None:
        self._left.set()
        with contextlib.suppress(asyncio.CancelledError):
            self._running.cancel()
            await self._running


@contextlib.asynccontextmanager
async def streaming(
    service: ServiceUnderTest, token: str, path: str, **headers: str
) -> AsyncIterator[Stream]:
    stream = Stream(service, token, path, **headers)
    try:
        await stream.until(lambda: stream.status is not None)
        yield stream
    finally:
        await stream.close()


async def rename(secured: Secured, admin: httpx2.AsyncClient, organisation: str, name: str) -> None:
    path = f"/v1/organisations/{organisation}"
    etag = (await admin.get(path)).headers["etag"]
    renamed = await admin.patch(path, json={"name": name}, headers={"if-match": etag})
    assert renamed.status_code == 200, renamed.text
    await secured.service.sequence()


@pytest.mark.parametrize("change", [{"status": "disabled"}, {"scopes": ["registry:projects:read"]}])
async def test_an_open_stream_ends_when_its_client_loses_what_it_needs(
    registry_url: str, change: dict[str, Any]
) -> None:
    async with secured_registry(registry_url) as secured:
        organisation = await secured.organisation()
        client = await secured.new_client(organisation, READ)
        token = (await secured.token(client["id"], client["secret"])).json()["access_token"]
        admin = await secured.admin()
        async with streaming(secured.service, token, "/v1/events/stream") as stream:
            await rename(secured, admin, organisation, "看得见")
            await stream.until(lambda: "看得见".encode() in stream.body)
            changed = await admin.patch(
                f"/v1/clients/{client['id']}", json=change, headers={"if-match": '"1"'}
            )
            assert changed.status_code == 200, changed.text
            await rename(secured, admin, organisation, "看不见")
            await stream.ended()
            assert "看不见".encode() not in stream.body


async def test_a_quiet_stream_ends_with_the_first_heartbeat_after_its_key_was_revoked(
    registry_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_routes, "HEARTBEAT_S", 0.01)
    async with secured_registry(registry_url) as secured:
        admin = await secured.admin()
        organisation = await secured.organisation()
        body = {"name": "钥匙", "scopes": [READ], "organisation_id": organisation}
        key = (await admin.post("/v1/api-keys", json=body)).json()
        async with streaming(secured.service, key["secret"], "/v1/events/stream") as stream:
            assert stream.status == 200
            revoked = await admin.delete(f"/v1/api-keys/{key['id']}", headers={"if-match": '"1"'})
            assert revoked.status_code in (200, 204), revoked.text
            await stream.ended()


async def test_a_stream_ends_with_its_token(registry_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_routes, "HEARTBEAT_S", 0.01)
    later = 0.0
    verifier = TokenVerifier(
        Issuer(ISSUER, AUDIENCE, load_test_keys), time_source=lambda: now().timestamp() + later
    )
    app = create_app(settings_for(registry_url), authenticator=verifier)
    async with running("registry", app, messaging) as service:
        admin = service.as_admin()
        token = admin.headers["authorization"].removeprefix("Bearer ")
        async with streaming(service, token, "/v1/events/stream") as stream:
            assert stream.status == 200
            later = 901.0
            await stream.ended()
        assert (await admin.get("/v1/events")).json()["code"] == "token_expired"


async def test_lines_without_an_end_are_all_that_a_refused_caller_gets(
    registry_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with secured_registry(registry_url) as secured:
        organisation = await secured.organisation()
        admin = await secured.admin()
        for name in ("甲", "乙", "丙"):
            await rename(secured, admin, organisation, name)
        client = await secured.new_client(organisation, READ)
        token = (await secured.token(client["id"], client["secret"])).json()["access_token"]
        jsonl = {"accept": "application/jsonl"}
        whole = await secured.service.client(token).get("/v1/events?limit=1", headers=jsonl)
        assert json.loads(whole.text.splitlines()[-1])["_eof"] is True

        feed = secured.service.app.state.service.feed
        page = feed.page

        async def revoking(*args: Any, **options: Any) -> Any:
            found = await page(*args, **options)
            await admin.patch(
                f"/v1/clients/{client['id']}", json={"status": "disabled"}, headers={"if-match": '"1"'}
            )
            return found

        monkeypatch.setattr(feed, "page", revoking)
        cut = await secured.service.client(token).get("/v1/events?limit=1", headers=jsonl)
        assert len(cut.text.splitlines()) == 1
        assert "_eof" not in cut.text


async def test_a_long_poll_is_refused_when_its_client_was_disabled_meanwhile(registry_url: str) -> None:
    async with secured_registry(registry_url) as secured:
        organisation = await secured.organisation()
        client = await secured.new_client(organisation, READ)
        reader = await secured.caller(client["id"], client["secret"])
        admin = await secured.admin()
        feed = secured.service.app.state.service.feed
        polled, page = asyncio.Event(), feed.page

        async def noted(*args: Any, **options: Any) -> Any:
            polled.set()
            return await page(*args, **options)

        feed.page = noted
        polling = asyncio.create_task(reader.get("/v1/events?after=latest&wait=30"))
        await polled.wait()
        await admin.patch(
            f"/v1/clients/{client['id']}", json={"status": "disabled"}, headers={"if-match": '"1"'}
        )
        await rename(secured, admin, organisation, HOME["name"] + "二")
        assert (await polling).status_code == 401
