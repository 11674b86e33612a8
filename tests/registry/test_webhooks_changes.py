"""What an owner changes while deliveries are under way, and who is an owner at all."""

import asyncio
from typing import Any

from tests.registry.project_world import refusal
from tests.registry.webhook_receiver import Reply
from tests.registry.webhook_world import Partners


async def test_an_endpoint_of_the_whole_network_is_not_for_those_who_may_not_see_it(
    partners: Partners,
) -> None:
    operator_id = partners.world.operator_id
    admin = partners.registry.as_admin(operator_id)
    endpoint = await partners.verified("/network", admin, event_types=["*"])
    assert endpoint["sees_network"]
    project = (await partners.projects(1))[0]
    await partners.deliver()
    sent = [hit.document["subject"]["id"] for hit in partners.receiver.at("/network")]
    assert project["id"] in sent
    one = f"/v1/webhook-endpoints/{endpoint['id']}"
    for path in (one, f"{one}/deliveries", f"/v1/events?endpoint_id={endpoint['id']}"):
        assert refusal(await partners.operator.get(path)) == (404, "not_found"), path
    moved = await partners.operator.patch(one, json={"name": "我的"}, headers={"if-match": '"2"'})
    assert refusal(moved) == (404, "not_found")
    replay = {"endpoint_id": endpoint["id"], "mode": "snapshot"}
    assert refusal(await partners.operator.post("/v1/webhook-replays", json=replay)) == (404, "not_found")
    assert (await admin.post("/v1/webhook-replays", json=replay)).status_code == 202
    assert (await partners.operator.get("/v1/webhook-replays")).json()["items"] == []
    assert (await partners.operator.get("/v1/webhook-endpoints")).json()["items"] == []
    told = (await partners.operator.get("/v1/events?types=webhook_endpoint.*")).json()["items"]
    assert not [event for event in told if event["subject"]["id"] == endpoint["id"]]


async def test_a_second_sweep_does_not_undo_the_first(partners: Partners) -> None:
    endpoint = await partners.verified()
    await partners.act(endpoint["id"], "disable")
    first = (await partners.projects(2))[0]
    await partners.world.admin.patch(
        f"/v1/projects/{first['id']}", json={"summary": "新"}, headers={"if-match": '"1"'}
    )
    await partners.registry.sequence()
    assert (await partners.act(endpoint["id"], "enable", {"resume": "none"})).status_code == 200
    version = (await partners.read(endpoint["id"]))["version"]
    await partners.operator.patch(
        f"/v1/webhook-endpoints/{endpoint['id']}",
        json={"event_types": ["project.updated"]},
        headers={"if-match": f'"{version}"'},
    )
    await partners.deliver()
    assert not partners.receiver.hits
    assert {row["state"] for row in await partners.deliveries(endpoint["id"])} == {"cancelled"}


async def test_after_disabling_nothing_more_is_sent_though_it_was_read_already(partners: Partners) -> None:
    endpoint = await partners.verified(max_in_flight=1)
    await partners.projects(6)
    await partners.registry.sequence()
    partners.receiver.hold = asyncio.Event()
    working = asyncio.create_task(partners.dispatcher.run_once())
    await partners.receiver.arrived(1)
    assert (await partners.act(endpoint["id"], "disable")).status_code == 200
    partners.receiver.hold.set()
    await working
    await partners.deliver()
    assert len(partners.receiver.hits) == 1
    states = [row["state"] for row in await partners.deliveries(endpoint["id"])]
    assert states == ["delivered", *["pending"] * 5]


async def test_what_the_old_address_answers_does_not_close_the_new_one(partners: Partners) -> None:
    endpoint = await partners.verified("/old", max_in_flight=1)
    await partners.projects(2)
    await partners.registry.sequence()
    partners.receiver.hold = asyncio.Event()
    partners.receiver.plan = lambda hit: (
        Reply(429, {"retry-after": "43200"}) if hit.path == "/old" else Reply()
    )
    working = asyncio.create_task(partners.dispatcher.run_once())
    await partners.receiver.arrived(1)
    version = (await partners.read(endpoint["id"]))["version"]
    moved = await partners.operator.patch(
        f"/v1/webhook-endpoints/{endpoint['id']}",
        json={"url": partners.receiver.url("/new")},
        headers={"if-match": f'"{version}"'},
    )
    assert moved.status_code == 200
    partners.receiver.hold.set()
    await working
    partners.receiver.hold = None
    await partners.deliver()
    assert [hit.sequence for hit in partners.receiver.at("/new")] == [2]
    assert (await partners.standing(endpoint["id"]))["closed_until"] is None


async def test_a_snapshot_has_every_record_of_the_types_that_are_asked_for(partners: Partners) -> None:
    project = (await partners.projects(1))[0]
    await partners.world.admin.patch(
        f"/v1/projects/{project['id']}", json={"summary": "新"}, headers={"if-match": '"1"'}
    )
    await partners.registry.sequence()
    endpoint = await partners.verified(event_types=["project.created"])
    body: dict[str, Any] = {"endpoint_id": endpoint["id"], "mode": "snapshot", "dry_run": True}
    counted = await partners.operator.post("/v1/webhook-replays", json=body)
    assert (counted.status_code, counted.json()["sent"]) == (202, 1)
