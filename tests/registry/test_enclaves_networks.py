"""1+N networks through HTTP: one centre, N cloud enclaves."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


async def enclave(world: World, name: str) -> str:
    body = {"name": name, "home_unit_id": world.stranger_id}
    return str((await make(world.admin, "/v1/enclaves", body))["id"])


async def form(world: World) -> dict[str, Any]:
    return await make(
        world.admin, "/v1/networks", {"name": "示例网络", "centre_enclave_id": world.enclave_id}
    )


async def join(world: World, network_id: str, version: int, enclave_id: str, role: str) -> httpx2.Response:
    return await world.admin.post(
        f"/v1/networks/{network_id}:add-member",
        json={"enclave_id": enclave_id, "role": role},
        headers={"if-match": f'"{version}"'},
    )


async def test_members_join_and_leave(world: World) -> None:
    network = await form(world)
    assert (network["centre_enclave_id"], network["cloud_enclave_ids"]) == (world.enclave_id, [])
    cloud = await enclave(world, "云飞地")
    assert (await world.stranger.get(f"/v1/networks/{network['id']}")).status_code == 404
    joined = (await join(world, network["id"], 1, cloud, "cloud")).json()
    assert joined["cloud_enclave_ids"] == [cloud]
    assert world.stranger_id in joined["party_ids"]
    assert (await world.stranger.get(f"/v1/networks/{network['id']}")).json() == joined
    members = await world.admin.get(f"/v1/enclaves?network_id={network['id']}&sort=created_at")
    assert [item["network_role"] for item in members.json()["items"]] == ["centre", "cloud"]
    left = await make(
        world.admin, f"/v1/networks/{network['id']}:remove-member", {"enclave_id": cloud}, version=2
    )
    assert (left["cloud_enclave_ids"], left["version"]) == ([], 3)
    assert (await world.stranger.get(f"/v1/networks/{network['id']}")).status_code == 404
    assert (await world.admin.get(f"/v1/enclaves/{cloud}")).json()["network_id"] is None
    events = await world.events("network.*")
    assert [event["type"] for event in events] == ["network.created", *["network.updated"] * 2]


async def test_a_network_has_one_centre(world: World) -> None:
    network = await form(world)
    other = await enclave(world, "另一中心")
    assert refusal(await join(world, network["id"], 1, other, "centre")) == (409, "centre_taken")
    assert refusal(await join(world, network["id"], 1, world.enclave_id, "cloud")) == (
        409,
        "enclave_in_network",
    )
    assert (await world.admin.get(f"/v1/networks/{network['id']}")).json()["version"] == 1


async def test_a_physical_enclave_joins_no_network_as_a_cloud(world: World) -> None:
    network = await form(world)
    body = {"name": "孵化器", "home_unit_id": world.stranger_id, "carrier_type": "offshore_incubator"}
    physical = (await make(world.admin, "/v1/enclaves", body))["id"]
    assert refusal(await join(world, network["id"], 1, physical, "cloud")) == (409, "enclave_not_cloud")
    unknown = await enclave(world, "载体类型未知")
    assert (await join(world, network["id"], 1, unknown, "cloud")).status_code == 200
    url = f"/v1/enclaves/{unknown}"
    becomes = {"carrier_type": "workstation"}
    answer = await world.stranger.patch(url, json=becomes, headers={"if-match": '"2"'})
    assert refusal(answer) == (409, "enclave_not_cloud")


async def test_two_centres_at_once_leave_one(world: World) -> None:
    network = await make(world.admin, "/v1/networks", {"name": "无中心网络"})
    first, second = await enclave(world, "甲"), await enclave(world, "乙")
    answers = await asyncio.gather(
        *[join(world, network["id"], 1, enclave_id, "centre") for enclave_id in (first, second)]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert (await world.admin.get(f"/v1/networks/{network['id']}")).json()["centre_enclave_id"] in (
        first,
        second,
    )


async def test_network_follows_when_a_member_changes_its_parties(world: World) -> None:
    network = await form(world)
    other = await make(world.admin, "/v1/organisations", {"kind": "operator", "name": "接任运营商"})
    changed = await world.home_unit.patch(
        f"/v1/enclaves/{world.enclave_id}", json={"operator_id": other["id"]}, headers={"if-match": '"2"'}
    )
    assert changed.status_code == 200
    assert (await world.operator.get(f"/v1/networks/{network['id']}")).status_code == 404
    seen = await world.registry.as_org(other["id"]).get(f"/v1/networks/{network['id']}")
    assert (seen.json()["party_ids"], seen.headers["etag"]) == (changed.json()["party_ids"], '"2"')


async def test_enclaves_of_others_are_not_drawn_into_a_network(world: World) -> None:
    cloud = await enclave(world, "云飞地")
    body = {"name": "网络", "centre_enclave_id": cloud}
    assert refusal(await world.operator.post("/v1/networks", json=body)) == (409, "unknown_enclave")
    alone = await world.operator.post("/v1/networks", json={"name": "网络"})
    assert refusal(alone) == (403, "insufficient_scope")
    own = await make(
        world.operator,
        "/v1/networks",
        {"name": "网络", "operator_id": world.operator_id, "external_id": "keyi"},
    )
    again = {"name": "网络二", "operator_id": world.operator_id, "external_id": "keyi"}
    assert refusal(await world.operator.post("/v1/networks", json=again)) == (409, "network_exists")
    other = (await make(world.admin, "/v1/organisations", {"kind": "operator", "name": "另一运营商"}))["id"]
    await make(world.registry.as_org(other), "/v1/networks", {**again, "operator_id": other})
    nobodys = {"name": "网络三", "external_id": "keyi"}
    await make(world.admin, "/v1/networks", nobodys)
    assert refusal(await world.admin.post("/v1/networks", json=nobodys)) == (409, "network_exists")
    renamed = await world.operator.patch(
        f"/v1/networks/{own['id']}", json={"name": "云飞地网络"}, headers={"if-match": '"1"'}
    )
    assert renamed.json()["name"] == "云飞地网络"
    listed = await world.operator.get("/v1/networks?name[contains]=云飞地")
    assert [item["id"] for item in listed.json()["items"]] == [own["id"]]


async def test_a_network_is_led_by_its_operator_and_its_centre(world: World) -> None:
    operator = {"kind": "operator", "name": "网络运营商"}
    leader = str((await make(world.admin, "/v1/organisations", operator))["id"])
    body = {"name": "示例网络", "centre_enclave_id": world.enclave_id, "operator_id": leader}
    network = await make(world.admin, "/v1/networks", body)
    cloud = {"name": "云飞地", "home_unit_id": world.stranger_id}
    enclave = await make(world.admin, "/v1/enclaves", cloud)
    path = f"/v1/networks/{network['id']}"
    network = await make(world.admin, f"{path}:add-member", {"enclave_id": enclave["id"]}, network["version"])
    match = {"if-match": f'"{network["version"]}"'}
    for member in (world.stranger, world.park):
        assert refusal(await member.patch(path, json={"name": "夺取"}, headers=match)) == (
            403,
            "insufficient_scope",
        )
        out = await member.post(f"{path}:remove-member", json={"enclave_id": world.enclave_id}, headers=match)
        assert refusal(out) == (403, "insufficient_scope")
    renamed = await world.registry.as_org(leader).patch(path, json={"name": "改名"}, headers=match)
    assert renamed.status_code == 200
    left = await make(
        world.stranger, f"{path}:remove-member", {"enclave_id": enclave["id"]}, renamed.json()["version"]
    )
    assert left["cloud_enclave_ids"] == []
