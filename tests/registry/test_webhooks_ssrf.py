"""No hidden address is ever dialled: at create, at update, and at every later attempt."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update

from services.registry.app import create_app
from services.registry.base import messaging
from services.registry.deliveries.dispatcher import Dispatcher
from services.registry.egress.client import EgressClient
from services.registry.settings import RegistrySettings
from services.registry.webhooks.models import webhook_endpoints, webhook_lanes
from services.registry.webhooks.parts import EXTRA, WebhookParts
from shared import clock
from tests.registry.egress_world import OK, Names, answering, receiving
from tests.registry.project_world import World, build_world, refusal
from tests.registry.ssrf_corpus import hidden_urls
from tests.support.services import ISSUER, running, verifier


@pytest.fixture
async def guarded(registry_url: str) -> AsyncIterator[World]:
    """Registry as it is delivered: nothing but public addresses."""
    settings = RegistrySettings(
        environment="test",
        database_url=registry_url,
        secret="a secret for tests",
        issuer=ISSUER,
        run_workers=False,
        sqlite_synchronous="OFF",
    )
    app = create_app(settings, authenticator=verifier())
    async with running("registry", app, messaging) as service:
        yield await build_world(service)


BODY = {"name": "示例", "event_types": ["*"]}


async def test_no_spelling_of_a_hidden_address_becomes_a_url(guarded: World) -> None:
    good = {**BODY, "url": "https://partner.example/feidi"}
    endpoint = (await guarded.operator.post("/v1/webhook-endpoints", json=good)).json()
    path, etag = f"/v1/webhook-endpoints/{endpoint['id']}", {"if-match": '"1"'}
    urls = hidden_urls()
    assert len(urls) > 1000
    # All of them are judged in the tests of the guard itself; what is asked here is whether it is asked.
    urls = urls[::4] if guarded.registry.database.dialect == "sqlite" else urls[3::16]
    for url in urls:
        for answer in (
            await guarded.operator.post("/v1/webhook-endpoints", json={**BODY, "url": url}),
            await guarded.operator.patch(path, json={"url": url}, headers=etag),
        ):
            assert answer.status_code == 422, (url, answer.text)
            assert url not in answer.text
    assert len((await guarded.operator.get("/v1/webhook-endpoints?limit=200")).json()["items"]) == 1
    assert (await guarded.operator.get(path)).json()["url"] == "https://partner.example/feidi"


async def test_what_has_become_a_hidden_address_is_not_dialled_again(guarded: World) -> None:
    good = {**BODY, "url": "https://partner.example/feidi"}
    endpoint = (await guarded.operator.post("/v1/webhook-endpoints", json=good)).json()
    parts: WebhookParts = guarded.registry.app.state.service.extra[EXTRA]
    database = guarded.registry.database
    async with receiving(answering(OK)) as canary:
        names = Names(["8.8.8.8", "127.0.0.1"], ["127.0.0.1"], ["10.0.0.1"], ["::ffff:127.0.0.1"])
        client = EgressClient(parts.egress, lookup=names)
        dispatcher = Dispatcher(database, client, parts)
        urls = [
            *[url.replace(":8443", "") for url in hidden_urls()[::60]],
            *[f"https://127.0.0.1:{canary.port}/", f"http://127.0.0.1:{canary.port}/"],
            *[f"https://partner{number}.example:{canary.port}/" for number in range(4)],
        ]
        for url in urls:
            async with database.write() as tx:
                await tx.execute(update(webhook_endpoints).values(url=url))
                now = clock.now()
                await tx.execute(
                    update(webhook_lanes).values(due_at=now, handshake_at=now, handshake_tries=0)
                )
            await dispatcher.run_once()
        log = await guarded.operator.get(f"/v1/webhook-endpoints/{endpoint['id']}/handshakes")
        await client.close()
    errors = [attempt["error"] for attempt in log.json()["items"]]
    assert len(errors) == len(urls)
    assert set(errors) <= {"address_refused", "url_refused"}
    assert canary.connects == 0
    assert names.asked


@pytest.mark.parametrize(
    "url",
    ["http://partner.example/", "ftp://partner.example/", "https://u:p@partner.example/", "partner", ""],
)
async def test_a_url_must_be_plain_https(guarded: World, url: str) -> None:
    answer = await guarded.operator.post("/v1/webhook-endpoints", json={**BODY, "url": url})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/url"
    assert refusal(answer)[1] in ("url_not_allowed", "validation_failed")
