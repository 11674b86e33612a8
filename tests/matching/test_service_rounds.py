"""Rounds through HTTP, from a draft to landing intents."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.matching.engine.markets import solving
from services.matching.engine.markets.canonical import canonical_json, digest, sha256
from services.matching.engine.markets.errors import Infeasible
from services.matching.rounds.schemas import RoundRead
from services.matching.rounds.service import offer_outcomes
from tests.matching.conftest import MatchingUnderTest
from tests.matching.registry_double import identifier
from tests.matching.rounds_world import (
    CHENGDU_ID,
    IDLE_ID,
    LIMITS,
    LISHUI_ID,
    OFFER,
    ON_ONE_STORE,
    OPERATOR,
    PARK,
    PROJECTS,
    TEAMS,
    RegistryWithLandings,
    RoundWorld,
    round_world,
)
from tests.support.services import load_test_keys

STRANGER = identifier("org", "局外人")


@pytest.fixture
async def registry() -> RegistryWithLandings:
    return RegistryWithLandings(await load_test_keys())


@pytest.fixture
async def world(matching: MatchingUnderTest) -> AsyncIterator[RoundWorld]:
    async with round_world(matching) as world:
        yield world


async def test_a_round_goes_from_draft_to_landing_intents(world: RoundWorld) -> None:
    round_id, offers = await world.published()
    assert {offer["home_unit_id"] for offer in offers} == {LISHUI_ID, CHENGDU_ID}
    record = await world.read(f"/v1/rounds/{round_id}")
    RoundRead.model_validate(record)
    assert (record["state"], record["runs"][0]["matched"], record["runs"][0]["projects"]) == (
        "published",
        2,
        3,
    )
    assert await world.workers.landings.run_once() == 2
    for offer in await world.offers(round_id):
        pair = (offer["project_id"], offer["home_unit_id"])
        assert offer["landing"] == {
            "state": "created",
            "landing_id": world.registry.landings[pair],
            "code": None,
        }
    assert await world.workers.landings.run_once() == 0
    assert len(world.registry.landings) == 2


@ON_ONE_STORE
async def test_what_was_committed_to_is_what_was_used(world: RoundWorld) -> None:
    draft = await world.draft()
    frozen = await world.act(draft["id"], "freeze")
    (promised,) = frozen["runs"]
    assert promised["seed"] is None
    await world.act(draft["id"], "run")
    await world.work()
    url = f"/v1/rounds/{draft['id']}"
    before = await world.read(f"{url}/certificate")
    assert before["seed"] is None
    await world.act(draft["id"], "offer")
    for offer in await world.offers(draft["id"]):
        await world.agree(offer)
    await world.act(draft["id"], "publish")
    answer = await world.admin.get(f"{url}/certificate")
    document = answer.json()
    assert answer.content == canonical_json(document).encode()
    assert {**document, "seed": None} == before
    assert digest(document["snapshot"]) == document["snapshot_hash"] == promised["snapshot_hash"]
    assert sha256(document["seed"] + document["snapshot_hash"]) == promised["commitment"]
    claimed = document.pop("result_hash")
    assert digest(document) == claimed
    assert (await world.read(url))["runs"][0]["seed"] == document["seed"]
    assert (await world.act(draft["id"], "verify"))["passed"] is True


@ON_ONE_STORE
async def test_a_home_unit_without_a_quota_gets_nothing_and_is_asked(world: RoundWorld) -> None:
    record = await world.proposed()
    (silent,) = record["not_taking_part"]
    assert silent["home_unit_id"] == IDLE_ID
    assert "名额" in silent["question"]["zh"]
    document = await world.read(f"/v1/rounds/{record['id']}/certificate")
    place = document["snapshot"]["home_units"].index(IDLE_ID)
    assert document["snapshot"]["quotas"][place] == 0
    assert place not in document["assignment"]


async def test_who_sees_what(world: RoundWorld) -> None:
    draft = await world.draft()
    home, team, operator, park, stranger = (
        world.matching.as_org(org) for org in (LISHUI_ID, TEAMS[PROJECTS[0]], OPERATOR, PARK, STRANGER)
    )
    url = f"/v1/rounds/{draft['id']}"
    assert (await home.get(url)).status_code == 404
    await world.act(draft["id"], "freeze")
    for party in (home, team, operator):
        seen = await world.read(url, party)
        assert (seen["settings"], seen["not_taking_part"]) == (None, [])
        assert (await party.post(f"{url}:cancel")).status_code == 403
        assert (await party.get(f"{url}/certificate")).status_code == 404
    for outsider in (park, stranger):
        assert (await outsider.get(url)).status_code == 404
        assert (await outsider.get("/v1/rounds")).json()["items"] == []
        assert (await outsider.post(f"{url}:cancel")).status_code == 404
    assert (await world.read(url, world.matching.as_org(IDLE_ID)))["not_taking_part"] != []
    await world.act(draft["id"], "run")
    await world.work()
    assert (await world.read(url, home))["runs"][0]["figures"] is None
    assert (await world.read(url, home))["runs"][0]["matched"] is None
    await world.act(draft["id"], "offer")
    mine = await world.read("/v1/offers", home)
    assert [offer["home_unit_id"] for offer in mine["items"]] == [LISHUI_ID]
    assert (await stranger.get("/v1/offers")).json()["items"] == []
    assert (await stranger.get(f"{url}/offers")).status_code == 404
    offer = mine["items"][0]
    other = world.matching.as_org(CHENGDU_ID)
    assert (await other.get(f"/v1/offers/{offer['id']}")).status_code == 404
    assert len((await world.read("/v1/offers", operator))["items"]) == 2


async def test_both_sides_have_a_key_of_their_own(world: RoundWorld) -> None:
    round_id, (offer, _) = await world.offering()
    url = f"/v1/offers/{offer['id']}:accept"
    home = world.matching.as_org(offer["home_unit_id"])
    answer = await home.post(url, json={"side": "project"})
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert (await world.admin.post(url, json={"side": "home_unit"})).status_code == 403
    half = await world.accept(offer, "home_unit")
    assert (half["state"], half["project_answer"]) == ("open", None)
    again = await home.post(url, json={"side": "home_unit"})
    assert (again.status_code, again.json()["code"]) == (409, "offer_decided")
    whole = await world.accept(offer, "project")
    assert whole["state"] == "accepted"
    assert whole["home_unit_answer"]["organisation_id"] == offer["home_unit_id"]
    refused = await world.act(round_id, "publish", 409)
    assert refused["code"] == "offers_open"


@ON_ONE_STORE
async def test_a_refusal_says_why(world: RoundWorld) -> None:
    _, (offer, _) = await world.offering()
    client, url = world.matching.as_org(offer["home_unit_id"]), f"/v1/offers/{offer['id']}:refuse"
    body = {"side": "home_unit", "reason": "other"}
    assert (await client.post(url, json=body)).json()["code"] == "refusal_reason_needed"
    answer = await client.post(url, json={**body, "text": "产业规划调整"})
    record = answer.json()
    assert (record["state"], record["home_unit_answer"]["text"]) == ("refused", "产业规划调整")
    async with world.matching.service.database.read() as session:
        (outcome,) = await offer_outcomes(session)
    assert (outcome.project_id, outcome.decision, outcome.reason) == (offer["project_id"], "refused", "other")
    told = (await world.read("/v1/evaluations/feedback"))["total"]
    assert (told["offered"], told["refused"]) == (1, 1)


async def test_the_rest_is_matched_again_without_the_refused_pair(world: RoundWorld) -> None:
    round_id, (kept, refused) = await world.offering()
    await world.agree(kept)
    await world.refuse(refused, "home_unit")
    (left_out,) = set(PROJECTS) - {kept["project_id"], refused["project_id"]}
    first = (await world.read(f"/v1/rounds/{round_id}"))["runs"][0]
    assert (await world.act(round_id, "rerun"))["state"] == "running"
    await world.work()
    record = await world.act(round_id, "offer")
    second = record["runs"][1]
    assert second["commitment"] != first["commitment"]
    assert second["snapshot_hash"] != first["snapshot_hash"]
    offers = await world.offers(round_id)
    assert [(offer["project_id"], offer["home_unit_id"]) for offer in offers if offer["state"] == "open"] == [
        (left_out, refused["home_unit_id"])
    ]
    assert [offer["state"] for offer in offers if offer["id"] == kept["id"]] == ["accepted"]


@ON_ONE_STORE
async def test_a_result_that_is_not_offered_can_be_replaced_and_the_displaced_are_named(
    world: RoundWorld,
) -> None:
    record = await world.proposed()
    placed = (await world.read(f"/v1/rounds/{record['id']}/certificate"))["assignment"]
    gone = {"stage": "withdrawn", "version": 2, "operator_id": OPERATOR}
    (first, *_) = [PROJECTS[row] for row, home in enumerate(placed) if home >= 0]
    told = [event["data"]["object"] for event in world.registry.events if event["subject"]["id"] == first]
    world.registry.tell("project.updated", {**told[0], **gone})
    await world.matching.follow()
    await world.act(record["id"], "rerun")
    await world.work()
    again = await world.read(f"/v1/rounds/{record['id']}")
    assert (again["runs"][1]["projects"], again["runs"][1]["matched"]) == (2, 2)
    assert first not in again["runs"][1]["displaced_project_ids"]


@ON_ONE_STORE
async def test_a_market_that_makes_no_sense_is_refused_and_stays_a_draft(world: RoundWorld) -> None:
    fixed = [
        {"project_id": one, "home_unit_id": LISHUI_ID, "kind": "fixed", "set_by": LISHUI_ID}
        for one in PROJECTS[:2]
    ]
    wrong: list[dict[str, Any]] = [
        {"commitments": fixed},
        {"commitments": [{**fixed[0], "home_unit_id": STRANGER}]},
        {"region_caps": [{"province_adcode": "110000", "projects": 1}]},
        {"quotas": [{"home_unit_id": LISHUI_ID, "projects": 1, "at_least": 2}]},
        {"quotas": [{"home_unit_id": LISHUI_ID, "projects": 1}] * 2},
    ]
    for changes in wrong:
        draft = await world.draft(**changes)
        refusal = await world.act(draft["id"], "freeze", 409)
        assert refusal["code"] == "market_refused", changes
        assert refusal["detail"]
        url = f"/v1/rounds/{draft['id']}:freeze"
        said = (await world.admin.post(url, headers={"accept-language": "zh"})).json()["detail"]
        assert (said[:5], said[-1]) == ("无法成立：", "。")
        assert not re.search(r"[a-z]+ [a-z]+", said), said
        assert (await world.read(f"/v1/rounds/{draft['id']}"))["state"] == "draft"
    small = {**OFFER, **LIMITS, "available_space_m2": 900}
    await world.matching.put_profile(LISHUI_ID, small)
    two = {"quotas": [{"home_unit_id": LISHUI_ID, "projects": 2}]}
    refusal = await world.act((await world.draft(**two))["id"], "freeze", 409)
    assert "space_m2" in refusal["detail"]
    for changes in ({"with_resources": False}, {"configuration": {"mechanism": "welfare"}}):
        await world.act((await world.draft(**two, **changes))["id"], "freeze")
    body = {"name": "轮次", "period": "2027", "configuration": {"ties": "promotion", "mechanism": "welfare"}}
    answer = await world.admin.post("/v1/rounds", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "configuration_refused")


@ON_ONE_STORE
async def test_what_binds_a_project_is_in_the_snapshot_with_who_said_so(world: RoundWorld) -> None:
    bound = {"project_id": PROJECTS[2], "home_unit_id": CHENGDU_ID, "kind": "fixed", "set_by": OPERATOR}
    record = await world.proposed(commitments=[bound])
    document = await world.read(f"/v1/rounds/{record['id']}/certificate")
    place = document["snapshot"]["home_units"].index(CHENGDU_ID)
    wished = document["snapshot"]["home_units"].index(LISHUI_ID)
    assert document["snapshot"]["commitments"] == [
        [0, wished, "weight", 100_000, LISHUI_ID],
        [2, place, "fixed", 0, OPERATOR],
    ]
    assert document["snapshot"]["quotas"][wished] == 1
    assert document["snapshot"]["industry_caps"] == [[wished, 0, 2]]
    assert document["snapshot"]["industries"] == ["35"]
    assert document["snapshot"]["regions"] == ["330000", "510000"]
    names = document["snapshot"]["demand_names"]
    funds, outside = names.index("funds_cny"), names.index("funds_cny outside 3581")
    assert document["snapshot"]["demands"][funds] == [3_000_000] * 3
    assert document["snapshot"]["demands"][outside] == [0, 0, 0]
    capacities = {tuple(one[:2]): one[2] for one in document["snapshot"]["resources"]}
    assert (capacities[wished, funds], capacities[wished, outside]) == (9_000_000, 0)
    assert capacities[place, funds] == 40_000_000
    assert document["assignment"][2] == place
    space = document["snapshot"]["demand_names"].index("space_m2")
    assert document["snapshot"]["demands"][space] == [800, 800, 800]


@ON_ONE_STORE
async def test_a_draft_is_changed_under_its_version_and_only_a_draft(world: RoundWorld) -> None:
    draft = await world.draft()
    url, client = f"/v1/rounds/{draft['id']}", world.admin
    assert (await client.patch(url, json={"offer_days": 3})).status_code == 428
    changed = await client.patch(url, json={"offer_days": 3, "name": "改名"}, headers={"if-match": '"1"'})
    assert (changed.json()["settings"]["offer_days"], changed.json()["name"]) == (3, "改名")
    assert (await client.patch(url, json={"name": "x"}, headers={"if-match": '"1"'})).status_code == 412
    same = await client.patch(url, json={"name": "改名"}, headers={"if-match": '"2"'})
    assert same.json()["version"] == 2
    await world.act(draft["id"], "freeze")
    late = await client.patch(url, json={"name": "x"}, headers={"if-match": '"3"'})
    assert late.json()["code"] == "round_state"
    for action in ("run", "rerun"):
        missing = await client.post(f"{url}:{action}")
        problem = missing.json()
        assert (missing.status_code, problem["code"]) == (428, "idempotency_key_required")
        assert problem["title"] == "Idempotency-Key required"
        assert problem["errors"][0]["header"] == "Idempotency-Key"
        chinese = await client.post(f"{url}:{action}", headers={"accept-language": "zh"})
        assert chinese.json()["title"] == "需要 Idempotency-Key 头"


@ON_ONE_STORE
async def test_a_run_that_fails_says_why_and_can_be_run_again(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = await world.draft()
    await world.act(draft["id"], "freeze")
    solve = solving.solve

    def fail(*_: object) -> None:
        raise Infeasible("nothing keeps every rule", "没有分配能满足全部规则")

    monkeypatch.setattr(solving, "solve", fail)
    await world.act(draft["id"], "run")
    await world.work()
    failed = await world.read(f"/v1/rounds/{draft['id']}")
    said = {"en": "It cannot be done: nothing keeps every rule.", "zh": "无法成立：没有分配能满足全部规则。"}
    assert (failed["state"], failed["runs"][0]["failure"]) == ("failed", said)
    assert (await world.act(draft["id"], "what-if", 409, json={}))["code"] == "round_state"
    monkeypatch.setattr(solving, "solve", solve)
    await world.act(draft["id"], "run")
    await world.work()
    done = await world.read(f"/v1/rounds/{draft['id']}")
    assert (done["state"], done["runs"][0]["failure"]) == ("proposed", None)


async def test_events_reach_those_they_concern(world: RoundWorld) -> None:
    await world.published()
    home, stranger = world.matching.as_org(LISHUI_ID), world.matching.as_org(STRANGER)
    types = [event["type"] for event in await world.events("round.*,offer.*", home)]
    assert types == ["round.frozen", "offer.made", "offer.answered", "offer.answered", "round.published"]
    assert await world.events("round.*,offer.*", stranger) == []
    frozen, published = await world.events("round.*", home)
    assert frozen["data"]["object"]["runs"][0]["seed"] is None
    assert len(published["data"]["object"]["runs"][0]["seed"]) == 64
    assert published["data"]["object"]["runs"][0]["figures"] is None


async def test_a_cancelled_round_withdraws_what_waits(world: RoundWorld) -> None:
    round_id, (first, second) = await world.offering()
    await world.agree(first)
    await world.act(round_id, "cancel")
    states = {offer["id"]: offer["state"] for offer in await world.offers(round_id)}
    assert states == {first["id"]: "accepted", second["id"]: "withdrawn"}
    assert (await world.accept(second, "home_unit", 409))["code"] == "offer_decided"
    assert (await world.act(round_id, "cancel", 409))["code"] == "round_state"
    assert await world.workers.landings.run_once() == 0
