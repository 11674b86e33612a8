"""Sandbox receivers through HTTP: whose they are, what they keep to themselves, how many there may be."""

from collections.abc import AsyncIterator

import pytest

from services.registry.app import create_app
from services.registry.base import messaging
from services.registry.sandbox import service
from services.registry.settings import RegistrySettings
from tests.registry.project_world import World, build_world, make, refusal
from tests.registry.sandbox_world import RECEIVERS, SECRET, receiver
from tests.support.services import ISSUER, ServiceUnderTest, running, verifier


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


@pytest.fixture
async def behind_gateway(registry_url: str) -> AsyncIterator[World]:
    settings = RegistrySettings(
        environment="test",
        database_url=registry_url,
        secret="a secret for tests",
        issuer=ISSUER,
        root_path="/registry",
        run_workers=False,
    )
    async with running("registry", create_app(settings, authenticator=verifier()), messaging) as service_:
        yield await build_world(service_)


async def test_a_receiver_has_a_url_inside_of_registry(world: World) -> None:
    answer = await world.operator.post(RECEIVERS, json={"name": "练习"})
    record = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"{RECEIVERS}/{record['id']}")
    assert record["url"] == f"{ISSUER}{RECEIVERS}/{record['id']}/hits"
    default = {"status": 200, "retry_after": None, "delay_ms": 0, "body": None, "echo": False}
    assert (record["script"], record["handshake"], record["has_secret"]) == ([default], "answer", False)
    assert (await world.operator.get(answer.headers["location"])).json() == record


async def test_behind_a_gateway_the_url_leads_through_it(behind_gateway: World) -> None:
    record = await make(behind_gateway.operator, RECEIVERS, {"name": "练习"})
    assert record["url"] == f"{ISSUER}/registry{RECEIVERS}/{record['id']}/hits"


async def test_the_secret_is_sealed_and_never_shown(world: World) -> None:
    made = await receiver(world)
    text = (await world.operator.get(made.path)).text
    assert made.record["has_secret"] is True
    assert SECRET.removeprefix("whsec_") not in text
    async with world.registry.database.read() as session:
        row = await service.repository.find_for_hit(session, made.record["id"])
    assert row is not None
    assert bytes(range(32)) not in bytes(row["secret"])


async def test_a_receiver_is_of_one_organisation(world: World) -> None:
    mine = await receiver(world)
    await mine.deliver(1)
    [hit] = await mine.hits()
    foreign = world.stranger
    assert (await foreign.get(RECEIVERS)).json()["items"] == []
    for answer in (
        await foreign.get(mine.path),
        await foreign.patch(mine.path, json={"name": "改名"}, headers={"if-match": '"1"'}),
        await foreign.delete(mine.path, headers={"if-match": '"1"'}),
        await foreign.post(f"{mine.path}:reset"),
        await foreign.post(f"{mine.path}:assert", json={}),
        await foreign.get(f"{mine.path}/hits"),
        await foreign.get(f"{mine.path}/hits/{hit['id']}"),
    ):
        assert refusal(answer) == (404, "not_found"), answer.request.url
    assert [record["id"] for record in (await world.operator.get(RECEIVERS)).json()["items"]] == [
        mine.record["id"]
    ]
    other = await receiver(world)
    assert refusal(await world.operator.get(f"{other.path}/hits/{hit['id']}")) == (404, "not_found")


async def test_only_the_administration_makes_receivers_of_others(world: World) -> None:
    body = {"name": "练习", "organisation_id": world.operator_id}
    assert (await make(world.admin, RECEIVERS, body))["organisation_id"] == world.operator_id
    assert refusal(await world.stranger.post(RECEIVERS, json=body)) == (403, "insufficient_scope")
    nobody = await world.admin.post(RECEIVERS, json={"name": "练习"})
    assert refusal(nobody) == (409, "sandbox_organisation_required")


async def test_a_new_script_starts_at_its_first_step(world: World) -> None:
    made = await receiver(world, [{"status": 500}, {"status": 200}])
    assert [(await made.deliver(1)).status_code for _ in range(2)] == [500, 200]
    script = {"script": [{"status": 410}, {"status": 201}]}
    stale = await world.operator.patch(made.path, json=script, headers={"if-match": '"7"'})
    assert stale.status_code == 412
    assert (await world.operator.patch(made.path, json=script)).status_code == 428
    changed = await world.operator.patch(made.path, json=script, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert [(await made.deliver(1)).status_code for _ in range(2)] == [410, 201]


async def test_a_reset_receiver_has_no_hits_and_starts_again(world: World) -> None:
    made = await receiver(world, [{"status": 500}, {"status": 200}])
    await made.deliver(1)
    await made.deliver(1)
    assert (await world.operator.post(f"{made.path}:reset")).status_code == 200
    assert await made.hits() == []
    assert (await made.deliver(1)).status_code == 500
    [hit] = await made.hits()
    assert (hit["number"], hit["duplicate"]) == (1, False)


async def test_a_deleted_receiver_is_gone_for_senders_too(world: World) -> None:
    made = await receiver(world)
    await made.deliver(1)
    deleted = await world.operator.delete(made.path, headers={"if-match": '"1"'})
    assert deleted.status_code == 204
    assert refusal(await made.deliver(2)) == (404, "not_found")
    assert refusal(await world.operator.get(made.path)) == (404, "not_found")
    assert (await world.operator.get(RECEIVERS)).json()["items"] == []


async def test_an_organisation_has_so_many_receivers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_RECEIVERS", 2)
    first = await receiver(world)
    await receiver(world)
    refused = await world.operator.post(RECEIVERS, json={"name": "再一个"})
    assert refusal(refused) == (409, "sandbox_receiver_limit")
    await make(world.stranger, RECEIVERS, {"name": "别家"})
    await world.operator.delete(first.path, headers={"if-match": '"1"'})
    await receiver(world)


@pytest.mark.parametrize(
    "wrong",
    [
        {"script": []},
        {"script": [{"status": 101}]},
        {"script": [{"status": 600}]},
        {"script": [{"delay_ms": 20_001}]},
        {"script": [{"delay_ms": -1}]},
        {"script": [{"body": "x" * 4097}]},
        {"script": [{"status": 200}] * 51},
        {"script": [{"unknown": 1}]},
        {"secret": "whsec_short"},
        {"secret": SECRET.removeprefix("whsec_")},
        {"handshake": "maybe"},
    ],
    ids=str,
)
async def test_what_no_receiver_can_be_is_refused(world: World, wrong: dict[str, object]) -> None:
    answer = await world.operator.post(RECEIVERS, json={"name": "练习", **wrong})
    assert answer.status_code == 422
    assert "whsec_short" not in answer.text
