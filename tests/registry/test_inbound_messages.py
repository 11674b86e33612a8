"""Signed messages of partners: taken once, applied whole, or kept with what is wrong with them."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest

from services.registry.inbound import service
from services.registry.projects import service as projects
from services.registry.signatures.standard_webhooks import new_secret
from shared import clock
from tests.registry.inbound_world import (
    Partner,
    about,
    codes,
    lead,
    make_partner,
    message,
    signed,
)
from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


@pytest.fixture
async def partner(world: World) -> Partner:
    return await make_partner(world)


async def projects_of(world: World) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await world.operator.get("/v1/projects?sort=created_at")).json()["items"]
    return items


async def quarantined(world: World) -> list[dict[str, Any]]:
    listed = await world.operator.get("/v1/inbound-messages?state=quarantined&sort=received_at")
    items: list[dict[str, Any]] = listed.json()["items"]
    return items


# -- applied


async def test_a_lead_becomes_a_project_of_the_sources_organisation(world: World, partner: Partner) -> None:
    answer = await partner.send(lead("P-1", space=800, plant="洁净"), "msg-1")
    assert (answer.status_code, answer.json()["duplicate"]) == (202, False)
    [project] = await projects_of(world)
    assert (project["title"], project["team_name"], project["external_id"]) == ("项目P-1", "示例团队", "P-1")
    assert (project["needs"]["space_m2"], project["needs"]["plant_class"]) == (800, "clean_room")
    assert project["operator_id"] == world.operator_id
    [event] = await world.events("project.*")
    assert event["data"]["object"] == project
    actor = {"type": "inbound_source", "id": partner.source_id, "organisation_id": world.operator_id}
    assert event["actor"] == actor
    kept = await message(world, answer.json()["id"])
    assert (kept["state"], kept["message_type"], kept["command"], kept["mapping_version"]) == (
        "applied",
        "lead.created",
        "create_project",
        1,
    )
    assert (kept["subject_type"], kept["subject_id"], kept["subject_version"]) == (
        "project",
        project["id"],
        1,
    )
    assert (kept["problems"], kept["webhook_id"]) == ([], "msg-1")


async def test_a_change_is_a_merge_patch_on_the_version_there_is(world: World, partner: Partner) -> None:
    await partner.taken(lead("P-1"))
    [project] = await projects_of(world)
    url, version = f"/v1/projects/{project['id']}", {"if-match": '"1"'}
    await world.operator.patch(url, json={"owner_name": "张三"}, headers=version)
    kept = await message(world, await partner.taken(about("lead.changed", "P-1", summary="中试完成")))
    changed = await world.read_project(project["id"])
    assert (changed["summary"], changed["owner_name"], changed["title"]) == ("中试完成", "张三", "项目P-1")
    assert (kept["subject_version"], changed["version"]) == (3, 3)


async def test_evidence_and_figures_find_their_project_by_the_partners_number(
    world: World, partner: Partner
) -> None:
    await partner.taken(lead("P-1"))
    [project] = await projects_of(world)
    paper = about("paper.filed", "P-1", kind="pilot_report", name="中试报告", day="2026-10-01")
    figure = about("figures.monthly", "P-1", metric="staff", value="12", day="2026-10-31", id="F-1")
    filed, stated = [await message(world, await partner.taken(sent)) for sent in (paper, figure)]
    [evidence] = (await world.operator.get(f"/v1/projects/{project['id']}/evidence")).json()["items"]
    assert (filed["subject_type"], filed["subject_id"]) == ("evidence", evidence["id"])
    assert (evidence["title"], evidence["filed_by_id"]) == ("中试报告", world.operator_id)
    [claim] = (await world.operator.get(f"/v1/claims?subject_id={project['id']}")).json()["items"]
    assert (stated["subject_type"], stated["subject_id"]) == ("claim", claim["id"])
    assert (claim["value"], claim["subject_type"], claim["stated_by_id"]) == (
        "12",
        "project",
        world.operator_id,
    )


async def test_a_record_may_be_named_by_the_id_here(world: World) -> None:
    partner = await make_partner(world, mapped=False)
    rule = {
        "type": "x",
        "command": "update_project",
        "record": {"by": "id", "source": "/id"},
        "fields": [{"target": "/summary", "source": "/text"}],
    }
    url = f"/v1/inbound-sources/{partner.source_id}/mappings"
    await make(world.operator, url, {"type_pointer": "/kind", "rules": [rule]})
    project = await world.create_project()
    kept = await message(world, await partner.taken({"kind": "x", "id": project["id"], "text": "改写"}))
    assert (kept["state"], (await world.read_project(project["id"]))["summary"]) == ("applied", "改写")
    lost = await message(world, await partner.taken({"kind": "x", "id": "prj_0", "text": "改写"}))
    assert codes(lost) == [("unknown_record", None)]


# -- duplicates


async def test_a_repeated_message_has_no_second_effect(world: World, partner: Partner) -> None:
    first = await partner.send(lead("P-1"), "msg-1")
    again = await partner.send(lead("P-2"), "msg-1")
    assert (again.status_code, again.json()) == (200, {"id": first.json()["id"], "duplicate": True})
    assert [project["external_id"] for project in await projects_of(world)] == ["P-1"]


async def test_of_many_at_once_one_has_an_effect(world: World, partner: Partner) -> None:
    answers = await asyncio.gather(*(partner.send(lead("P-1"), "msg-1") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await projects_of(world)) == 1


async def test_another_source_has_webhook_ids_of_its_own(world: World, partner: Partner) -> None:
    other = await make_partner(world)
    assert await partner.taken(lead("P-1"), "msg-1") != await other.taken(lead("P-2"), "msg-1")


async def test_a_webhook_id_is_forgotten_after_seven_days(
    world: World, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    await partner.taken(lead("P-1"), "msg-1")
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + service.REMEMBERED - timedelta(seconds=60))
    assert (await partner.send(lead("P-2"), "msg-1")).status_code == 200
    monkeypatch.setattr(clock, "now", lambda: now + service.REMEMBERED + timedelta(seconds=60))
    answers = await asyncio.gather(*(partner.send(lead("P-2"), "msg-1") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 202]
    assert (await partner.send(lead("P-3"), "msg-1")).status_code == 200


# -- refused at the door


async def test_a_wrong_signature_and_an_unknown_source_look_the_same(world: World, partner: Partner) -> None:
    stranger = Partner(partner.client, partner.source_id, new_secret())
    nobody = Partner(partner.client, "ibs_7zzzzzzzzzzzzzzzzzzzzzzzzz", partner.secret)
    body = b"{}"
    answers = [
        await stranger.send(body),
        await nobody.send(body),
        await partner.send(body, timestamp=int(time.time()) - 301),
        await partner.send(body, timestamp=int(time.time()) + 302),
        await partner.client.post(partner.url, content=body),
        await partner.client.post(nobody.url, content=body, headers=signed(partner.key, b"[]", "msg-1")),
        await partner.client.post(partner.url, content=body, headers=signed(partner.key, b"[]", "msg-1")),
    ]
    own = {"request_id", "instance"}
    told = [{k: v for k, v in answer.json().items() if k not in own} for answer in answers]
    assert all(answer.status_code == 401 for answer in answers)
    assert told == [told[0]] * len(answers)
    assert told[0]["code"] == "invalid_signature"
    names = {frozenset(answer.headers.keys()) for answer in answers}
    assert len(names) == 1
    assert (await world.operator.get("/v1/inbound-messages")).json()["items"] == []


async def test_a_longer_message_is_refused(world: World, partner: Partner) -> None:
    longest = b" " * (service.MAX_BYTES - 2) + b"{}"
    assert refusal(await partner.send(longest + b" ")) == (413, "body_too_large")
    kept = await message(world, await partner.taken(longest))
    assert len(kept["body"]["text"]) == service.MAX_BYTES


async def test_a_source_sends_no_more_than_its_limit_in_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = await make_partner(world, max_per_minute=3)
    now = clock.now().replace(second=20)
    monkeypatch.setattr(clock, "now", lambda: now)
    at = int(now.timestamp())
    answers = await asyncio.gather(*(partner.send(lead(f"P-{n}"), timestamp=at) for n in range(9)))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 6
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("too_many_messages", "40")
    assert len(await projects_of(world)) == 3
    assert len((await world.operator.get("/v1/inbound-messages")).json()["items"]) == 3
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=41))
    assert (await partner.send(lead("P-9"), timestamp=at)).status_code == 202


async def test_what_was_refused_for_the_limit_may_come_again_under_its_id(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = await make_partner(world, max_per_minute=1)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    at = int(now.timestamp())
    await partner.send(lead("P-1"), "msg-1", timestamp=at)
    assert (await partner.send(lead("P-2"), "msg-2", timestamp=at)).status_code == 429
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=1))
    again = await partner.send(lead("P-2"), "msg-2", timestamp=at)
    assert (again.status_code, again.json()["duplicate"]) == (202, False)


# -- quarantine

UNREADABLE: dict[str, bytes] = {
    "no JSON": b'{"type": "lead.created"',
    "nothing": b"",
    "not UTF-8": b'{"type": "\xff"}',
    "NaN": b'{"type": "lead.created", "data": {"space": NaN}}',
    "duplicate keys": b'{"type": "lead.created", "type": "lead.created"}',
    "too deep": b"[" * 100_000,
    "NUL": rb'{"type": "a\u0000b"}',
}


async def test_what_cannot_be_read_is_kept_byte_for_byte(world: World, partner: Partner) -> None:
    for reason, body in UNREADABLE.items():
        kept = await message(world, await partner.taken(body))
        assert (kept["state"], codes(kept)[0][0]) == ("quarantined", "malformed_json"), reason
        assert kept["problems"][0]["detail_en"] != kept["problems"][0]["detail_zh"]
        if reason == "not UTF-8":
            assert kept["body"] == {"text": None, "base64": "eyJ0eXBlIjogIv8ifQ=="}
        else:
            assert kept["body"] == {"text": body.decode(), "base64": None}


def wrong_messages(world: World) -> dict[str, tuple[Any, list[tuple[str, str | None]]]]:
    invalid = ("validation_failed", None)
    figure = {"metric": "staff", "value": "1", "day": "2026-10-31"}
    return {
        "no object": ([1], [("unmapped_message", None), ("unknown_type", None)]),
        "unknown type": ({"type": "odd"}, [("unmapped_message", None), ("unknown_type", None)]),
        "type that is no text": ({"type": 1}, [("unmapped_message", None), ("unknown_type", None)]),
        "wrong type": (lead("Q-1", space="800"), [invalid, ("value_error", "/needs/space_m2")]),
        "missing field": ({"type": "lead.created", "data": {}}, [invalid, ("missing_field", "/title")]),
        "too long": (lead("Q-1", name="长" * 201), [invalid, ("string_too_long", "/title")]),
        "unknown word": (lead("Q-1", plant="露天"), [invalid, ("unmapped_value", "/needs/plant_class")]),
        "not a day": (lead("Q-1", contact="2026-02-30"), None),
        "unknown record": (about("lead.changed", "P-0", summary="x"), [("unknown_record", None)]),
        "no record": ({"type": "lead.changed", "data": {}}, [invalid, ("missing_record", None)]),
        "unknown enum": (
            about("paper.filed", "P-1", kind="poem", name="诗"),
            [invalid, ("enum", "/kind")],
        ),
        "number as figure": (
            about("figures.monthly", "P-1", **{**figure, "value": 1}),
            [invalid, ("value_error", "/value")],
        ),
        "unknown industry": (lead("Q-1", industries=["9999"]), None),
        "external id taken": (lead("P-1"), [("project_exists", None)]),
    }


async def test_the_quarantine_says_why(world: World, partner: Partner) -> None:
    await partner.taken(lead("P-1"))
    before = await projects_of(world)
    wrong = wrong_messages(world)
    for reason, (sent, expected) in wrong.items():
        kept = await message(world, await partner.taken(sent))
        assert (kept["state"], kept["subject_id"]) == ("quarantined", None), reason
        assert kept["problems"], reason
        if expected is not None:
            assert codes(kept) == expected, reason
    assert await projects_of(world) == before
    assert [event["type"] for event in await world.events("project.*")] == ["project.created"]
    events = await world.events("inbound_message.*")
    assert {event["type"] for event in events} == {"inbound_message.quarantined"}
    assert len(events) == len(wrong) == len(await quarantined(world))


async def test_a_problem_names_the_place_in_the_message(world: World, partner: Partner) -> None:
    kept = await message(world, await partner.taken(lead("Q-1", space="800")))
    assert kept["problems"][1]["params"]["source"] == "/data/space"


async def test_the_event_of_the_quarantine_is_the_organisations(world: World, partner: Partner) -> None:
    kept = await message(world, await partner.taken({"type": "odd"}))
    [event] = await world.events("inbound_message.*")
    record = event["data"]["object"]
    assert record == {name: kept[name] for name in record}
    assert "body" not in record
    seen = (await world.home_unit.get("/v1/events?types=inbound_message.*")).json()["items"]
    assert seen == []
    own = (await world.operator.get("/v1/events?types=inbound_message.*")).json()["items"]
    assert [found["id"] for found in own] == [event["id"]]


async def test_without_a_mapping_or_a_scope_messages_wait(world: World) -> None:
    unmapped = await make_partner(world, mapped=False)
    narrow = await make_partner(world, scopes=["registry:claims:write"])
    waiting = [await message(world, await one.taken(lead("P-1"))) for one in (unmapped, narrow)]
    assert [codes(kept) for kept in waiting] == [[("unknown_mapping", None)], [("insufficient_scope", None)]]


async def test_what_fails_half_way_leaves_nothing(
    world: World, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise AssertionError("a defect after the row was written")

    monkeypatch.setattr(projects, "publish", fails)
    kept = await message(world, await partner.taken(lead("P-1")))
    assert codes(kept) == [("unforeseen_failure", None)]
    assert await projects_of(world) == []
    monkeypatch.undo()
    url = f"/v1/inbound-messages/{kept['id']}:reprocess"
    assert (await make(world.operator, url, {}, version=1))["state"] == "applied"
    assert len(await projects_of(world)) == 1


async def test_when_the_store_is_gone_nothing_is_taken(
    world: World, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: Any, **__: Any) -> None:
        raise ConnectionError("the store is gone")

    monkeypatch.setattr(projects, "publish", gone)
    assert (await partner.send(lead("P-1"), "msg-1")).status_code == 503
    monkeypatch.undo()
    assert (await world.operator.get("/v1/inbound-messages")).json()["items"] == []
    assert (await partner.send(lead("P-1"), "msg-1")).status_code == 202


async def test_later_messages_of_a_record_in_quarantine_are_applied(world: World, partner: Partner) -> None:
    await partner.taken(lead("P-1"))
    await partner.taken(about("lead.changed", "P-1", name=""))
    await partner.taken(about("lead.changed", "P-1", summary="之后"))
    [project] = await projects_of(world)
    assert (project["summary"], len(await quarantined(world))) == ("之后", 1)
