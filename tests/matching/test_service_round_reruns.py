"""Rounds whose parties move meanwhile: answers between reading and writing, runs that fail, who leaves."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from services.matching.engine.markets import solving
from services.matching.engine.markets.errors import Infeasible
from services.matching.recommendations.live import LiveEngine
from tests.matching.conftest import MatchingUnderTest
from tests.matching.rounds_world import (
    LISHUI_ID,
    OFFER,
    ON_ONE_STORE,
    OPERATOR,
    PROJECTS,
    TEAMS,
    RegistryWithLandings,
    RoundWorld,
    round_world,
)
from tests.support.services import load_test_keys

pytestmark = ON_ONE_STORE


@pytest.fixture
async def registry() -> RegistryWithLandings:
    return RegistryWithLandings(await load_test_keys())


@pytest.fixture
async def world(matching: MatchingUnderTest) -> AsyncIterator[RoundWorld]:
    async with round_world(matching) as world:
        yield world


async def test_an_answer_while_the_snapshot_is_taken_is_not_lost(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id, (kept, late) = await world.offering()
    await world.agree(kept)
    await world.accept(late, "home_unit")
    refresh = LiveEngine.refresh

    async def meanwhile(engine: LiveEngine) -> None:
        monkeypatch.setattr(LiveEngine, "refresh", refresh)
        await world.accept(late, "project")
        await refresh(engine)

    monkeypatch.setattr(LiveEngine, "refresh", meanwhile)
    refused = await world.act(round_id, "rerun", 409)
    assert refused["code"] == "offers_open"
    monkeypatch.setattr(LiveEngine, "refresh", refresh)
    await world.accept(late, "project")
    await world.act(round_id, "rerun")
    await world.work()
    document = await world.read(f"/v1/rounds/{round_id}/certificate?run=2")
    fixed = {one[0] for one in document["snapshot"]["commitments"] if one[2] == "fixed"}
    agreed = {kept["project_id"], late["project_id"]}
    assert {document["snapshot"]["projects"][row] for row in fixed} == agreed


async def test_offers_are_those_of_the_run_that_was_read(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id = (await world.proposed())["id"]
    refresh = LiveEngine.refresh

    async def meanwhile(engine: LiveEngine) -> None:
        monkeypatch.setattr(LiveEngine, "refresh", refresh)
        await world.act(round_id, "rerun")
        await world.work()
        await refresh(engine)

    monkeypatch.setattr(LiveEngine, "refresh", meanwhile)
    assert (await world.act(round_id, "offer", 409))["code"] == "round_changed"
    assert (await world.act(round_id, "offer"))["state"] == "offering"


async def failed_rerun(world: RoundWorld, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any]]:
    """A round with one agreed pair whose second run has failed."""
    round_id, (kept, refused) = await world.offering()
    await world.agree(kept)
    await world.refuse(refused, "home_unit")

    def fail(*_: object) -> None:
        raise Infeasible("nothing keeps every rule", "没有分配能满足全部规则")

    await world.act(round_id, "rerun")
    with monkeypatch.context() as patched:
        patched.setattr(solving, "solve", fail)
        await world.work()
    assert (await world.read(f"/v1/rounds/{round_id}"))["state"] == "failed"
    return round_id, kept


async def test_what_was_agreed_outlives_a_run_that_fails(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id, kept = await failed_rerun(world, monkeypatch)
    await world.act(round_id, "publish")
    await world.workers.landings.run_once()
    assert list(world.registry.landings) == [(kept["project_id"], kept["home_unit_id"])]


async def test_a_failed_run_on_the_rest_is_taken_again_from_a_new_snapshot(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id, _ = await failed_rerun(world, monkeypatch)
    await world.act(round_id, "rerun")
    await world.work()
    record = await world.act(round_id, "offer")
    assert [run["state"] for run in record["runs"]] == ["done", "failed", "done"]


async def test_a_round_that_failed_without_an_offer_is_not_published(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id = (await world.draft())["id"]
    await world.act(round_id, "freeze")
    monkeypatch.setattr(solving, "solve", lambda *_: 1 / 0)
    await world.act(round_id, "run")
    await world.work()
    refused = await world.act(round_id, "publish", 409)
    assert refused["code"] == "round_state"
    zh = await world.admin.post(f"/v1/rounds/{round_id}:publish", headers={"accept-language": "zh"})
    assert "“运行失败”" in zh.json()["detail"]


async def test_who_left_since_the_draft_binds_nobody(world: RoundWorld) -> None:
    bound = {
        "project_id": PROJECTS[0],
        "home_unit_id": LISHUI_ID,
        "kind": "first_refusal",
        "set_by": OPERATOR,
    }
    record = await world.proposed(commitments=[bound])
    told = [event["data"]["object"] for event in world.registry.events]
    (project,) = [one for one in told if one["id"] == PROJECTS[0]]
    world.registry.tell("project.updated", {**project, "stage": "withdrawn", "version": 2})
    await world.matching.follow()
    await world.act(record["id"], "rerun")
    await world.work()
    again = await world.read(f"/v1/rounds/{record['id']}")
    assert (again["state"], again["runs"][1]["projects"]) == ("proposed", 2)


async def test_a_wish_of_a_home_unit_does_not_keep_a_round_with_a_weight_of_its_own_from_freezing(
    world: RoundWorld,
) -> None:
    weight = {"project_id": PROJECTS[0], "home_unit_id": LISHUI_ID, "set_by": OPERATOR}
    record = await world.proposed(commitments=[{**weight, "kind": "weight", "value": 7}])
    snapshot = (await world.read(f"/v1/rounds/{record['id']}/certificate"))["snapshot"]
    assert [one[2:] for one in snapshot["commitments"]] == [["weight", 7, OPERATOR]]


async def test_what_a_fixed_pair_uses_counts_before_a_stable_round_is_frozen(world: RoundWorld) -> None:
    """The fixed pair passes no gate; two others fit into the space, and one of them beside it does not."""
    told = [event["data"]["object"] for event in world.registry.events]
    (project,) = [one for one in told if one["id"] == PROJECTS[0]]
    needs = {**project["needs"], "space_m2": 1500.0}
    world.registry.tell("project.updated", {**project, "needs": needs, "stage": "pilot", "version": 2})
    await world.matching.follow()
    await world.matching.put_profile(LISHUI_ID, {**OFFER, "available_space_m2": 2000})
    fixed = {"project_id": PROJECTS[0], "home_unit_id": LISHUI_ID, "kind": "fixed", "set_by": OPERATOR}
    asked = {"project_ids": list(PROJECTS), "only_named": True}
    two = [{"home_unit_id": LISHUI_ID, "projects": 2}]
    await world.act((await world.draft(projects=asked, quotas=two))["id"], "freeze")
    draft = await world.draft(projects=asked, quotas=two, commitments=[fixed])
    refused = await world.act(draft["id"], "freeze", 409)
    assert (refused["code"], "space_m2" in refused["detail"]) == ("market_refused", True)


async def test_a_home_unit_learns_neither_the_projects_wishes_nor_its_next_place(world: RoundWorld) -> None:
    round_id, (kept, refused) = await world.offering()
    url, body = f"/v1/rounds/{round_id}:explain", {"project_id": refused["project_id"]}
    home, team = (
        world.matching.as_org(one) for one in (refused["home_unit_id"], TEAMS[refused["project_id"]])
    )
    await world.agree(kept)
    await world.refuse(refused, "project", "distance")
    more = [{"period": "2027-H1", "projects": 2}]
    await world.matching.put_profile(kept["home_unit_id"], {**OFFER, "quotas": more})
    before = (await home.post(url, json=body)).json()
    assert before["reason"] == "placed"
    assert before["text"]["zh"].startswith("本轮将该项目与该飞出地配对")
    await world.act(round_id, "rerun")
    await world.work()
    assert (await home.post(url, json=body)).json() == before
    assert (await team.post(url, json=body)).json()["home_unit_id"] == refused["home_unit_id"]


async def test_what_a_proxy_answers_in_registrys_place_decides_nothing(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, offers = await world.published()
    with monkeypatch.context() as patched:
        patched.setattr(world.registry, "_create", lambda _: httpx2.Response(404, text="no such backend"))
        await world.workers.landings.run_once()
    landing = (await world.read(f"/v1/offers/{offers[0]['id']}"))["landing"]
    assert landing == {"state": "pending", "landing_id": None, "code": "status_404"}


async def test_a_run_that_takes_too_long_has_failed(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id = (await world.draft())["id"]
    await world.act(round_id, "freeze")
    await world.act(round_id, "run")
    monkeypatch.setattr(world.workers._running, "_limit_s", 0.0)
    await world.work()
    record = await world.read(f"/v1/rounds/{round_id}")
    assert record["state"] == "failed"
    failure = record["runs"][0]["failure"]
    assert ("given up" in failure["en"], "已停止" in failure["zh"]) == (True, True)
