"""Residencies through HTTP: the track, and space that is let once."""

import asyncio
from datetime import date, timedelta
from typing import Any

import httpx2
import pytest

from services.registry.residencies.admission import (
    approve_for_admission,
    check_capacity,
    release,
    residencies_of,
)
from services.registry.residencies.timer import give_notice
from shared import clock
from shared.errors import DomainError
from shared.identity import SYSTEM
from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest

TODAY = clock.today()
TERM = {"starts_on": str(TODAY - timedelta(days=10)), "ends_on": str(TODAY + timedelta(days=90))}


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry, seat_capacity=10, area_capacity_m2=100.0)


async def apply(world: World, project_id: str, seats: int = 4, **fields: Any) -> dict[str, Any]:
    return await make(
        world.operator, f"/v1/projects/{project_id}/residencies", {"seats": seats, **TERM, **fields}
    )


async def application(world: World, seats: int = 4, title: str = "项目", **fields: Any) -> dict[str, Any]:
    project = await world.create_project(title=title)
    return await apply(world, project["id"], seats, **fields)


async def admit(world: World, residency_id: str, *, days_ago: int = 0) -> str:
    """Take the space of a project as its admission does; return "" or the first guard that failed."""
    failed = await approve(world, residency_id, days_ago=days_ago)
    if not failed:
        stay = (await world.admin.get(f"/v1/residencies/{residency_id}")).json()
        project = await world.read_project(stay["project_id"])
        forced = {"to": "admitted", "force": True, "reason": "补录"}
        await make(world.admin, f"/v1/projects/{project['id']}/transitions", forced, project["version"])
    return failed


async def approve(world: World, residency_id: str, *, days_ago: int = 0) -> str:
    effective_at = clock.now() - timedelta(days=days_ago)
    try:
        async with world.registry.database.write() as tx:
            await approve_for_admission(tx, SYSTEM, residency_id, effective_at)
    except DomainError as error:
        return error.errors[0].code
    return ""


async def step(world: World, residency: dict[str, Any], to: str, **fields: Any) -> dict[str, Any]:
    url = f"/v1/residencies/{residency['id']}"
    current = (await world.operator.get(url)).json()
    return await make(world.operator, f"{url}/transitions", {"to": to, **fields}, current["version"])


async def occupancy(world: World, first: date, last: date) -> dict[str, Any]:
    answer = await world.park.get(f"/v1/enclaves/{world.enclave_id}/occupancy?from={first}&to={last}")
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()
    return record


async def test_track_from_application_to_departure(world: World) -> None:
    residency = await application(world)
    assert (residency["state"], residency["enclave_id"]) == ("applied", world.enclave_id)
    assert await admit(world, residency["id"]) == ""
    for to in ("resident", "expiring", "resident"):
        assert (await step(world, residency, to))["state"] == to
    gone = await step(world, residency, "left", reason="期满迁出")
    assert (gone["state"], gone["left_on"]) == ("left", str(clock.today()))
    events = await world.events("residency.*")
    assert [event["data"]["object"]["state"] for event in events] == [
        "applied",
        "approved",
        "resident",
        "expiring",
        "resident",
        "left",
    ]
    assert events[1]["data"]["changed"] == ["state"]


async def test_steps_the_track_does_not_have_are_refused(world: World) -> None:
    residency = await application(world)
    url = f"/v1/residencies/{residency['id']}/transitions"
    answer = await world.operator.post(url, json={"to": "resident"}, headers={"if-match": '"1"'})
    assert refusal(answer) == (409, "invalid_transition")
    assert answer.json()["errors"][0]["code"] == "no_such_step"
    assert (await world.operator.post(url, json={"to": "left"})).status_code == 428
    late = {"to": "left", "effective_at": "2999-01-01T00:00:00Z"}
    answer = await world.operator.post(url, json=late, headers={"if-match": '"1"'})
    assert answer.json()["errors"][0]["code"] == "effective_in_future"


async def test_space_before_admission_needs_both_keys(world: World) -> None:
    residency = await application(world)
    url = f"/v1/residencies/{residency['id']}/transitions"
    answer = await world.operator.post(url, json={"to": "approved"}, headers={"if-match": '"1"'})
    assert answer.json()["errors"][0]["code"] == "project_not_admitted"


async def test_nobody_moves_in_before_the_admission_of_the_project(world: World) -> None:
    residency = await application(world)
    assert await approve(world, residency["id"]) == ""
    url = f"/v1/residencies/{residency['id']}/transitions"
    answer = await world.operator.post(url, json={"to": "resident"}, headers={"if-match": '"2"'})
    assert answer.json()["errors"][0]["code"] == "project_not_admitted"


async def test_a_project_that_ended_takes_no_space(world: World) -> None:
    project = await world.create_project()
    path = f"/v1/projects/{project['id']}"
    out = {"to": "rejected", "reason": "不符合方向"}
    await make(world.operator, f"{path}/transitions", out, project["version"])
    answer = await world.operator.post(f"{path}/residencies", json={"seats": 4, **TERM})
    assert refusal(answer) == (409, "invalid_transition")
    assert answer.json()["errors"][0]["code"] == "project_ended"


async def test_departure_may_become_known_late(world: World) -> None:
    residency = await application(world)
    await admit(world, residency["id"], days_ago=6)
    await step(world, residency, "resident", effective_at=f"{TODAY - timedelta(days=4)}T04:00:00Z")
    url = f"/v1/residencies/{residency['id']}/transitions"
    early = {"to": "left", "effective_at": f"{TODAY - timedelta(days=9)}T04:00:00Z"}
    answer = await world.operator.post(url, json=early, headers={"if-match": '"3"'})
    assert answer.json()["errors"][0]["code"] == "effective_out_of_order"
    left = TODAY - timedelta(days=3)
    gone = await step(world, residency, "left", effective_at=f"{left}T04:00:00Z")
    assert gone["left_on"] == str(left)
    days = (await occupancy(world, left - timedelta(days=1), left))["days"]
    assert [day["seats"] for day in days] == [4, 0]


async def test_notice_stands_in_the_way_of_no_late_fact(world: World, registry: ServiceUnderTest) -> None:
    ends_on = TODAY + timedelta(days=20)
    residency = await application(world, ends_on=str(ends_on))
    await admit(world, residency["id"], days_ago=30)
    await step(world, residency, "resident", effective_at=f"{TODAY - timedelta(days=28)}T04:00:00Z")
    async with registry.database.write() as tx:
        assert await give_notice(tx, 100) == 1
    events = await world.events("residency.state_changed")
    noticed = clock.to_rfc3339(clock.start_of_day(ends_on - timedelta(days=30)))
    assert (events[-1]["data"]["object"]["state"], events[-1]["effective_at"]) == ("expiring", noticed)
    left = f"{TODAY - timedelta(days=15)}T04:00:00Z"
    assert (await step(world, residency, "left", effective_at=left))["state"] == "left"


async def test_a_tenant_stays_on_only_with_a_longer_term(world: World, registry: ServiceUnderTest) -> None:
    residency = await application(world, ends_on=str(TODAY + timedelta(days=20)))
    await admit(world, residency["id"])
    await step(world, residency, "resident")
    async with registry.database.write() as tx:
        await give_notice(tx, 100)
    url, match = f"/v1/residencies/{residency['id']}", {"if-match": '"4"'}
    answer = await world.operator.post(f"{url}/transitions", json={"to": "resident"}, headers=match)
    assert answer.json()["errors"][0]["code"] == "term_not_extended"
    longer = {"ends_on": str(TODAY + timedelta(days=31))}
    assert (await world.operator.patch(url, json=longer, headers=match)).status_code == 200
    assert (await step(world, residency, "resident"))["state"] == "resident"


@pytest.mark.parametrize(("seats", "guard"), [(6, ""), (7, "space_not_free"), (0, "space_unstated")])
async def test_admission_needs_space_for_the_whole_term(world: World, seats: int, guard: str) -> None:
    first = await application(world, 4, "甲")
    assert await admit(world, first["id"]) == ""
    assert await admit(world, (await application(world, seats, "乙"))["id"]) == guard


async def test_area_is_checked_like_seats(world: World) -> None:
    assert await admit(world, (await application(world, 1, "甲", area_m2=60.5))["id"]) == ""
    assert await admit(world, (await application(world, 1, "乙", area_m2=39.6))["id"]) == "space_not_free"
    assert await admit(world, (await application(world, 1, "丙", area_m2=39.5))["id"]) == ""


async def test_unknown_capacity_is_not_a_pass(world: World, registry: ServiceUnderTest) -> None:
    url = f"/v1/enclaves/{world.enclave_id}"
    await world.home_unit.patch(url, json={"seat_capacity": None}, headers={"if-match": '"1"'})
    residency = await application(world)
    assert await admit(world, residency["id"]) == "capacity_unknown"
    known = await world.operator.patch(url, json={"seat_capacity": 4}, headers={"if-match": '"2"'})
    assert known.status_code == 200
    assert await admit(world, residency["id"]) == ""


async def test_cloud_enclave_lets_no_space(registry: ServiceUnderTest) -> None:
    world = await build_world(registry, carrier_type="cloud")
    residency = await application(world, 0)
    assert await admit(world, residency["id"]) == ""
    read = await world.home_unit.get(f"/v1/residencies/{residency['id']}")
    assert read.json()["state"] == "virtual"
    assert (await step(world, residency, "left"))["state"] == "left"
    assert (await occupancy(world, TODAY, TODAY))["seat_days"] == 0


@pytest.mark.parametrize(
    ("period", "guard"),
    [
        ({"opened_on": TERM["starts_on"], "closed_on": TERM["ends_on"]}, ""),
        ({"opened_on": str(TODAY - timedelta(days=9))}, "enclave_not_open"),
        ({"closed_on": str(TODAY + timedelta(days=89))}, "enclave_closed"),
    ],
)
@pytest.mark.parametrize("carrier_type", ["workstation", "cloud"])
async def test_an_enclave_takes_tenants_only_while_it_is_open(
    registry: ServiceUnderTest, carrier_type: str, period: dict[str, str], guard: str
) -> None:
    world = await build_world(registry, seat_capacity=10, carrier_type=carrier_type, **period)
    assert await admit(world, (await application(world))["id"]) == guard


async def test_capacity_does_not_fall_below_what_is_let(world: World) -> None:
    tenant = await application(world, 6, "甲", area_m2=50)
    await admit(world, tenant["id"])
    ended = {"starts_on": str(TODAY - timedelta(days=10)), "ends_on": str(TODAY - timedelta(days=1))}
    await admit(world, (await application(world, 4, "乙", **ended))["id"], days_ago=5)
    url = f"/v1/enclaves/{world.enclave_id}"

    async def patch(version: int, **fields: Any) -> httpx2.Response:
        return await world.home_unit.patch(url, json=fields, headers={"if-match": f'"{version}"'})

    for below in ({"seat_capacity": 5}, {"area_capacity_m2": 49.5}, {"carrier_type": "cloud"}):
        assert refusal(await patch(1, **below)) == (409, "capacity_below_let")
    assert (await patch(1, seat_capacity=6, area_capacity_m2=50)).status_code == 200
    assert (await patch(2, seat_capacity=None)).status_code == 200
    assert refusal(await patch(3, seat_capacity=5)) == (409, "capacity_below_let")
    await step(world, tenant, "left")
    assert (await patch(3, seat_capacity=5)).status_code == 200


async def test_the_last_seat_goes_to_one_of_thirty(registry: ServiceUnderTest) -> None:
    world = await build_world(registry, seat_capacity=1)
    wanted = [await application(world, 1, f"项目{number}") for number in range(30)]
    outcomes = await asyncio.gather(*[admit(world, residency["id"]) for residency in wanted])
    assert sorted(outcomes) == ["", *["space_not_free"] * 29]
    assert (await occupancy(world, TODAY, TODAY))["days"][0]["seats"] == 1


async def test_project_resides_once_at_a_time(world: World) -> None:
    residency = await application(world)
    url = f"/v1/projects/{residency['project_id']}/residencies"
    again = await world.operator.post(url, json={"seats": 1, **TERM})
    assert refusal(again) == (409, "residency_exists")
    await step(world, residency, "left")
    assert (await apply(world, residency["project_id"]))["state"] == "applied"
    listed = (await world.operator.get(url)).json()["items"]
    assert sorted(item["state"] for item in listed) == ["applied", "left"]


async def test_more_space_for_a_tenant_must_be_free(world: World) -> None:
    tenant = await application(world, 4, "甲")
    await admit(world, tenant["id"])
    await admit(world, (await application(world, 4, "乙"))["id"])
    url = f"/v1/residencies/{tenant['id']}"
    answer = await world.operator.patch(url, json={"seats": 7}, headers={"if-match": '"2"'})
    assert refusal(answer) == (409, "space_not_free")
    answer = await world.operator.patch(url, json={"seats": 6}, headers={"if-match": '"2"'})
    assert (answer.status_code, answer.json()["seats"]) == (200, 6)
    backwards = await world.operator.patch(url, json={"ends_on": "2001-01-01"}, headers={"if-match": '"3"'})
    assert refusal(backwards) == (409, "invalid_period")


async def test_a_project_that_ends_frees_its_space(world: World, registry: ServiceUnderTest) -> None:
    residency = await application(world, 10, "甲")
    await admit(world, residency["id"])
    other = await application(world, 10, "乙")
    async with registry.database.write() as tx:
        assert not (await check_capacity(tx, (await residencies_of(tx, other["project_id"]))[0], TODAY)).free
        await release(tx, SYSTEM, residency["project_id"], TODAY - timedelta(days=10), reason="项目终止")
    assert await admit(world, other["id"]) == ""


async def test_tenant_past_its_term_still_holds_its_space(world: World) -> None:
    over = {"starts_on": str(TODAY - timedelta(days=30)), "ends_on": str(TODAY - timedelta(days=5))}
    tenant = await application(world, 10, "甲", **over)
    await admit(world, tenant["id"], days_ago=20)
    await step(world, tenant, "resident")
    assert [day["seats"] for day in (await occupancy(world, TODAY, TODAY + timedelta(days=1)))["days"]] == [
        10,
        10,
    ]
    assert await admit(world, (await application(world, 1, "乙"))["id"]) == "space_not_free"
    afterwards = {"starts_on": str(TODAY + timedelta(days=1))}
    successor = await application(world, 10, "丙", **afterwards)
    assert await admit(world, successor["id"]) == "space_not_free"
    await step(world, tenant, "left")
    assert await admit(world, successor["id"]) == ""


async def test_occupancy_answers_by_day_and_never_guesses(world: World) -> None:
    await admit(world, (await application(world, 5, area_m2=30))["id"])
    first = TODAY - timedelta(days=11)
    record = await occupancy(world, first, first + timedelta(days=1))
    assert [(day["seats"], day["area_m2"]) for day in record["days"]] == [(0, 0.0), (5, 30.0)]
    assert (record["seat_days"], record["seat_occupancy"]) == (5, 0.25)
    assert record["area_occupancy"] == pytest.approx(0.15)
    url = f"/v1/enclaves/{world.enclave_id}"
    await world.home_unit.patch(url, json={"area_capacity_m2": None}, headers={"if-match": '"1"'})
    assert (await occupancy(world, first, first))["area_occupancy"] is None


@pytest.mark.parametrize("query", ["from=2026-01-02&to=2026-01-01", "from=2025-01-01&to=2026-01-02"])
async def test_occupancy_is_bounded(world: World, query: str) -> None:
    answer = await world.park.get(f"/v1/enclaves/{world.enclave_id}/occupancy?{query}")
    assert refusal(answer) == (400, "invalid_parameter")
    assert (await world.stranger.get(f"/v1/enclaves/{world.enclave_id}/occupancy")).status_code == 404


async def test_who_may_see_and_move_a_residency(world: World, registry: ServiceUnderTest) -> None:
    team = await make(world.admin, "/v1/organisations", {"kind": "project_team", "name": "示例团队"})
    project = await world.create_project(team_organisation_id=team["id"])
    client = registry.as_org(team["id"])
    residency = await make(client, f"/v1/projects/{project['id']}/residencies", {"seats": 2, **TERM})
    assert (await world.stranger.get(f"/v1/residencies/{residency['id']}")).status_code == 404
    assert (await world.stranger.get("/v1/residencies")).json()["items"] == []
    await admit(world, residency["id"])
    url = f"/v1/residencies/{residency['id']}/transitions"
    answer = await client.post(url, json={"to": "resident"}, headers={"if-match": '"2"'})
    assert refusal(answer) == (403, "insufficient_scope")
    unknown = {"to": "resident", "evidence_ids": ["evd_01jd3v9w8xk4m7q2r5t6y8z0ab"]}
    answer = await world.park.post(url, json=unknown, headers={"if-match": '"2"'})
    assert refusal(answer) == (409, "unknown_evidence")
    listed = await client.get(f"/v1/residencies?state=approved&ends_on[gte]={TODAY}")
    assert [item["id"] for item in listed.json()["items"]] == [residency["id"]]


async def test_a_home_unit_that_is_only_shown_a_project_leaves_its_space_alone(world: World) -> None:
    project = await world.create_project()
    stay = await apply(world, project["id"])
    shown = {"home_unit_ids": [world.stranger_id]}
    await make(world.operator, f"/v1/projects/{project['id']}:propose", shown, version=1)
    url, match = f"/v1/residencies/{stay['id']}", {"if-match": '"1"'}
    assert (await world.stranger.get(url)).status_code == 200
    more = await world.stranger.patch(url, json={"seats": 9}, headers=match)
    gone = await world.stranger.post(f"{url}/transitions", json={"to": "left"}, headers=match)
    assert [refusal(more), refusal(gone)] == [(403, "insufficient_scope")] * 2
    assert (await world.park.patch(url, json={"seats": 5}, headers=match)).status_code == 200
