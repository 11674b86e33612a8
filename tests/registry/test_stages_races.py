"""Steps taken at the same time: whoever comes second finds what the first one left."""

import asyncio

import pytest

from tests.registry.project_walk import (
    apply_for_space,
    post_step,
    sign_commitments,
    turn_both_keys,
    valid_code,
    walk_to,
)
from tests.registry.project_world import World, build_world
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry, seat_capacity=10)


async def test_the_last_seats_go_to_one_of_two_projects(world: World) -> None:
    ids = []
    for title in ("甲", "乙"):
        project = await walk_to(world, "reserve", title=title)
        await apply_for_space(world, project["id"], seats=6)
        await sign_commitments(world, project["id"])
        await turn_both_keys(world, project["id"])
        ids.append(project["id"])
    answers = await asyncio.gather(*[post_step(world, project_id, "admitted") for project_id in ids])
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [refused] = [answer.json() for answer in answers if answer.status_code == 409]
    assert [entry["code"] for entry in refused["errors"]] == ["space_free"]
    occupancy = f"/v1/enclaves/{world.enclave_id}/occupancy?from=2027-01-01&to=2027-01-02"
    days = (await world.home_unit.get(occupancy)).json()["days"]
    assert {day["seats"] for day in days} == {6}


async def test_one_of_two_duplicates_is_screened(world: World) -> None:
    ids = [(await world.create_project())["id"] for _ in range(2)]
    answers = await asyncio.gather(*[post_step(world, project_id, "screening") for project_id in ids])
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [refused] = [answer.json() for answer in answers if answer.status_code == 409]
    assert [entry["code"] for entry in refused["errors"]] == ["deduplicated"]


async def test_one_of_two_duplicates_is_screened_when_only_one_has_a_credit_code(world: World) -> None:
    for number in range(4):
        same = {"title": f"项目 {number}", "team_name": "同队"}
        code = valid_code(f"91331100MA00DEM0{number}")
        ids = [(await world.create_project(**same, **fields))["id"] for fields in ({}, {"uscc": code})]
        answers = await asyncio.gather(*[post_step(world, project_id, "screening") for project_id in ids])
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_one_of_two_steps_from_the_same_version_is_taken(world: World) -> None:
    project = await world.create_project()
    path = f"/v1/projects/{project['id']}/transitions"
    bodies = [{"to": "screening"}, {"to": "rejected", "reason": "不符合方向"}]
    headers = {"if-match": '"1"'}
    answers = await asyncio.gather(
        *[world.operator.post(path, json=body, headers=headers) for body in bodies]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert len((await world.operator.get(path)).json()["items"]) == 2


async def test_one_key_is_turned_once(world: World) -> None:
    project = await walk_to(world, "reserve")
    path = f"/v1/projects/{project['id']}/approvals"
    answers = await asyncio.gather(*[world.operator.post(path, json={}) for _ in range(3)])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]


async def test_a_project_lands_once_however_often_it_is_asked(world: World) -> None:
    project = await world.create_project()
    body = {"project_id": project["id"], "home_unit_id": world.home_unit_id}
    answers = await asyncio.gather(*[world.operator.post("/v1/landings", json=body) for _ in range(3)])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]


async def test_a_refused_step_leaves_no_trace(world: World) -> None:
    project = await walk_to(world, "reserve")
    before = await world.events("*")
    refused = await post_step(world, project["id"], "admitted")
    assert refused.status_code == 409
    assert await world.events("*") == before
    assert (await world.read_project(project["id"]))["version"] == project["version"]
