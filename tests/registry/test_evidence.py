"""Evidence through HTTP: filed for a project, verified by a home unit that did not file it."""

import pytest

from services.registry.evidence.errors import UnknownEvidence
from services.registry.evidence.service import require_evidence
from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest

REPORT = {
    "kind": "output_statistics",
    "title": "首季度产值统计",
    "uri": "https://files.example/report.pdf",
    "sha256": "a" * 64,
    "issued_by": "示例统计局",
    "issued_on": "2026-09-30",
}


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


async def test_evidence_is_seen_by_those_who_see_its_project(world: World) -> None:
    project = await world.create_project()
    url = f"/v1/projects/{project['id']}/evidence"
    filed = await make(world.operator, url, REPORT)
    assert filed["filed_by_id"] == world.operator_id
    assert (await world.home_unit.get(f"{url}/{filed['id']}")).json() == filed
    assert (await world.home_unit.get(f"{url}?kind=output_statistics")).json()["items"] == [filed]
    assert (await world.home_unit.get(f"{url}?kind=pilot_report")).json()["items"] == []
    for path in (url, f"{url}/{filed['id']}"):
        assert (await world.stranger.get(path)).status_code == 404
    assert refusal(await world.stranger.post(url, json=REPORT)) == (404, "not_found")
    event = (await world.events("evidence.*"))[0]
    assert event["subject"]["url"] == f"{url}/{filed['id']}"


async def test_cursor_of_one_project_does_not_open_another(world: World) -> None:
    first, second = await world.create_project(), await world.create_project(title="另一项目")
    url = f"/v1/projects/{first['id']}/evidence"
    for _ in range(3):
        await make(world.operator, url, REPORT)
    page = (await world.operator.get(f"{url}?limit=2")).json()
    rest = await world.operator.get(f"{url}?limit=2&cursor={page['next_cursor']}")
    assert (len(page["items"]), len(rest.json()["items"])) == (2, 1)
    other = await world.operator.get(
        f"/v1/projects/{second['id']}/evidence?limit=2&cursor={page['next_cursor']}"
    )
    assert refusal(other) == (400, "invalid_cursor")


async def test_home_unit_verifies_what_it_did_not_file(world: World) -> None:
    project = await world.create_project()
    url = f"/v1/projects/{project['id']}/evidence"
    filed = await make(world.operator, url, REPORT)
    own = await make(world.home_unit, url, REPORT)
    for client, evidence in ((world.operator, filed), (world.home_unit, own), (world.admin, filed)):
        answer = await client.post(f"{url}/{evidence['id']}:verify", headers={"if-match": '"1"'})
        assert refusal(answer) == (403, "insufficient_scope")
    verified = await make(world.home_unit, f"{url}/{filed['id']}:verify", {}, version=1)
    assert (verified["verified_by_id"], verified["version"]) == (world.home_unit_id, 2)
    again = await world.home_unit.post(f"{url}/{filed['id']}:verify", headers={"if-match": '"2"'})
    assert refusal(again) == (409, "evidence_verified")


async def test_a_home_unit_that_only_sees_the_project_neither_files_nor_verifies(world: World) -> None:
    project = await world.create_project()
    url = f"/v1/projects/{project['id']}"
    filed = await make(world.operator, f"{url}/evidence", REPORT)
    await make(world.operator, f"{url}:propose", {"home_unit_ids": [world.stranger_id]}, version=1)
    verify, match = f"{url}/evidence/{filed['id']}:verify", {"if-match": '"1"'}
    for refused in (
        await world.stranger.post(f"{url}/evidence", json=REPORT),
        await world.park.post(f"{url}/evidence", json=REPORT),
        await world.stranger.post(verify, headers=match),
    ):
        assert refusal(refused) == (403, "insufficient_scope")
    assert (await world.operator.get(f"{url}/evidence")).json()["items"] == [filed]
    landing = {"project_id": project["id"], "home_unit_id": world.stranger_id}
    await make(world.stranger, "/v1/landings", landing)
    own = await make(world.stranger, f"{url}/evidence", REPORT)
    assert own["filed_by_id"] == world.stranger_id
    assert (await make(world.stranger, verify, {}, version=1))["verified_by_id"] == world.stranger_id


async def test_the_team_files_its_own_evidence(world: World) -> None:
    team = (await make(world.admin, "/v1/organisations", {"kind": "project_team", "name": "示例团队"}))["id"]
    project = await world.create_project(team_organisation_id=team)
    url = f"/v1/projects/{project['id']}/evidence"
    assert (await make(world.registry.as_org(team), url, REPORT))["filed_by_id"] == team


async def test_a_step_refers_only_to_evidence_of_its_project(world: World) -> None:
    first, second = await world.create_project(), await world.create_project(title="另一项目")
    ids = [
        (await make(world.operator, f"/v1/projects/{first['id']}/evidence", {**REPORT, "kind": kind}))["id"]
        for kind in ("works_start", "paid_in_capital")
    ]
    async with world.registry.database.read() as session:
        found = await require_evidence(session, first["id"], ids[::-1])
        assert [evidence.kind for evidence in found] == ["paid_in_capital", "works_start"]
        with pytest.raises(UnknownEvidence):
            await require_evidence(session, second["id"], ids)
