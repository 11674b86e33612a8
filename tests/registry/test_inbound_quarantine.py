"""What is done with messages in quarantine: repaired, tried again, given up, and in the end forgotten."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from services.registry.inbound import service, timer
from services.registry.inbound.models import inbound_messages, inbound_receipts, inbound_repairs
from shared import clock
from tests.registry.inbound_world import Partner, codes, lead, make_partner, mapping, message
from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


@pytest.fixture
async def partner(world: World) -> Partner:
    return await make_partner(world)


def url_of(message_id: str, action: str) -> str:
    return f"/v1/inbound-messages/{message_id}:{action}"


async def test_a_repair_is_applied_and_the_original_stays(world: World, partner: Partner) -> None:
    original = b'{"type": "lead.created", "data": {"number": "P-1", "name": ""}}'
    message_id = await partner.taken(original)
    url = url_of(message_id, "reprocess")
    still = await make(world.operator, url, {"body": lead("P-1", space="800")}, version=1)
    assert (still["state"], still["version"], still["settled_at"]) == ("quarantined", 2, None)
    done = await make(world.operator, url, {"body": lead("P-1", space=800)}, version=2)
    assert (done["state"], done["command"], done["version"], done["problems"]) == (
        "applied",
        "create_project",
        3,
        [],
    )
    assert done["body"]["text"] == original.decode()
    assert [repair["outcome"] for repair in done["repairs"]] == ["quarantined", "applied"]
    first, second = done["repairs"]
    assert codes(first)[1] == ("value_error", "/needs/space_m2")
    assert '"space":800}' in second["body"]["text"]
    by = (first["by_kind"], first["by_id"], first["by_organisation_id"])
    assert by == ("client", f"cli_of_{world.operator_id}", world.operator_id)
    project = await world.read_project(done["subject_id"])
    assert project["needs"]["space_m2"] == 800
    assert await message(world, message_id) == done


async def test_without_a_body_the_last_repair_is_tried_again(world: World, partner: Partner) -> None:
    message_id = await partner.taken(b"no JSON")
    url = url_of(message_id, "reprocess")
    repaired = lead("P-1", plant="露天")
    assert (await make(world.operator, url, {"body": repaired}, version=1))["state"] == "quarantined"
    wider = mapping(world)
    wider["rules"][0]["fields"][5]["values"]["露天"] = "none"
    await make(world.operator, f"/v1/inbound-sources/{partner.source_id}/mappings", wider)
    old = await make(world.operator, url, {"mapping_version": 1}, version=2)
    assert (old["state"], old["mapping_version"]) == ("quarantined", 1)
    done = await make(world.operator, url, {}, version=3)
    assert (done["state"], done["mapping_version"]) == ("applied", 2)
    assert [repair["body"] is None for repair in done["repairs"]] == [False, True, True]


async def test_what_is_settled_is_not_tried_again(world: World, partner: Partner) -> None:
    applied = await partner.taken(lead("P-1"))
    for action, body in (("reprocess", {}), ("discard", {"reason": "误发"})):
        answer = await world.operator.post(url_of(applied, action), json=body, headers={"if-match": '"1"'})
        assert refusal(answer) == (409, "message_settled")
    waiting = await partner.taken(lead("P-1"))
    missing = await world.operator.post(url_of(waiting, "reprocess"), json={})
    assert refusal(missing) == (428, "precondition_required")
    stale = await world.operator.post(
        url_of(waiting, "discard"), json={"reason": "x"}, headers={"if-match": '"2"'}
    )
    assert refusal(stale) == (412, "precondition_failed")


async def test_of_two_at_once_one_repairs(world: World, partner: Partner) -> None:
    message_id = await partner.taken(b"no JSON")
    answers = await asyncio.gather(
        *(
            world.operator.post(
                url_of(message_id, "reprocess"), json={"body": lead("P-1")}, headers={"if-match": '"1"'}
            )
            for _ in range(4)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert len((await world.operator.get("/v1/projects")).json()["items"]) == 1


async def test_a_message_is_discarded_with_a_reason(world: World, partner: Partner) -> None:
    message_id = await partner.taken(b"no JSON")
    gone = await make(world.operator, url_of(message_id, "discard"), {"reason": "对方误发"}, version=1)
    assert (gone["state"], gone["discard_reason"], gone["discarded_by_id"]) == (
        "discarded",
        "对方误发",
        f"cli_of_{world.operator_id}",
    )
    assert gone["body"]["text"] == "no JSON"
    event = (await world.events("inbound_message.*"))[-1]
    assert (event["type"], event["subject"]["version"]) == ("inbound_message.discarded", 2)
    assert event["data"]["previous"]["state"] == "quarantined"


async def test_who_could_not_do_it_does_not_repair_it(world: World, partner: Partner) -> None:
    message_id = await partner.taken(b"no JSON")
    weak = world.registry.as_org(world.operator_id, "registry:inbound:write", "registry:inbound:read")
    answer = await weak.post(
        url_of(message_id, "reprocess"), json={"body": lead("P-1")}, headers={"if-match": '"1"'}
    )
    assert refusal(answer) == (403, "scope_not_grantable")
    url = f"/v1/inbound-sources/{partner.source_id}"
    assert refusal(await weak.post(f"{url}/mappings", json=mapping(world))) == (403, "scope_not_grantable")
    rotated = await weak.post(f"{url}:rotate-secret", json={}, headers={"if-match": '"2"'})
    assert refusal(rotated) == (403, "scope_not_grantable")


async def test_attempts_are_bounded(world: World, partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_REPAIRS", 2)
    message_id = await partner.taken(b"no JSON")
    url = url_of(message_id, "reprocess")
    for version in (1, 2):
        await make(world.operator, url, {}, version=version)
    answer = await world.operator.post(url, json={}, headers={"if-match": '"3"'})
    assert refusal(answer) == (409, "too_many_repairs")


async def test_an_unknown_mapping_is_no_attempt(world: World, partner: Partner) -> None:
    message_id = await partner.taken(b"no JSON")
    answer = await world.operator.post(
        url_of(message_id, "reprocess"), json={"mapping_version": 9}, headers={"if-match": '"1"'}
    )
    assert refusal(answer) == (409, "unknown_mapping")
    assert (await message(world, message_id))["repairs"] == []


async def test_messages_are_their_organisations_own(world: World, partner: Partner) -> None:
    message_id = await partner.taken(b"no JSON")
    url = f"/v1/inbound-messages/{message_id}"
    for other in (world.home_unit, world.stranger):
        assert refusal(await other.get(url)) == (404, "not_found")
        assert (await other.get("/v1/inbound-messages")).json()["items"] == []
        answer = await other.post(f"{url}:discard", json={"reason": "x"}, headers={"if-match": '"1"'})
        assert refusal(answer) == (404, "not_found")
    assert (await world.admin.get(url)).status_code == 200


async def test_messages_are_listed_by_state_source_and_time(world: World, partner: Partner) -> None:
    other = await make_partner(world)
    applied = await partner.taken(lead("P-1"))
    waiting, elsewhere = await partner.taken(b"no JSON"), await other.taken(b"no JSON")

    async def ids(query: str) -> set[str]:
        answer = await world.operator.get(f"/v1/inbound-messages?{query}")
        assert answer.status_code == 200, answer.text
        return {record["id"] for record in answer.json()["items"]}

    assert await ids("state=quarantined") == {waiting, elsewhere}
    assert await ids(f"source_id={partner.source_id}") == {applied, waiting}
    since = (await message(world, waiting))["received_at"]
    assert applied in await ids(f"received_at[lte]={since}")
    assert await ids("received_at[gte]=2999-01-01T00:00:00Z") == set()
    assert await ids("message_type=lead.created") == {applied}


async def test_what_is_settled_is_forgotten_and_what_waits_is_not(
    world: World, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    await partner.taken(lead("P-1"))
    repaired, discarded, waiting = [await partner.taken(b"no JSON") for _ in range(3)]
    await make(world.operator, url_of(repaired, "reprocess"), {"body": lead("P-2")}, version=1)
    await make(world.operator, url_of(discarded, "discard"), {"reason": "误发"}, version=1)
    database, now = world.registry.database, clock.now()

    async def forgotten(after: timedelta, limit: int) -> tuple[int, int]:
        monkeypatch.setattr(clock, "now", lambda: now + after)
        async with database.write() as tx:
            return await timer.forget_receipts(tx, limit), await timer.forget_messages(tx, limit)

    assert await forgotten(timedelta(days=6), 10) == (0, 0)
    assert await forgotten(timedelta(days=8), 3) == (3, 0)
    assert await forgotten(timedelta(days=29), 10) == (1, 0)
    assert await forgotten(timedelta(days=31), 2) == (0, 2)
    assert await forgotten(timedelta(days=31), 2) == (0, 1)
    async with database.read() as session:
        left = [row["id"] for row in await session.rows(select(inbound_messages.c.id))]
        counts = [
            await session.scalar(select(func.count()).select_from(table))
            for table in (inbound_receipts, inbound_repairs)
        ]
    assert (left, counts) == ([waiting], [0, 0])
