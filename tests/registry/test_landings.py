"""Landings through HTTP: from intent to honoured, and the ways they fail."""

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import httpx2
import pytest

from services.registry.landings import repository
from services.registry.landings.service import LATE_ENTRY, lapse_overdue
from services.registry.projects.service import lock_project
from shared import clock
from shared.db.engine import WriteSession
from shared.identity import SYSTEM
from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest

COMMITMENTS = {
    "amount_cny": "50000000.00",
    "start_on": "2026-03-02",
    "annual_output_cny": "80000000.00",
    "annual_tax_cny": "4000000.00",
    "jobs": 120,
    "grace_working_days": 5,
}
COMPLIANT = {"reinvestment_percent": 120, "relocation_clause": False}
ENTITY = {"name": "示例科技(丽水)有限公司", "uscc": "91331100MA0000000A", "adcode": "331102"}


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


async def intend(world: World, **lead: Any) -> tuple[str, dict[str, Any]]:
    project = await world.create_project(**lead)
    body = {"project_id": project["id"], "home_unit_id": world.home_unit_id}
    landing = await make(world.operator, "/v1/landings", body)
    return project["id"], landing


async def file(world: World, project_id: str, kind: str, *, verified: bool = False) -> str:
    path = f"/v1/projects/{project_id}/evidence"
    record = await make(world.operator, path, {"kind": kind, "title": f"示例 {kind}"})
    if verified:
        await make(world.home_unit, f"{path}/{record['id']}:verify", {}, version=1)
    return str(record["id"])


async def move(world: World, landing: dict[str, Any], **body: Any) -> httpx2.Response:
    headers = {"if-match": f'"{landing["version"]}"'}
    return await world.operator.post(f"/v1/landings/{landing['id']}/transitions", json=body, headers=headers)


async def moved(world: World, landing: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = await move(world, landing, **body)
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()
    return record


def guards(answer: httpx2.Response) -> list[str]:
    assert refusal(answer) == (409, "invalid_transition")
    return [entry["code"] for entry in answer.json()["errors"]]


async def signed(
    world: World, *, title: str = "柔性脑机接口电极", **commitments: Any
) -> tuple[str, dict[str, Any]]:
    project_id, landing = await intend(world, title=title)
    stated = {**COMMITMENTS, **commitments}
    return project_id, await moved(world, landing, to="signed", commitments=stated, compliance=COMPLIANT)


def valid_entity() -> dict[str, str]:
    from services.registry.projects.uscc import check_character

    body = "91331100MA00DEM01"
    return {**ENTITY, "uscc": body + check_character(body)}


async def test_a_landing_goes_from_intent_to_honoured(world: World) -> None:
    project_id, landing = await signed(world)
    assert landing["commitments"]["amount_cny"] == "50000000.00"
    assert landing["compliance"]["warned"] is False
    assert landing["lapses_after"] == "2026-03-09"
    tax = await file(world, project_id, "tax_registration")
    landing = await moved(world, landing, to="registered", legal_entity=valid_entity(), evidence_ids=[tax])
    assert landing["legal_entity"]["adcode"] == "331102"
    begun = [await file(world, project_id, kind) for kind in ("fixed_assets", "lease_start")]
    landing = await moved(world, landing, to="started", evidence_ids=begun)
    output = await file(world, project_id, "output_statistics", verified=True)
    landing = await moved(
        world, landing, to="producing", evidence_ids=[output], verified_output_cny="12000000"
    )
    assert landing["verified_output_cny"] == "12000000.00"
    report = await file(world, project_id, "fulfilment_report", verified=True)
    landing = await moved(world, landing, to="honoured", evidence_ids=[report])
    url = f"/v1/landings/{landing['id']}"
    assert (await world.home_unit.get(url)).json() == landing
    log = (await world.home_unit.get(f"{url}/transitions")).json()["items"]
    states = ["intent", "signed", "registered", "started", "producing", "honoured"]
    assert [entry["to_state"] for entry in log] == states
    assert [entry["from_state"] for entry in log] == [None, *states[:-1]]
    assert log[2]["evidence_ids"] == [tax]
    events = await world.events("landing.*")
    assert [event["type"] for event in events] == ["landing.created", *["landing.state_changed"] * 5]
    assert [event["data"]["object"]["state"] for event in events] == states
    assert events[2]["data"]["previous"]["state"] == "signed"


async def test_a_project_lands_once_at_a_home_unit_that_knows_it(world: World) -> None:
    project_id, _ = await intend(world)
    again = {"project_id": project_id, "home_unit_id": world.home_unit_id}
    assert refusal(await world.operator.post("/v1/landings", json=again)) == (409, "landing_exists")
    elsewhere = {"project_id": project_id, "home_unit_id": world.stranger_id}
    answer = await world.operator.post("/v1/landings", json=elsewhere)
    assert refusal(answer) == (409, "home_unit_not_proposed")
    body = {"home_unit_ids": [world.stranger_id]}
    await make(world.operator, f"/v1/projects/{project_id}:propose", body, version=1)
    assert (await world.operator.post("/v1/landings", json=elsewhere)).status_code == 201


async def test_a_project_that_has_ended_begins_no_landing(world: World) -> None:
    project = await world.create_project()
    step = {"to": "rejected", "reason": "不符合方向"}
    await make(world.operator, f"/v1/projects/{project['id']}/transitions", step, version=1)
    body = {"project_id": project["id"], "home_unit_id": world.home_unit_id}
    assert refusal(await world.operator.post("/v1/landings", json=body)) == (409, "project_ended")
    assert (await world.operator.get("/v1/landings")).json()["items"] == []


async def test_a_landing_follows_its_project_to_another_enclave(world: World) -> None:
    project_id, landing = await intend(world)
    body = {"name": "另一飞地", "home_unit_id": world.home_unit_id, "operator_id": world.operator_id}
    enclave = await make(world.admin, "/v1/enclaves", body)
    moving = await world.operator.patch(
        f"/v1/projects/{project_id}", json={"enclave_id": enclave["id"]}, headers={"if-match": '"1"'}
    )
    assert moving.status_code == 200, moving.text
    followed = (await world.operator.get(f"/v1/landings/{landing['id']}")).json()
    assert (followed["enclave_id"], followed["version"]) == (enclave["id"], 2)
    listed = await world.operator.get(f"/v1/landings?enclave_id={enclave['id']}")
    assert listed.json()["items"] == [followed]
    [event] = await world.events("landing.updated")
    assert event["data"]["object"] == followed
    assert event["data"]["previous"] == {"enclave_id": world.enclave_id}


async def test_strangers_see_no_landing(world: World) -> None:
    project_id, landing = await intend(world)
    url = f"/v1/landings/{landing['id']}"
    assert refusal(await world.stranger.get(url)) == (404, "not_found")
    assert refusal(await world.stranger.get(f"{url}/transitions")) == (404, "not_found")
    assert (await world.stranger.get("/v1/landings")).json()["items"] == []
    headers = {"if-match": '"1"'}
    step = await world.stranger.post(f"{url}/transitions", json={"to": "signed"}, headers=headers)
    assert refusal(step) == (404, "not_found")
    theirs = {"project_id": project_id, "home_unit_id": world.stranger_id}
    assert refusal(await world.stranger.post("/v1/landings", json=theirs)) == (404, "not_found")
    listed = (await world.home_unit.get(f"/v1/landings?state=intent&project_id={project_id}")).json()
    assert [item["id"] for item in listed["items"]] == [landing["id"]]


async def test_signing_names_everything_that_is_missing(world: World) -> None:
    _, landing = await intend(world)
    assert guards(await move(world, landing, to="signed")) == ["commitments_stated", "compliance_checked"]
    assert guards(await move(world, landing, to="started")) == ["edge_exists"]


@pytest.mark.parametrize(
    "compliance",
    [
        {"reinvestment_percent": 150, "relocation_clause": False},
        {"reinvestment_percent": 0, "relocation_clause": True},
    ],
)
async def test_a_compliance_warning_needs_a_named_approver(world: World, compliance: dict[str, Any]) -> None:
    _, landing = await intend(world)
    step: dict[str, Any] = {"to": "signed", "commitments": COMMITMENTS, "compliance": compliance}
    assert guards(await move(world, landing, **step)) == ["compliance_warning_approved"]
    step["compliance"] = {**compliance, "approver_name": "示例分管领导"}
    landing = await moved(world, landing, **step)
    assert landing["compliance"]["warned"] is True


async def test_registration_looks_at_the_entity_and_its_place(world: World) -> None:
    project_id, landing = await signed(world)
    missing = await move(world, landing, to="registered")
    assert guards(missing) == ["entity_uscc_valid", "entity_inside_home_unit", "tax_registration_evidenced"]
    tax = await file(world, project_id, "tax_registration")
    elsewhere = {**valid_entity(), "adcode": "310112"}
    answer = await move(world, landing, to="registered", legal_entity=elsewhere, evidence_ids=[tax])
    assert guards(answer) == ["entity_inside_home_unit"]
    answer = await move(world, landing, to="registered", legal_entity=ENTITY, evidence_ids=[tax])
    assert guards(answer) == ["entity_uscc_valid"]


async def test_output_counts_once_its_home_unit_has_verified_it(world: World) -> None:
    project_id, landing = await signed(world)
    started = await moved(world, landing, to="started", force=True, reason="补录")
    own_word = await file(world, project_id, "output_statistics")
    answer = await move(world, started, to="producing", evidence_ids=[own_word])
    assert guards(answer) == ["output_verified_by_home_unit"]


async def test_what_was_promised_is_not_rewritten_by_a_later_step(world: World) -> None:
    project_id, landing = await signed(world)
    tax = await file(world, project_id, "tax_registration")
    answer = await move(
        world,
        landing,
        to="registered",
        legal_entity=valid_entity(),
        evidence_ids=[tax],
        commitments={**COMMITMENTS, "jobs": 1},
    )
    assert guards(answer) == ["fields_belong_to_step"]


async def test_force_brings_only_what_belongs_to_the_steps_it_takes(world: World) -> None:
    _, landing = await signed(world)
    forced: dict[str, Any] = {"force": True, "reason": "补录"}
    rewritten = {**forced, "commitments": {**COMMITMENTS, "jobs": 1}}
    for to in ("registered", "producing"):
        assert guards(await move(world, landing, to=to, **rewritten)) == ["fields_belong_to_step"]
    skipped = await moved(world, landing, to="producing", legal_entity=valid_entity(), **forced)
    assert skipped["commitments"] == landing["commitments"]
    assert skipped["legal_entity"]["adcode"] == "331102"
    back = await move(world, skipped, to="started", verified_output_cny="1.00", **forced)
    assert guards(back) == ["fields_belong_to_step"]


async def test_evidence_of_another_project_is_unknown(world: World) -> None:
    other = await world.create_project(title="另一个项目")
    foreign = await file(world, other["id"], "tax_registration")
    _, landing = await signed(world)
    answer = await move(world, landing, to="registered", evidence_ids=[foreign])
    assert refusal(answer) == (409, "unknown_evidence")


async def test_a_stale_version_or_a_future_fact_is_refused(world: World) -> None:
    _, landing = await intend(world)
    assert refusal(await move(world, {**landing, "version": 7}, to="signed")) == (412, "precondition_failed")
    url = f"/v1/landings/{landing['id']}/transitions"
    assert refusal(await world.operator.post(url, json={"to": "signed"})) == (428, "precondition_required")
    future = await move(world, landing, to="signed", effective_at="2999-01-01T00:00:00Z")
    assert refusal(future) == (409, "effective_in_future")


async def lapses(world: World, today: date) -> int:
    async with world.registry.database.write() as tx:
        return await lapse_overdue(tx, today)


async def test_a_signed_landing_lapses_after_its_start_and_grace(world: World) -> None:
    _, landing = await signed(world, start_on="2090-03-06")
    assert landing["lapses_after"] == "2090-03-13"
    assert await lapses(world, date(2090, 3, 13)) == 0
    assert await lapses(world, date(2090, 3, 14)) == 1
    assert await lapses(world, date(2090, 3, 15)) == 0
    url = f"/v1/landings/{landing['id']}"
    assert (await world.home_unit.get(url)).json()["state"] == "lapsed"
    entry = (await world.home_unit.get(f"{url}/transitions")).json()["items"][-1]
    assert (entry["actor_kind"], entry["effective_at"]) == ("system", "2090-03-13T16:00:00.000Z")
    event = (await world.events("landing.state_changed"))[-1]
    assert event["effective_at"] == "2090-03-13T16:00:00.000Z"


async def test_a_landing_entered_after_its_grace_is_left_time_for_what_came_next(world: World) -> None:
    _, landing = await signed(world)
    assert await lapses(world, clock.today() + LATE_ENTRY) == 0
    assert await lapses(world, clock.today() + LATE_ENTRY + timedelta(days=1)) == 1
    log = (await world.home_unit.get(f"/v1/landings/{landing['id']}/transitions")).json()["items"]
    signing, lapsing = log[-2:]
    assert lapsing["effective_at"] == signing["effective_at"] > "2026-03-09T16:00:00.000Z"


async def test_a_landing_that_cannot_lapse_keeps_no_other_from_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = []
    for title in ("甲", "乙"):
        _, landing = await signed(world, title=title, start_on="2090-03-06")
        ids.append(landing["id"])
    change = repository.change

    async def fail_for_one(tx: WriteSession, landing_id: str, values: Mapping[str, Any]) -> None:
        await change(tx, landing_id, values)
        if landing_id == ids[0]:
            raise RuntimeError("broken")

    monkeypatch.setattr(repository, "change", fail_for_one)
    assert await lapses(world, date(2090, 3, 14)) == 1
    states = [(await world.home_unit.get(f"/v1/landings/{lnd}")).json()["state"] for lnd in ids]
    assert states == ["signed", "lapsed"]
    monkeypatch.undo()
    assert await lapses(world, date(2090, 3, 14)) == 1


async def test_landings_lapse_in_the_order_in_which_everybody_locks_projects(world: World) -> None:
    found = []
    for title, start_on in (("甲", "2090-06-01"), ("乙", "2090-03-06")):
        project_id, _ = await signed(world, title=title, start_on=start_on)
        found.append(project_id)
    database, held = world.registry.database, asyncio.Event()

    async def change_both() -> None:
        async with database.write() as tx:
            await lock_project(tx, SYSTEM, found[0])
            held.set()
            await asyncio.sleep(0.3)
            await lock_project(tx, SYSTEM, found[1])

    async def lapse() -> int:
        await held.wait()
        return await lapses(world, date(2091, 1, 1))

    assert found == sorted(found)
    assert await asyncio.gather(change_both(), lapse()) == [None, 2]


async def test_a_landing_forced_back_to_signed_lapses_by_the_start_agreed_then(world: World) -> None:
    _, landing = await signed(world)
    assert await lapses(world, clock.today() + LATE_ENTRY + timedelta(days=1)) == 1
    lapsed = (await world.operator.get(f"/v1/landings/{landing['id']}")).json()
    back = await moved(world, lapsed, to="signed", force=True, reason="已开工")
    assert (back["lapses_after"], back["commitments"]) == (None, landing["commitments"])
    assert await lapses(world, date(2091, 1, 1)) == 0
    assert guards(await move(world, back, to="lapsed")) == ["start_overdue"]
    failed = await moved(world, back, to="breached", reason="未达成承诺")
    renewed = {**COMMITMENTS, "start_on": "2091-03-05"}
    again = await moved(world, failed, to="signed", force=True, reason="重新约定", commitments=renewed)
    assert again["lapses_after"] == "2091-03-12"
    assert await lapses(world, date(2091, 3, 12)) == 0
    assert await lapses(world, date(2091, 3, 13)) == 1


async def test_the_steps_of_a_landing_are_in_order_also_when_forced(world: World) -> None:
    project_id, landing = await intend(world)
    step = {"to": "signed", "commitments": COMMITMENTS, "compliance": COMPLIANT}
    assert guards(await move(world, landing, **step, effective_at="2026-01-03T01:00:00Z")) == [
        "effective_in_order"
    ]
    landing = await moved(world, landing, **step)
    back = {"to": "intent", "force": True, "reason": "补录"}
    assert guards(await move(world, landing, **back, effective_at="2026-01-03T01:00:00Z")) == [
        "effective_in_order"
    ]
    evidence = [await file(world, project_id, "tax_registration")]
    registering = {"to": "registered", "legal_entity": valid_entity(), "evidence_ids": evidence}
    assert (await moved(world, landing, **registering))["state"] == "registered"


async def test_a_landing_that_is_not_overdue_does_not_lapse(world: World) -> None:
    _, landing = await signed(world, start_on="2090-01-02")
    assert guards(await move(world, landing, to="lapsed")) == ["start_overdue"]


async def test_a_breach_needs_its_reason(world: World) -> None:
    _, landing = await signed(world)
    assert guards(await move(world, landing, to="breached")) == ["reason_given"]
    assert (await moved(world, landing, to="breached", reason="未达成承诺"))["state"] == "breached"


async def test_forcing_needs_its_own_permission_and_a_reason(world: World) -> None:
    _, landing = await signed(world)
    url = f"/v1/landings/{landing['id']}/transitions"
    body = {"to": "started", "force": True, "reason": "补录"}
    headers = {"if-match": f'"{landing["version"]}"'}
    plain = world.registry.as_org(world.operator_id, "registry:landings:write")
    assert refusal(await plain.post(url, json=body, headers=headers)) == (403, "insufficient_scope")
    assert refusal(await move(world, landing, to="started", force=True)) == (409, "reason_required")
    started = await moved(world, landing, **body)
    assert guards(await move(world, started, to="signed", force=True, reason="x")) == ["edge_exists"]
    back = await moved(world, started, to="registered", force=True, reason="退回")
    log = (await world.operator.get(url)).json()["items"]
    assert [entry["forced"] for entry in log] == [False, False, True, True]
    assert back["state"] == "registered"
