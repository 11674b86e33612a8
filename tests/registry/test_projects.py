"""Projects through HTTP: filing, reading, changing, proposing, and who may see them."""

import pytest

from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


async def test_a_lead_is_seen_by_the_parties_of_its_enclave_and_nobody_else(world: World) -> None:
    answer = await world.operator.post("/v1/projects", json=world.lead())
    assert answer.status_code == 201
    project, url = answer.json(), answer.headers["location"]
    assert project["stage"] == "lead"
    assert project["operator_id"] == world.operator_id
    assert project["party_ids"] == sorted([world.home_unit_id, world.operator_id, world.park_id])
    for party in (world.operator, world.home_unit, world.park, world.admin):
        assert (await party.get(url)).json() == project
        assert [item["id"] for item in (await party.get("/v1/projects")).json()["items"]] == [project["id"]]
    assert refusal(await world.stranger.get(url)) == (404, "not_found")
    assert (await world.stranger.get("/v1/projects")).json()["items"] == []
    stale = {"if-match": '"1"'}
    assert refusal(await world.stranger.patch(url, json={"title": "x"}, headers=stale)) == (404, "not_found")
    assert refusal(await world.stranger.get(f"{url}/function-places")) == (404, "not_found")


async def test_proposing_shows_a_project_to_a_home_unit(world: World) -> None:
    project = await world.create_project()
    url = f"/v1/projects/{project['id']}"
    body = {"home_unit_ids": [world.stranger_id]}
    proposed = await make(world.operator, f"{url}:propose", body, version=1)
    assert proposed["home_unit_ids"] == [world.stranger_id]
    assert (await world.stranger.get(url)).json() == proposed
    again = await make(world.operator, f"{url}:propose", body, version=2)
    assert again["version"] == 2
    wrong = {"home_unit_ids": [world.operator_id]}
    refused = await world.operator.post(f"{url}:propose", json=wrong, headers={"if-match": '"2"'})
    assert refusal(refused) == (409, "unknown_organisation")
    [event] = await world.events("project.proposed")
    assert event["data"]["object"] == proposed
    assert event["data"]["previous"]["home_unit_ids"] == []
    mine = (await world.stranger.get("/v1/events?types=project.*")).json()["items"]
    assert {item["subject"]["id"] for item in mine} == {project["id"]}


async def test_only_a_network_caller_files_a_project_without_an_enclave(world: World) -> None:
    lead = world.lead(enclave_id=None)
    assert refusal(await world.operator.post("/v1/projects", json=lead)) == (409, "enclave_required")
    project = await make(world.admin, "/v1/projects", lead)
    assert (project["party_ids"], project["operator_id"]) == ([], None)
    assert refusal(await world.stranger.post("/v1/projects", json=world.lead())) == (409, "unknown_enclave")


async def test_industries_are_checked_and_give_the_strategic_fields(world: World) -> None:
    project = await world.create_project(industry_codes=["2710", "3914"])
    assert "biotechnology" in project["strategic_fields"] or "biology" in project["strategic_fields"]
    unknown = world.lead(industry_codes=["9999"])
    assert refusal(await world.admin.post("/v1/projects", json=unknown)) == (409, "unknown_industry")
    field = world.lead(strategic_fields=["alchemy"])
    assert refusal(await world.admin.post("/v1/projects", json=field)) == (409, "unknown_industry")


@pytest.mark.parametrize("code", ["C", "27", "2710"])
async def test_a_section_a_division_and_a_class_find_their_projects(world: World, code: str) -> None:
    found = await world.create_project(industry_codes=["2710", "2720"])
    await world.create_project(title="软件", industry_codes=["6511"])
    listed = (await world.admin.get(f"/v1/projects?industry={code}&include_total=true")).json()
    assert [item["id"] for item in listed["items"]] == [found["id"]]
    assert listed["total"]["count"] == 1


async def test_lists_filter_and_page(world: World) -> None:
    ids = [(await world.create_project(title=f"项目{n}"))["id"] for n in range(5)]
    await world.create_project(title="真实", synthetic=False)
    first = (await world.admin.get("/v1/projects?synthetic=true&sort=created_at&limit=3")).json()
    assert [item["id"] for item in first["items"]] == ids[:3]
    path = f"/v1/projects?synthetic=true&sort=created_at&limit=3&cursor={first['next_cursor']}"
    rest = (await world.admin.get(path)).json()
    assert ([item["id"] for item in rest["items"]], rest["has_more"]) == (ids[3:], False)
    one = (await world.admin.get("/v1/projects?title[contains]=项目3&stage=lead")).json()
    assert [item["id"] for item in one["items"]] == [ids[3]]
    mine = f"/v1/projects?enclave_id={world.enclave_id}&operator_id={world.operator_id}&include_total=true"
    assert (await world.admin.get(mine)).json()["total"]["count"] == 6
    assert (await world.admin.get("/v1/projects?stage=nowhere")).status_code == 400
    assert (await world.admin.get("/v1/projects?summary=x")).status_code == 400


async def test_a_patch_changes_what_was_sent_and_tells_of_it(world: World) -> None:
    project = await world.create_project()
    url = f"/v1/projects/{project['id']}"
    patch = {"title": "新标题", "needs": {"space_m2": 500, "fund_amount_cny": "1200000.50"}}
    assert (await world.operator.patch(url, json=patch)).status_code == 428
    changed = await world.operator.patch(url, json=patch, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json()["needs"]["fund_amount_cny"] == "1200000.50"
    assert changed.json()["needs"]["plant_class"] is None
    assert (await world.admin.get(url)).json() == changed.json()
    same = await world.operator.patch(url, json=patch, headers={"if-match": '"2"'})
    assert same.headers["etag"] == '"2"'
    stale = await world.operator.patch(url, json={"title": "x"}, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["current_etag"]) == (412, '"2"')
    events = await world.events("project.updated")
    assert [event["data"]["changed"] for event in events] == [["needs", "title"]]
    assert events[0]["data"]["previous"]["title"] == project["title"]


async def test_industries_of_a_patch_move_the_project_in_the_list(world: World) -> None:
    project = await world.create_project(industry_codes=["2710"])
    url = f"/v1/projects/{project['id']}"
    await world.admin.patch(url, json={"industry_codes": ["6511"]}, headers={"if-match": '"1"'})
    assert (await world.admin.get("/v1/projects?industry=C")).json()["items"] == []
    assert len((await world.admin.get("/v1/projects?industry=65")).json()["items"]) == 1


async def test_an_external_id_is_used_once_by_an_operator(world: World) -> None:
    await world.create_project(external_id="A-1")
    again = await world.operator.post("/v1/projects", json=world.lead(external_id="A-1"))
    assert refusal(again) == (409, "project_exists")


async def test_parties_of_the_enclave_are_parties_of_its_projects(world: World) -> None:
    project = await world.create_project()
    enclave = (await world.admin.get(f"/v1/enclaves/{world.enclave_id}")).json()
    changed = await world.admin.patch(
        f"/v1/enclaves/{world.enclave_id}",
        json={"host_park_id": None},
        headers={"if-match": f'"{enclave["version"]}"'},
    )
    assert changed.status_code == 200, changed.text
    assert (await world.park.get(f"/v1/projects/{project['id']}")).status_code == 404
    seen = (await world.operator.get(f"/v1/projects/{project['id']}")).json()
    assert (seen["version"], world.park_id in seen["party_ids"]) == (2, False)
    [event] = await world.events("project.updated")
    assert event["data"]["changed"] == ["party_ids"]


async def test_a_function_moves_from_place_to_place(world: World) -> None:
    project = await world.create_project()
    url = f"/v1/projects/{project['id']}/function-places"
    await make(world.operator, url, {"function": "rnd", "adcode": "310112", "starts_on": "2026-01-01"})
    await make(world.operator, url, {"function": "rnd", "adcode": "331102", "starts_on": "2026-07-01"})
    await make(world.operator, url, {"function": "pilot", "adcode": "331102", "starts_on": "2026-01-01"})
    items = (await world.home_unit.get(url)).json()["items"]
    rnd = [
        (item["adcode"], item["starts_on"], item["ends_on"]) for item in items if item["function"] == "rnd"
    ]
    assert rnd == [("310112", "2026-01-01", "2026-06-30"), ("331102", "2026-07-01", None)]
    late = {"function": "rnd", "adcode": "310112", "starts_on": "2026-03-01"}
    assert refusal(await world.operator.post(url, json=late)) == (409, "function_place_overlap")
    before = {**late, "starts_on": "2025-01-01", "ends_on": "2025-12-31"}
    assert (await world.operator.post(url, json=before)).status_code == 201
    reversed_period = {**late, "starts_on": "2024-02-01", "ends_on": "2024-01-01"}
    assert refusal(await world.operator.post(url, json=reversed_period)) == (409, "invalid_period")
    nowhere = {**late, "adcode": "999999", "starts_on": "2028-01-01"}
    assert refusal(await world.operator.post(url, json=nowhere)) == (409, "unknown_division")
    events = await world.events("function_place.changed")
    assert [event["data"]["changed"] for event in events] == [[], ["ends_on"], [], [], []]


@pytest.mark.parametrize("identifier", ["%00", "prj_%F0%9F%92%A9", "x" * 300, "prj_01'--", "%ff"])
async def test_an_odd_identifier_is_simply_not_found(world: World, identifier: str) -> None:
    for suffix in ("", "/timeline", "/function-places", "/transitions"):
        answer = await world.operator.get(f"/v1/projects/{identifier}{suffix}")
        assert refusal(answer) == (404, "not_found")
    headers = {"if-match": '"1"'}
    answer = await world.operator.patch(f"/v1/projects/{identifier}", json={"title": "x"}, headers=headers)
    assert refusal(answer) == (404, "not_found")
    assert refusal(await world.operator.get(f"/v1/landings/{identifier}")) == (404, "not_found")


async def test_a_lead_says_when_it_was_found(world: World) -> None:
    await world.create_project(effective_at="2026-01-05T01:00:00Z")
    [event] = await world.events("project.created")
    assert event["effective_at"] == "2026-01-05T01:00:00.000Z"
    future = world.lead(effective_at="2999-01-05T01:00:00Z")
    assert refusal(await world.admin.post("/v1/projects", json=future)) == (409, "effective_in_future")


@pytest.mark.parametrize("year", ["0001", "1899", "3000", "9999"])
async def test_days_and_instants_far_outside_of_history_are_refused(world: World, year: str) -> None:
    project = await world.create_project()
    path = f"/v1/projects/{project['id']}"
    instant, day = f"{year}-01-01T00:00:00Z", f"{year}-12-31"
    headers = {"if-match": '"1"'}
    for refused in (
        await world.operator.post("/v1/projects", json=world.lead(effective_at=instant)),
        await world.operator.post(
            f"{path}/transitions", json={"to": "screening", "effective_at": instant}, headers=headers
        ),
        await world.operator.patch(path, json={"last_contact_on": day}, headers=headers),
        await world.operator.post(
            f"{path}/function-places", json={"function": "rnd", "adcode": "310112", "starts_on": day}
        ),
    ):
        assert refusal(refused) == (422, "validation_failed")
        assert refused.json()["errors"][0]["detail"] == "is not from 1900 to 2999"
    assert (await world.operator.get(f"{path}/timeline")).status_code == 200


async def test_an_admitted_project_keeps_its_enclave_and_operator(world: World) -> None:
    project = await world.create_project()
    path = f"/v1/projects/{project['id']}"
    step = {"to": "admitted", "force": True, "reason": "补录"}
    await make(world.admin, f"{path}/transitions", step, version=1)
    other = await make(world.admin, "/v1/organisations", {"kind": "operator", "name": "另一运营商"})
    patch = await world.admin.patch(path, json={"operator_id": other["id"]}, headers={"if-match": '"2"'})
    assert refusal(patch) == (409, "enclave_fixed")
