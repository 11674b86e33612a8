"""Enclaves through HTTP: what is unknown stays unknown, and only parties see them."""

import asyncio
from typing import Any

import pytest

from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


async def patch(world: World, version: int, **fields: Any) -> Any:
    url = f"/v1/enclaves/{world.enclave_id}"
    return await world.home_unit.patch(url, json=fields, headers={"if-match": f'"{version}"'})


async def test_what_is_not_stated_stays_null(world: World) -> None:
    body = {"name": "太仓科创飞地", "home_unit_id": world.home_unit_id}
    record = await make(world.home_unit, "/v1/enclaves", body)
    known = {name for name, value in record.items() if value not in (None, [], False)}
    assert known == {
        "id",
        "name",
        "home_unit_id",
        "home_place",
        "party_ids",
        "version",
        "created_at",
        "updated_at",
    }
    assert record["party_ids"] == [world.home_unit_id]


@pytest.mark.parametrize(
    ("host", "pattern"), [("310115", "intra_cluster"), ("440305", "inter_cluster"), (None, None)]
)
async def test_siting_follows_from_home_and_host(world: World, host: str | None, pattern: str | None) -> None:
    changed = (await patch(world, 1, host_adcode=host)).json()
    assert changed["siting_pattern"] == pattern
    listed = await world.home_unit.get("/v1/enclaves?siting_pattern=inter_cluster")
    assert len(listed.json()["items"]) == (1 if pattern == "inter_cluster" else 0)


async def test_siting_follows_when_the_home_unit_gets_another_division(world: World) -> None:
    elsewhere = await make(world.admin, "/v1/enclaves", {"name": "别处", "home_unit_id": world.stranger_id})
    url = f"/v1/organisations/{world.home_unit_id}"
    moved = await world.admin.patch(url, json={"adcode": "440100"}, headers={"if-match": '"1"'})
    assert moved.status_code == 200, moved.text
    enclave = (await world.home_unit.get(f"/v1/enclaves/{world.enclave_id}")).json()
    assert (enclave["home_place"]["adcode"], enclave["siting_pattern"]) == ("440100", "inter_cluster")
    [updated] = await world.events("enclave.updated")
    assert updated["data"]["object"] == enclave
    assert updated["data"]["changed"] == ["home_place", "siting_pattern"]
    assert (await world.admin.get(f"/v1/enclaves/{elsewhere['id']}")).json() == elsewhere
    unknown = await world.admin.patch(url, json={"adcode": None}, headers={"if-match": '"2"'})
    assert unknown.status_code == 200
    assert (await world.admin.get(f"/v1/enclaves/{world.enclave_id}")).json()["siting_pattern"] is None


async def test_an_enclave_made_while_its_home_unit_moves_is_sited_where_it_went(world: World) -> None:
    url = f"/v1/organisations/{world.home_unit_id}"
    body = {"name": "新飞地", "home_unit_id": world.home_unit_id, "host_adcode": "310112"}
    for version, adcode in enumerate(("440100", "331100", "440100", "331100"), start=1):
        created, moved = await asyncio.gather(
            world.home_unit.post("/v1/enclaves", json=body),
            world.admin.patch(url, json={"adcode": adcode}, headers={"if-match": f'"{version}"'}),
        )
        assert (created.status_code, moved.status_code) == (201, 200)
        enclaves = (await world.home_unit.get("/v1/enclaves")).json()["items"]
        assert {enclave["home_place"]["adcode"] for enclave in enclaves} == {adcode}


async def test_only_parties_see_an_enclave(world: World) -> None:
    url = f"/v1/enclaves/{world.enclave_id}"
    for client in (world.home_unit, world.operator, world.park, world.admin):
        assert (await client.get(url)).status_code == 200
        assert len((await client.get("/v1/enclaves")).json()["items"]) == 1
    assert (await world.stranger.get(url)).status_code == 404
    assert (await world.stranger.get("/v1/enclaves?include_total=true")).json()["total"]["count"] == 0
    body = {"name": "别人的飞地", "home_unit_id": world.home_unit_id}
    assert refusal(await world.stranger.post("/v1/enclaves", json=body)) == (403, "insufficient_scope")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"operator_id": "org_01jd3v9w8xk4m7q2r5t6y8z0ab"}, "unknown_organisation"),
        ({"host_adcode": "999999"}, "unknown_division"),
        ({"opened_on": "2026-02-01", "closed_on": "2026-01-01"}, "enclave_period_invalid"),
    ],
)
async def test_what_cannot_be_is_refused(world: World, fields: dict[str, Any], code: str) -> None:
    assert refusal(await patch(world, 1, **fields)) == (409, code)
    body = {"name": "新飞地", "home_unit_id": world.home_unit_id, **fields}
    assert refusal(await world.home_unit.post("/v1/enclaves", json=body)) == (409, code)


async def test_roles_need_organisations_of_their_kind(world: World) -> None:
    for role in ("operator_id", "host_park_id"):
        assert refusal(await patch(world, 1, **{role: world.stranger_id})) == (409, "unknown_organisation")
    body = {"name": "新飞地", "home_unit_id": world.operator_id}
    assert refusal(await world.operator.post("/v1/enclaves", json=body)) == (409, "unknown_organisation")


async def test_only_the_home_unit_changes_who_the_parties_are(world: World) -> None:
    url = f"/v1/enclaves/{world.enclave_id}"
    takeover = {"home_unit_id": world.stranger_id}
    answer = await world.operator.patch(url, json=takeover, headers={"if-match": '"1"'})
    assert refusal(answer) == (403, "insufficient_scope")
    without_space = {"carrier_type": "cloud"}
    answer = await world.operator.patch(url, json=without_space, headers={"if-match": '"1"'})
    assert refusal(answer) == (403, "insufficient_scope")
    assert (await world.operator.patch(url, json={"offices": 18}, headers={"if-match": '"1"'})).json()[
        "offices"
    ] == 18


async def test_projects_follow_when_the_operator_changes(world: World) -> None:
    project = await world.create_project()
    other = await make(world.admin, "/v1/organisations", {"kind": "operator", "name": "接任运营商"})
    changed = (await patch(world, 1, operator_id=other["id"], host_park_id=None)).json()
    assert changed["party_ids"] == sorted([world.home_unit_id, other["id"]])
    after = await world.read_project(project["id"])
    assert other["id"] in after["party_ids"]
    assert world.park_id not in after["party_ids"]
    assert (await world.park.get(f"/v1/projects/{project['id']}")).status_code == 404
    successor = world.registry.as_org(other["id"])
    assert (await successor.get(f"/v1/projects/{project['id']}")).status_code == 200
    assert (await successor.get(f"/v1/enclaves/{world.enclave_id}")).status_code == 200
    updates = await world.events("project.updated")
    assert [event["data"]["changed"] for event in updates] == [["operator_id", "party_ids"]]
    assert updates[0]["data"]["previous"]["operator_id"] == world.operator_id


async def test_a_replaced_operator_loses_the_projects_it_had_from_the_enclave(world: World) -> None:
    other = await make(world.admin, "/v1/organisations", {"kind": "operator", "name": "接任运营商"})
    admitted = await world.create_project()
    step = {"to": "admitted", "force": True, "reason": "补录"}
    await make(world.admin, f"/v1/projects/{admitted['id']}/transitions", step, version=1)
    own = {"kind": "operator", "name": "项目自己的运营商"}
    named = (await make(world.admin, "/v1/organisations", own))["id"]
    apart = await world.create_project(title="另一项目", operator_id=named)
    assert (await patch(world, 1, operator_id=other["id"])).status_code == 200
    assert refusal(await world.operator.get(f"/v1/projects/{admitted['id']}")) == (404, "not_found")
    assert (await world.read_project(admitted["id"]))["operator_id"] == other["id"]
    assert (await world.read_project(apart["id"]))["operator_id"] == named
    successor = world.registry.as_org(other["id"])
    listed = (await successor.get("/v1/projects")).json()["items"]
    assert {item["id"] for item in listed} == {admitted["id"], apart["id"]}


async def test_an_operator_is_not_replaced_by_one_that_uses_its_external_ids(world: World) -> None:
    other = (await make(world.admin, "/v1/organisations", {"kind": "operator", "name": "接任运营商"}))["id"]
    await world.create_project(external_id="A-1")
    await world.create_project(title="另一项目", operator_id=other, external_id="A-1")
    assert refusal(await patch(world, 1, operator_id=other)) == (409, "project_exists")
    assert (await world.operator.get("/v1/projects")).json()["items"][0]["version"] == 1


async def test_event_tells_what_changed_and_what_was_before(world: World) -> None:
    assert (await patch(world, 1, host_adcode="310115", area_m2=21000)).status_code == 200
    unchanged = await patch(world, 2, area_m2=21000)
    assert (unchanged.status_code, unchanged.headers["etag"]) == (200, '"2"')
    created, updated = await world.events("enclave.*")
    assert created["data"]["object"]["party_ids"] == sorted(
        [world.home_unit_id, world.operator_id, world.park_id]
    )
    assert updated["data"]["changed"] == ["area_m2", "host_adcode", "host_place"]
    assert updated["data"]["previous"]["area_m2"] is None
    assert updated["data"]["previous"]["host_place"]["adcode"] == "310112"


async def test_external_id_names_one_enclave(world: World) -> None:
    body = {"name": "甲", "home_unit_id": world.home_unit_id, "external_id": "fact-1"}
    await make(world.home_unit, "/v1/enclaves", body)
    assert refusal(await world.home_unit.post("/v1/enclaves", json=body)) == (409, "enclave_exists")
    theirs = {**body, "home_unit_id": world.stranger_id}
    assert (await make(world.stranger, "/v1/enclaves", theirs))["external_id"] == "fact-1"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("host_city_adcode=310000", 1),
        ("host_city_adcode[in]=310000,440300", 2),
        ("name[contains]=深圳", 1),
        ("operating_mode=commissioned", 1),
        ("carrier_type=workstation", 0),
    ],
)
async def test_lists_are_filtered(world: World, query: str, count: int) -> None:
    body = {
        "name": "惠山(深圳)创新中心",
        "home_unit_id": world.home_unit_id,
        "host_adcode": "440305",
        "operating_mode": "commissioned",
    }
    await make(world.home_unit, "/v1/enclaves", body)
    answer = await world.home_unit.get(f"/v1/enclaves?{query}")
    assert len(answer.json()["items"]) == count
