"""Stages through HTTP: the whole walk, its refusals, its ends, and what is forced."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from shared import clock
from tests.registry.project_walk import (
    FEASIBLE,
    LADDER,
    answer_from_matching,
    apply_for_space,
    failed_guards,
    matching_finds,
    post_step,
    prepare,
    review,
    sign_commitments,
    step,
    take_up_residency,
    turn_both_keys,
    valid_code,
    walk_to,
)
from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest

UNMET = {
    "screening": {"industry_coded", "owner_set"},
    "reserve": {"feasible_home_unit", "score_with_reasons"},
    "admitted": {"operator_approved", "home_unit_approved", "space_free", "agreement_with_commitments"},
    "incubation": {"residency_taken_up"},
    "acceleration": {"gate_review_passed"},
    "rnd": {"gate_review_passed"},
    "pilot": {"core_technology_mature", "rnd_place_recorded"},
    "industrialisation": {"landing_registered", "pilot_report_accepted"},
    "completed": {"landing_honoured"},
}


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry, seat_capacity=100, area_capacity_m2=2000)


async def test_a_project_walks_from_lead_to_completed_and_every_unmet_guard_stops_it(world: World) -> None:
    answer_from_matching(world, lambda _request: httpx2.Response(503))
    project = await world.create_project(industry_codes=[], owner_name=None)
    project_id = project["id"]
    for to in LADDER[1:]:
        assert failed_guards(await post_step(world, project_id, to)) == UNMET[to]
        if to == "screening":
            patch = {"industry_codes": ["3581"], "owner_name": "招商专员"}
            await world.operator.patch(f"/v1/projects/{project_id}", json=patch, headers={"if-match": '"1"'})
        await prepare(world, project_id, to)
        project = await step(world, project_id, to)
        assert project["stage"] == to
    assert project["reserve_score"] == 0.81
    assert project["admitted_at"] is not None
    log = (await world.home_unit.get(f"/v1/projects/{project_id}/transitions")).json()["items"]
    assert [(entry["from_state"], entry["to_state"]) for entry in log] == [*pairwise((None, *LADDER))]
    assert log[2]["details"]["recommendation"]["reasons"][0]["zh"] == "产业相符"
    events = await world.events("project.stage_changed")
    assert [event["data"]["object"]["stage"] for event in events] == list(LADDER[1:])
    assert [event["data"]["previous"]["stage"] for event in events] == list(LADDER[:-1])
    timeline = (await world.home_unit.get(f"/v1/projects/{project_id}/timeline")).json()["items"]
    assert {entry["kind"] for entry in timeline} == {
        "stage",
        "landing",
        "residency",
        "approval",
        "review",
        "function_place",
    }
    assert timeline == sorted(timeline, key=lambda entry: entry["effective_at"])


async def test_admission_takes_the_space_and_nobody_turns_both_keys(world: World) -> None:
    project = await walk_to(world, "reserve")
    path = f"/v1/projects/{project['id']}/approvals"
    assert refusal(await world.admin.post(path, json={})) == (403, "not_a_key_holder")
    assert refusal(await world.park.post(path, json={})) == (403, "not_a_key_holder")
    assert refusal(await world.stranger.post(path, json={})) == (404, "not_found")
    network_operator = world.registry.as_admin()
    assert refusal(await network_operator.post(path, json={})) == (403, "not_a_key_holder")
    without_scope = world.registry.as_org(world.operator_id, "registry:stages:write")
    assert refusal(await without_scope.post(path, json={})) == (403, "insufficient_scope")
    await apply_for_space(world, project["id"])
    approval = await make(world.operator, path, {"note": "同意"})
    assert (approval["role"], approval["organisation_id"]) == ("operator", world.operator_id)
    assert refusal(await world.operator.post(path, json={})) == (409, "already_approved")
    await sign_commitments(world, project["id"])
    assert failed_guards(await post_step(world, project["id"], "admitted")) == {"home_unit_approved"}
    assert (await make(world.home_unit, path, {}))["role"] == "home_unit"
    await step(world, project["id"], "admitted")
    [stay] = (await world.operator.get(f"/v1/projects/{project['id']}/residencies")).json()["items"]
    assert stay["state"] == "approved"
    assert refusal(await world.home_unit.post(path, json={})) == (409, "not_up_for_admission")


async def test_a_new_operator_has_to_turn_its_own_key(world: World) -> None:
    project = await walk_to(world, "reserve")
    await apply_for_space(world, project["id"])
    await turn_both_keys(world, project["id"])
    other = await make(world.admin, "/v1/organisations", {"kind": "operator", "name": "另一运营商"})
    version = (await world.read_project(project["id"]))["version"]
    await world.admin.patch(
        f"/v1/projects/{project['id']}",
        json={"operator_id": other["id"]},
        headers={"if-match": f'"{version}"'},
    )
    await sign_commitments(world, project["id"])
    refused = await post_step(world, project["id"], "admitted", client=world.home_unit)
    assert failed_guards(refused) == {"operator_approved", "agreement_with_commitments"}


async def test_space_taken_by_another_project_stops_an_admission(world: World) -> None:
    first, second = await walk_to(world, "reserve"), await walk_to(world, "reserve", title="第二个项目")
    for project in (first, second):
        await apply_for_space(world, project["id"], seats=60, starts_on="2090-01-01", ends_on="2091-12-31")
        await sign_commitments(world, project["id"])
        await turn_both_keys(world, project["id"])
    await step(world, first["id"], "admitted")
    refused = await post_step(world, second["id"], "admitted")
    assert failed_guards(refused) == {"space_free"}
    assert refused.json()["errors"][0]["params"]["failures"]
    await step(world, first["id"], "withdrawn", reason="团队退出")
    await step(world, second["id"], "admitted")


async def test_a_role_in_a_network_lifts_no_capacity(world: World) -> None:
    project = await walk_to(world, "reserve")
    await apply_for_space(world, project["id"], seats=101)
    await sign_commitments(world, project["id"])
    await turn_both_keys(world, project["id"])
    body = {"name": "云网络", "operator_id": world.operator_id}
    network = await make(world.operator, "/v1/networks", body)
    joining = {"enclave_id": world.enclave_id, "role": "cloud"}
    await make(world.operator, f"/v1/networks/{network['id']}:add-member", joining, network["version"])
    assert failed_guards(await post_step(world, project["id"], "admitted")) == {"space_free"}


@pytest.mark.parametrize(
    "terms",
    [{"valid_to": "2026-01-31"}, {"valid_from": "2090-01-01"}, {"signed_on": None}, {"with": "park"}],
)
async def test_an_agreement_binds_on_the_day_and_between_those_who_admit(
    world: World, terms: dict[str, Any]
) -> None:
    project = await walk_to(world, "reserve")
    await apply_for_space(world, project["id"])
    await turn_both_keys(world, project["id"])
    others = {"party_ids": [world.operator_id, world.park_id]}
    await sign_commitments(world, project["id"], **(others if "with" in terms else terms))
    refused = await post_step(world, project["id"], "admitted")
    assert failed_guards(refused) == {"agreement_with_commitments"}
    await sign_commitments(world, project["id"], valid_from="2026-01-01", valid_to="2090-01-01")
    await step(world, project["id"], "admitted")


async def test_a_term_that_is_over_is_admitted_to_only_by_a_history_entered_late(world: World) -> None:
    project = await world.create_project(effective_at="2026-01-01T01:00:00Z")
    await step(world, project["id"], "screening", effective_at="2026-01-02T01:00:00Z")
    await prepare(world, project["id"], "reserve")
    await step(world, project["id"], "reserve", effective_at="2026-01-03T01:00:00Z")
    await apply_for_space(world, project["id"], starts_on="2026-01-05", ends_on="2026-03-05")
    await sign_commitments(world, project["id"])
    await turn_both_keys(world, project["id"])
    refused = await post_step(world, project["id"], "admitted")
    assert failed_guards(refused) == {"space_free"}
    assert refused.json()["errors"][0]["params"]["failures"] == ["term_over"]
    await step(world, project["id"], "admitted", effective_at="2026-03-05T01:00:00Z")


async def test_a_stay_in_another_enclave_begins_no_incubation(world: World) -> None:
    project = await walk_to(world, "admitted")
    body = {"name": "云飞地", "home_unit_id": world.home_unit_id, "operator_id": world.operator_id}
    cloud = await make(world.admin, "/v1/enclaves", {**body, "carrier_type": "cloud"})
    stay = await apply_for_space(world, project["id"], enclave_id=cloud["id"])
    await make(world.operator, f"/v1/residencies/{stay['id']}/transitions", {"to": "virtual"}, version=1)
    assert failed_guards(await post_step(world, project["id"], "incubation")) == {"residency_taken_up"}


@pytest.mark.parametrize(
    "change",
    [
        {"seats": 5},
        {"area_m2": 30},
        {"ends_on": "2029-12-31"},
        {"enclave_id": ""},
    ],
)
async def test_keys_count_for_what_they_were_turned_for(world: World, change: dict[str, Any]) -> None:
    project = await walk_to(world, "reserve")
    stay = await apply_for_space(world, project["id"])
    await sign_commitments(world, project["id"])
    await turn_both_keys(world, project["id"])
    path = f"/v1/projects/{project['id']}"
    [given, _] = (await world.operator.get(f"{path}/approvals")).json()["items"]
    terms = {name: stay[name] for name in ("enclave_id", "seats", "area_m2", "starts_on", "ends_on")}
    assert given["approved"] == terms
    if "enclave_id" in change:
        body = {"name": "另一处", "home_unit_id": world.home_unit_id, "operator_id": world.operator_id}
        elsewhere = await make(world.admin, "/v1/enclaves", {**body, "seat_capacity": 9})
        moved = {"enclave_id": elsewhere["id"]}
        match = {"if-match": f'"{project["version"]}"'}
        assert (await world.operator.patch(path, json=moved, headers=match)).status_code == 200
        await apply_for_space(world, project["id"])
    else:
        url = f"/v1/residencies/{stay['id']}"
        changed = await world.operator.patch(url, json=change, headers={"if-match": '"1"'})
        assert changed.status_code == 200
    refused = await post_step(world, project["id"], "admitted")
    assert failed_guards(refused) == {"operator_approved", "home_unit_approved"}
    assert refused.json()["errors"][0]["params"] == {"outdated": True}
    await turn_both_keys(world, project["id"])
    await step(world, project["id"], "admitted")
    assert len(await world.events("approval.voided")) == 2


async def test_matching_is_asked_only_for_the_step_that_needs_it(world: World) -> None:
    asked: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.raw_path.decode())
        return httpx2.Response(200, json={"project_version": 2, **FEASIBLE})

    answer_from_matching(world, respond)
    project = await world.create_project()
    assert failed_guards(await post_step(world, project["id"], "reserve")) == {"edge_exists"}
    await step(world, project["id"], "screening")
    assert asked == []
    await step(world, project["id"], "reserve")
    assert asked == [f"/v1/projects/{project['id']}/recommendations?limit=1&redacted=true"]
    headers = {"if-match": '"1"'}
    path = f"/v1/projects/{project['id']}/transitions"
    refused = await world.stranger.post(path, json={"to": "reserve"}, headers=headers)
    assert refusal(refused) == (404, "not_found")
    assert len(asked) == 1


async def test_a_duplicate_stays_a_lead_and_is_named_only_to_those_who_see_it(world: World) -> None:
    first, second = await world.create_project(), await world.create_project(title="柔性 脑机接口电极")
    await step(world, first["id"], "screening")
    refused = await post_step(world, second["id"], "screening")
    assert failed_guards(refused) == {"deduplicated"}
    assert refused.json()["errors"][0]["params"]["project_ids"] == [first["id"]]
    elsewhere = await make(
        world.admin, "/v1/enclaves", {"name": "宁波飞地", "home_unit_id": world.stranger_id}
    )
    hidden = await make(world.stranger, "/v1/projects", world.lead(enclave_id=elsewhere["id"]))
    refused = await post_step(world, hidden["id"], "screening", client=world.stranger)
    assert failed_guards(refused) == {"deduplicated"}
    assert refused.json()["errors"][0]["params"] == {"uscc_valid": None, "duplicates": 1, "project_ids": []}
    await step(world, first["id"], "rejected", reason="不符合方向")
    await step(world, second["id"], "screening")


async def test_a_mistyped_credit_code_keeps_a_project_a_lead(world: World) -> None:
    project = await world.create_project(uscc="91331100MA0000000A")
    assert failed_guards(await post_step(world, project["id"], "screening")) == {"deduplicated"}


async def test_what_was_screened_cannot_become_a_duplicate(world: World) -> None:
    first, second = await world.create_project(), await world.create_project(title="另一个")
    await step(world, first["id"], "screening")
    await step(world, second["id"], "screening")
    patch = await world.operator.patch(
        f"/v1/projects/{second['id']}", json={"title": first["title"]}, headers={"if-match": '"2"'}
    )
    assert refusal(patch) == (409, "project_exists")
    wrong = await world.operator.patch(
        f"/v1/projects/{second['id']}", json={"uscc": "91331100MA0000000A"}, headers={"if-match": '"2"'}
    )
    assert refusal(wrong) == (409, "invalid_uscc")


@pytest.mark.parametrize("coded", ["first", "second"])
async def test_a_credit_code_does_not_hide_what_a_screened_project_becomes(world: World, coded: str) -> None:
    code = {"uscc": valid_code("91331100MA00DEM01")}
    first = await world.create_project(**(code if coded == "first" else {}))
    second = await world.create_project(title="另一个", **(code if coded == "second" else {}))
    await step(world, first["id"], "screening")
    await step(world, second["id"], "screening")
    patch = await world.operator.patch(
        f"/v1/projects/{second['id']}", json={"title": first["title"]}, headers={"if-match": '"2"'}
    )
    assert refusal(patch) == (409, "project_exists")
    assert (await world.read_project(second["id"]))["title"] == "另一个"


@pytest.mark.parametrize("stage", ["lead", "reserve", "admitted", "acceleration"])
async def test_any_active_project_may_end_with_a_reason(world: World, stage: str) -> None:
    project = await walk_to(world, stage)
    path = f"/v1/projects/{project['id']}/transitions"
    assert failed_guards(await post_step(world, project["id"], "withdrawn")) == {"reason_given"}
    ended = await step(world, project["id"], "withdrawn", reason="团队解散")
    assert ended["stage"] == "withdrawn"
    entry = (await world.operator.get(path)).json()["items"][-1]
    assert entry["details"]["clawback"] == {
        "rule": "sum_of_investments_v1",
        "amount_cny": None,
        "unknown_because": "investments_not_recorded",
    }
    stays = (await world.operator.get(f"/v1/projects/{project['id']}/residencies")).json()["items"]
    assert {stay["state"] for stay in stays} <= {"left"}
    assert failed_guards(await post_step(world, project["id"], "screening")) == {"edge_exists"}
    forced = await post_step(world, project["id"], "screening", force=True, reason="重启")
    assert failed_guards(forced) == {"edge_exists"}


async def test_an_exit_takes_effect_after_the_last_step_of_the_stay_it_ends(world: World) -> None:
    project = await walk_to(world, "admitted")
    before = clock.to_rfc3339(clock.now() + timedelta(milliseconds=1))
    await asyncio.sleep(0.01)
    await take_up_residency(world, project["id"])
    body = {"reason": "团队解散", "effective_at": before}
    assert failed_guards(await post_step(world, project["id"], "failed", **body)) == {"effective_in_order"}
    await step(world, project["id"], "failed", reason="团队解散")
    timeline = (await world.operator.get(f"/v1/projects/{project['id']}/timeline")).json()["items"]
    stays = [entry["what"] for entry in timeline if entry["kind"] == "residency"]
    assert stays == ["approved", "resident", "left"]


async def test_forcing_needs_its_permission_and_a_reason_and_is_logged(world: World) -> None:
    project = await walk_to(world, "screening")
    plain = world.registry.as_org(world.operator_id, "registry:stages:write")
    refused = await post_step(world, project["id"], "admitted", client=plain, force=True, reason="补录")
    assert refusal(refused) == (403, "insufficient_scope")
    refused = await post_step(world, project["id"], "admitted", force=True)
    assert refusal(refused) == (409, "reason_required")
    forced = await step(world, project["id"], "admitted", force=True, reason="补录")
    assert forced["admitted_at"] is not None
    entry = (await world.operator.get(f"/v1/projects/{project['id']}/transitions")).json()["items"][-1]
    assert (entry["forced"], entry["reason"]) == (True, "补录")
    too_far = await post_step(world, project["id"], "lead", force=True, reason="x")
    assert failed_guards(too_far) == {"edge_exists"}


async def test_a_step_back_makes_the_approvals_void(world: World) -> None:
    project = await walk_to(world, "admitted")
    back = await step(world, project["id"], "reserve", force=True, reason="材料有误")
    assert (back["stage"], back["admitted_at"]) == ("reserve", None)
    given = (await world.operator.get(f"/v1/projects/{project['id']}/approvals")).json()["items"]
    assert all(approval["voided_at"] for approval in given)
    refused = await post_step(world, project["id"], "admitted")
    assert failed_guards(refused) == {"operator_approved", "home_unit_approved"}
    await turn_both_keys(world, project["id"])
    await step(world, project["id"], "admitted")
    voided = await world.events("approval.voided")
    assert len(voided) == 2


async def test_a_step_back_from_admission_takes_the_space_back(world: World) -> None:
    project = await walk_to(world, "admitted")
    await step(world, project["id"], "reserve", force=True, reason="材料有误")
    path = f"/v1/projects/{project['id']}/residencies"
    [stay] = (await world.operator.get(path)).json()["items"]
    assert stay["state"] == "applied"
    event = (await world.events("residency.state_changed"))[-1]
    assert (event["data"]["object"]["state"], event["data"]["previous"]) == ("applied", {"state": "approved"})
    occupancy = f"/v1/enclaves/{world.enclave_id}/occupancy?from=2027-01-01&to=2027-01-01"
    assert (await world.home_unit.get(occupancy)).json()["seat_days"] == 0
    await turn_both_keys(world, project["id"])
    await step(world, project["id"], "admitted")
    await take_up_residency(world, project["id"])
    await step(world, project["id"], "reserve", force=True, reason="材料有误")
    assert [stay["state"] for stay in (await world.operator.get(path)).json()["items"]] == ["left"]
    log = (await world.operator.get(f"/v1/projects/{project['id']}/transitions")).json()["items"]
    assert log[-1]["details"]["taken_back"] == [stay["id"]]


async def test_a_late_fact_keeps_both_times(world: World) -> None:
    project = await world.create_project(effective_at="2026-01-02T01:00:00Z")
    before = await post_step(world, project["id"], "screening", effective_at="2026-01-01T01:00:00Z")
    assert failed_guards(before) == {"effective_in_order"}
    moved = await step(world, project["id"], "screening", effective_at="2026-02-03T01:00:00Z")
    assert moved["stage"] == "screening"
    found, entry = (await world.operator.get(f"/v1/projects/{project['id']}/transitions")).json()["items"]
    assert (found["to_state"], found["effective_at"]) == ("lead", "2026-01-02T01:00:00.000Z")
    assert entry["effective_at"] == "2026-02-03T01:00:00.000Z"
    assert entry["recorded_at"] > "2026-11"
    [event] = await world.events("project.stage_changed")
    assert (event["effective_at"], event["data"]["changed"]) == ("2026-02-03T01:00:00.000Z", ["stage"])
    matching_finds(world)
    earlier = await post_step(world, project["id"], "reserve", effective_at="2026-01-03T01:00:00Z")
    assert failed_guards(earlier) == {"effective_in_order"}
    by_force = {"force": True, "reason": "补录", "effective_at": "2026-01-03T01:00:00Z"}
    assert failed_guards(await post_step(world, project["id"], "reserve", **by_force)) == {
        "effective_in_order"
    }
    timeline = (await world.home_unit.get(f"/v1/projects/{project['id']}/timeline")).json()["items"]
    assert [entry["what"] for entry in timeline] == ["lead", "screening"]
    future = await post_step(world, project["id"], "reserve", effective_at="2999-01-03T01:00:00Z")
    assert refusal(future) == (409, "effective_in_future")


async def test_a_grade_of_c_stops_a_project_until_a_better_one(world: World) -> None:
    project = await walk_to(world, "incubation")
    await review(world, project["id"], "acceleration", "gate_review_minutes", annual_grade="C")
    assert failed_guards(await post_step(world, project["id"], "acceleration")) == {"annual_grade_not_c"}
    await review(world, project["id"], "annual", "other", annual_grade="B", held_on="2026-07-01")
    await step(world, project["id"], "acceleration")


async def test_the_latest_review_of_a_gate_counts_and_needs_evidence(world: World) -> None:
    project = await walk_to(world, "incubation")
    path = f"/v1/projects/{project['id']}/reviews"
    bare = {"gate": "acceleration", "outcome": "passed", "held_on": "2026-05-01"}
    await make(world.operator, path, bare)
    assert failed_guards(await post_step(world, project["id"], "acceleration")) == {"gate_review_passed"}
    await review(world, project["id"], "acceleration", "gate_review_minutes")
    await make(world.operator, path, {**bare, "outcome": "failed", "held_on": "2026-06-02"})
    assert failed_guards(await post_step(world, project["id"], "acceleration")) == {"gate_review_passed"}
    await review(world, project["id"], "acceleration", "gate_review_minutes", held_on="2026-06-03")
    await step(world, project["id"], "acceleration")
    future = {**bare, "held_on": "2999-01-01"}
    assert refusal(await world.operator.post(path, json=future)) == (409, "effective_in_future")
    assert len((await world.home_unit.get(path)).json()["items"]) == 4
    for hidden in ("reviews", "approvals", "timeline", "transitions"):
        answer = await world.stranger.get(f"/v1/projects/{project['id']}/{hidden}")
        assert refusal(answer) == (404, "not_found")


async def test_a_stale_step_is_refused_and_a_repeated_one_is_answered_alike(world: World) -> None:
    project = await world.create_project()
    path = f"/v1/projects/{project['id']}/transitions"
    assert (await world.operator.post(path, json={"to": "screening"})).status_code == 428
    headers = {"if-match": '"1"', "idempotency-key": "step-1"}
    first = await world.operator.post(path, json={"to": "screening"}, headers=headers)
    again = await world.operator.post(path, json={"to": "screening"}, headers=headers)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    stale = await world.operator.post(path, json={"to": "rejected"}, headers={"if-match": '"1"'})
    assert refusal(stale) == (412, "precondition_failed")
    refused = await world.operator.post(
        path, json={"to": "completed"}, headers={"if-match": '"2"', "accept-language": "zh-CN"}
    )
    assert "不存在" in refused.json()["errors"][0]["detail"]
