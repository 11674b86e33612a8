"""Inbound sources through HTTP: who they act as, their secrets, and their mappings."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.registry.inbound.models import inbound_sources
from shared import clock
from tests.registry.inbound_world import SCOPES, Partner, codes, lead, make_partner, mapping, message
from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest

SOURCES = "/v1/inbound-sources"
SOURCE = {"name": "运营系统", "scopes": SCOPES}


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


async def test_a_secret_is_in_the_first_answer_only(world: World) -> None:
    key = {"idempotency-key": "one"}
    first = await world.operator.post(SOURCES, json=SOURCE, headers=key)
    again = await world.operator.post(SOURCES, json=SOURCE, headers=key)
    made, secret = first.json(), first.json()["secret"]
    assert (first.status_code, first.headers["location"]) == (201, f"{SOURCES}/{made['id']}")
    assert secret.startswith("whsec_")
    assert again.json() == {**made, "secret": None}
    read = (await world.operator.get(f"{SOURCES}/{made['id']}")).json()
    assert {**read, "secret": secret} == made
    assert (read["status"], read["mapping_version"], read["max_per_minute"]) == ("active", None, 600)
    events = await world.events("inbound_source.*")
    assert secret not in str(events)
    assert "secrets" not in events[0]["data"]["object"]
    async with world.registry.database.read() as session:
        stored = await session.rows(select(inbound_sources))
    assert secret.removeprefix("whsec_") not in str(stored)


async def test_a_source_has_no_more_than_its_creator(world: World) -> None:
    weak = world.registry.as_org(world.operator_id, "registry:inbound:write", "registry:claims:write")
    assert refusal(await weak.post(SOURCES, json=SOURCE)) == (403, "scope_not_grantable")
    narrow = await make(weak, SOURCES, {**SOURCE, "scopes": ["registry:claims:write"]})
    url = f"{SOURCES}/{narrow['id']}"
    wider = await weak.patch(url, json={"scopes": SCOPES}, headers={"if-match": '"1"'})
    assert refusal(wider) == (403, "scope_not_grantable")
    foreign = await weak.post(
        SOURCES, json={**SOURCE, "scopes": ["registry:claims:write"], "organisation_id": world.home_unit_id}
    )
    assert refusal(foreign) == (403, "scope_not_grantable")
    odd = await world.operator.post(SOURCES, json={**SOURCE, "scopes": ["registry:access:admin"]})
    assert refusal(odd) == (422, "validation_failed")


async def test_the_administration_names_whose_a_source_is(world: World) -> None:
    nobody = await world.admin.post(SOURCES, json=SOURCE)
    assert refusal(nobody) == (409, "organisation_required")
    made = await make(world.admin, SOURCES, {**SOURCE, "organisation_id": world.operator_id})
    assert (await world.operator.get(f"{SOURCES}/{made['id']}")).status_code == 200
    assert refusal(await world.home_unit.get(f"{SOURCES}/{made['id']}")) == (404, "not_found")
    assert (await world.home_unit.get(SOURCES)).json()["items"] == []
    assert [item["id"] for item in (await world.operator.get(SOURCES)).json()["items"]] == [made["id"]]


async def test_a_source_is_changed_with_its_event(world: World) -> None:
    partner = await make_partner(world, mapped=False)
    url = f"{SOURCES}/{partner.source_id}"
    answer = await world.operator.patch(url, json={"max_per_minute": 5}, headers={"if-match": '"1"'})
    assert (answer.json()["max_per_minute"], answer.headers["etag"]) == (5, '"2"')
    same = await world.operator.patch(url, json={"max_per_minute": 5}, headers={"if-match": '"2"'})
    assert same.headers["etag"] == '"2"'
    last = (await world.events("inbound_source.*"))[-1]
    assert (last["data"]["changed"], last["data"]["previous"]) == (
        ["max_per_minute"],
        {"max_per_minute": 60_000},
    )


async def rotate(world: World, partner: Partner, version: int, **body: Any) -> Partner:
    url = f"{SOURCES}/{partner.source_id}:rotate-secret"
    made = await make(world.operator, url, body, version=version)
    return Partner(partner.client, partner.source_id, made["secret"])


async def status(partner: Partner) -> int:
    sent_at = int(clock.real().timestamp())
    return (await partner.send({"type": "odd"}, timestamp=sent_at)).status_code


async def test_old_and_new_secret_are_good_for_the_overlap(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await make_partner(world, mapped=False)
    new = await rotate(world, old, 1, overlap_hours=2)
    assert [await status(old), await status(new)] == [202, 202]
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=2, seconds=1))
    assert [await status(old), await status(new)] == [401, 202]
    shown = (await world.operator.get(f"{SOURCES}/{old.source_id}")).json()["secrets"]
    assert [secret["ends_at"] for secret in shown] == [None]


async def test_three_secrets_are_good_at_once_and_no_more(world: World) -> None:
    partners = [await make_partner(world, mapped=False)]
    for version in (1, 2):
        partners.append(await rotate(world, partners[0], version))
    assert [await status(partner) for partner in partners] == [202] * 3
    url = f"{SOURCES}/{partners[0].source_id}:rotate-secret"
    answer = await world.operator.post(url, json={}, headers={"if-match": '"3"'})
    assert refusal(answer) == (409, "too_many_secrets")
    last = await rotate(world, partners[0], 3, overlap_hours=0)
    assert [await status(partner) for partner in (*partners, last)] == [401] * 3 + [202]
    for hours in (-1, 169):
        wrong = await world.operator.post(url, json={"overlap_hours": hours}, headers={"if-match": '"4"'})
        assert refusal(wrong) == (422, "validation_failed")


async def test_a_disabled_source_says_so_only_to_who_has_its_secret(world: World) -> None:
    partner = await make_partner(world)
    url = f"{SOURCES}/{partner.source_id}"
    off = await make(world.operator, f"{url}:disable", {}, version=2)
    assert off["status"] == "disabled"
    assert refusal(await partner.send(lead("P-1"))) == (403, "source_disabled")
    assert refusal(await partner.client.post(partner.url, content=b"{}")) == (401, "invalid_signature")
    assert (await world.operator.get("/v1/inbound-messages")).json()["items"] == []
    on = await make(world.operator, f"{url}:enable", {}, version=3)
    assert (on["status"], await status(partner)) == ("active", 202)


# -- mappings


async def test_a_mapping_is_read_as_it_was_given_and_versions_stay(world: World) -> None:
    partner = await make_partner(world, mapped=False)
    url = f"{SOURCES}/{partner.source_id}/mappings"
    first = await make(world.operator, url, mapping(world))
    narrower = {**mapping(world), "rules": mapping(world)["rules"][:1]}
    second = await make(world.operator, url, narrower)
    assert (first["version"], second["version"]) == (1, 2)
    assert {name: first[name] for name in mapping(world)} == mapping(world)
    assert (await world.operator.get(url)).json()["items"] == [second, first]
    assert (await world.operator.get(f"{url}/1")).json() == first
    assert refusal(await world.operator.get(f"{url}/3")) == (404, "not_found")
    assert refusal(await world.home_unit.get(f"{url}/1")) == (404, "not_found")
    source = (await world.operator.get(f"{SOURCES}/{partner.source_id}")).json()
    assert (source["mapping_version"], source["version"]) == (2, 3)


def rule(**changes: Any) -> dict[str, Any]:
    fields = [{"target": "/title", "source": "/name"}]
    return {"type": "x", "command": "create_project", "fields": fields, **changes}


def filled(*fields: dict[str, Any]) -> dict[str, Any]:
    return rule(fields=list(fields))


RECORD = {"by": "external_id", "source": "/n"}
FAULTS: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "unknown target": (
        [filled({"target": "/titel", "source": "/n"})],
        "unknown_target",
        "/rules/0/fields/0/target",
    ),
    "unknown target within": (
        [filled({"target": "/needs/rooms", "source": "/n"})],
        "unknown_target",
        "/rules/0/fields/0/target",
    ),
    "within a text": (
        [filled({"target": "/title/x", "source": "/n"})],
        "unknown_target",
        "/rules/0/fields/0/target",
    ),
    "twice": (
        [filled({"target": "/needs", "constant": {}}, {"target": "/needs/seats", "source": "/n"})],
        "duplicate_target",
        "/rules/0/fields/1/target",
    ),
    "from nowhere": ([filled({"target": "/title"})], "source_or_constant", "/rules/0/fields/0"),
    "from two places": (
        [filled({"target": "/title", "source": "/n", "constant": "x"})],
        "source_or_constant",
        "/rules/0/fields/0",
    ),
    "constant with default": (
        [filled({"target": "/title", "constant": "x", "default": "y"})],
        "constant_alone",
        "/rules/0/fields/0",
    ),
    "two rules of a type": ([rule(), rule()], "duplicate_type", "/rules/1/type"),
    "change of nothing": ([rule(command="update_project")], "missing_field", "/rules/0/record"),
    "lead with record": ([rule(record=RECORD)], "record_misplaced", "/rules/0/record"),
}


async def test_a_mapping_that_fits_no_command_is_refused(world: World) -> None:
    partner = await make_partner(world, mapped=False)
    url = f"{SOURCES}/{partner.source_id}/mappings"
    for reason, (rules, code, pointer) in FAULTS.items():
        answer = await world.operator.post(url, json={"rules": rules})
        assert refusal(answer) == (422, "invalid_mapping"), reason
        [entry] = answer.json()["errors"]
        assert (entry["code"], entry["pointer"]) == (code, pointer), reason
    for pointer in ("name", "/~2", "/a~"):
        answer = await world.operator.post(
            url, json={"rules": [filled({"target": "/title", "source": pointer})]}
        )
        assert refusal(answer) == (422, "validation_failed"), pointer
    assert (await world.operator.get(url)).json()["items"] == []


async def test_a_message_is_tried_without_effect(world: World) -> None:
    partner = await make_partner(world)
    url = f"{SOURCES}/{partner.source_id}/mappings:try"
    good = await world.operator.post(url, json={"message": lead("P-1", space=800)})
    assert (good.json()["command"], good.json()["problems"]) == ("create_project", [])
    assert good.json()["body"]["needs"] == {"space_m2": 800}
    bad = (await world.operator.post(url, json={"message": lead("P-1", space="800")})).json()
    assert codes(bad) == [("validation_failed", None), ("value_error", "/needs/space_m2")]
    other = {"rules": [rule(type="lead.created", fields=[{"target": "/title", "source": "/data/0/a~1b"}])]}
    message_ = {"type": "lead.created", "data": [{"a/b": "项目"}]}
    tried = (await world.operator.post(url, json={"message": message_, "mapping": other})).json()
    assert tried["body"] == {"title": "项目"}
    assert codes(tried) == [("validation_failed", None), ("missing_field", "/team_name")]
    unfit = await world.operator.post(url, json={"message": {}, "mapping": {"rules": [rule(record=RECORD)]}})
    assert refusal(unfit) == (422, "invalid_mapping")
    assert (await world.operator.get("/v1/projects")).json()["items"] == []
    assert (await world.operator.get("/v1/inbound-messages")).json()["items"] == []


async def test_null_is_a_value_and_a_missing_one_is_left_out(world: World) -> None:
    partner = await make_partner(world)
    await partner.taken(lead("P-1", space=800, contact="2026-10-01"))
    tried = await world.operator.post(
        f"{SOURCES}/{partner.source_id}/mappings:try", json={"message": lead("P-2", contact=None)}
    )
    assert tried.json()["body"]["last_contact_on"] is None
    assert "needs" not in tried.json()["body"]


async def test_a_message_keeps_the_mapping_it_was_applied_with(world: World) -> None:
    partner = await make_partner(world)
    first = await partner.taken(lead("P-1"))
    await make(world.operator, f"{SOURCES}/{partner.source_id}/mappings", mapping(world))
    second = await partner.taken(lead("P-2"))
    versions = [(await message(world, found))["mapping_version"] for found in (first, second)]
    assert versions == [1, 2]
