"""What can be asked about a round, and that a round is the same wherever it is worked out."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.matching.rounds import questions
from services.matching.rounds.computing import Computing
from services.matching.rounds.documents import configuration_from, market_from, packed, unpacked
from services.matching.rounds.errors import TookTooLong
from services.matching.rounds.solving import solve_run
from tests.matching.conftest import MatchingUnderTest
from tests.matching.rounds_world import (
    CHENGDU_ID,
    IDLE_ID,
    LISHUI_ID,
    ON_ONE_STORE,
    PROJECTS,
    TEAMS,
    RegistryWithLandings,
    RoundWorld,
    round_world,
)
from tests.support.services import load_test_keys


@pytest.fixture
async def registry() -> RegistryWithLandings:
    return RegistryWithLandings(await load_test_keys())


@pytest.fixture
async def world(matching: MatchingUnderTest) -> AsyncIterator[RoundWorld]:
    async with round_world(matching) as world:
        yield world


async def placed(world: RoundWorld, round_id: str) -> dict[str, str | None]:
    document = await world.read(f"/v1/rounds/{round_id}/certificate")
    homes = document["snapshot"]["home_units"]
    return {
        project: None if home == -1 else homes[home]
        for project, home in zip(document["snapshot"]["projects"], document["assignment"], strict=True)
    }


@ON_ONE_STORE
async def test_the_questions_of_the_administration(world: RoundWorld) -> None:
    round_id = (await world.proposed())["id"]
    before = await placed(world, round_id)
    (left_out,) = (project for project, home in before.items() if home is None)

    more = {"quotas": [{"home_unit_id": LISHUI_ID, "projects": 2}]}
    found = await world.act(round_id, "what-if", json=more)
    assert (found["before"]["matched"], found["after"]["matched"]) == (2, 3)
    assert found["matched_given_up"] == -1
    fewer = await world.act(round_id, "what-if", json={"without_home_unit_ids": [LISHUI_ID]})
    assert fewer["after"]["matched"] == 1
    nobody = await world.act(round_id, "what-if", json={"without_project_ids": list(PROJECTS)})
    assert (nobody["after"]["matched"], nobody["changed_count"]) == (0, 2)
    refused = await world.act(round_id, "what-if", 409, json={"without_project_ids": [CHENGDU_ID]})
    assert refused["code"] == "market_refused"

    levers = await world.act(
        round_id, "counterfactual", json={"project_id": left_out, "home_unit_id": LISHUI_ID}
    )
    outcome = {lever["lever"]: lever["achieves"] for lever in levers["levers"]}
    assert outcome.keys() == {*("quota", "industry_cap", "resource", "every_limit", "priority", "fixed")}
    assert outcome["fixed"]
    (fixed,) = (lever for lever in levers["levers"] if lever["lever"] == "fixed")
    assert LISHUI_ID in {before[project] for project in fixed["displaced"]}

    same = await world.act(round_id, "compare", json={"other_round_id": round_id})
    assert (same["changed_count"], same["welfare_given_up_ppm"]) == (0, 0)
    short = {"configuration": {"mechanism": "stable", "list_length": 1}}
    assert (await world.act(round_id, "compare", json=short))["before"]["matched"] == 2
    welfare = {"configuration": {"mechanism": "welfare"}}
    compared = await world.act(round_id, "compare", json=welfare)
    assert compared["price_of_stability_ppm"] >= 0
    assert compared["price_of_fairness_ppm"] is None
    assert (await world.act(round_id, "compare", 409, json={}))["code"] == "not_together"

    replayed = await world.act(round_id, "propensities", json={"replays": 20})
    assert len(replayed["projects"]) == 3
    for one in replayed["projects"]:
        assert one["unmatched"] + sum(place["count"] for place in one["home_units"]) == 20
    assert sum(one["unmatched"] for one in replayed["projects"]) == 20
    assert await placed(world, round_id) == before


@ON_ONE_STORE
async def test_what_if_somebody_joined(world: RoundWorld) -> None:
    round_id = (await world.proposed())["id"]
    before = await placed(world, round_id)
    (left_out,) = (project for project, home in before.items() if home is None)
    (there,) = (project for project, home in before.items() if home == LISHUI_ID)

    second = {"added_home_units": [{"like": LISHUI_ID, "projects": 1}]}
    found = await world.act(round_id, "what-if", json=second)
    assert (found["before"]["matched"], found["after"]["matched"]) == (2, 3)
    got = {change["project_id"]: change["after"] for change in found["changed"]}
    assert f"{LISHUI_ID}+1" in got.values()
    assert got[left_out] is not None
    replaced = await world.act(
        round_id, "what-if", json={**second, "without_home_unit_ids": [LISHUI_ID, CHENGDU_ID]}
    )
    assert replaced["after"]["matched"] == 1
    assert {one["after"] for one in replaced["changed"]} <= {f"{LISHUI_ID}+1", None}
    nothing = await world.act(
        round_id, "what-if", json={"added_home_units": [{"like": IDLE_ID, "projects": 0}]}
    )
    assert (nothing["changed_count"], nothing["after"]) == (0, nothing["before"])

    twins = {"added_projects": [{"like": there, "count": 2}, {"like": left_out}]}
    more = await world.act(
        round_id, "what-if", json={**twins, "added_home_units": [{"like": LISHUI_ID, "projects": 3}]}
    )
    assert (more["after"]["projects"], more["after"]["matched"]) == (6, 4), "two of the industry"
    added = {
        change["project_id"]: change["before"] for change in more["changed"] if "+" in change["project_id"]
    }
    assert added.keys() <= {f"{there}+1", f"{there}+2", f"{left_out}+1"}
    assert set(added.values()) == {None}
    crowd = await world.act(round_id, "what-if", json={"added_projects": [{"like": left_out, "count": 5}]})
    assert (crowd["after"]["projects"], crowd["after"]["matched"]) == (8, 2)
    welfare = {"configuration": {"mechanism": "welfare"}}
    best = await world.act(round_id, "what-if", json={**twins, **second, **welfare})
    assert best["after"]["matched"] == 3

    unknown = await world.act(round_id, "what-if", 409, json={"added_projects": [{"like": LISHUI_ID}]})
    assert unknown["code"] == "market_refused"
    too_many = {"added_projects": [{"like": there, "count": 200}] * 10}
    assert (await world.act(round_id, "what-if", 409, json=too_many))["code"] == "market_too_large"
    least = [{"like": LISHUI_ID, "projects": 1, "at_least": 2}]
    assert (await world.act(round_id, "what-if", 409, json={"added_home_units": least}))[
        "code"
    ] == "market_refused"
    none = await world.act(round_id, "what-if", 422, json={"added_projects": [{"like": there, "count": 0}]})
    assert none["code"]
    assert await placed(world, round_id) == before


@ON_ONE_STORE
async def test_large_questions_are_refused_with_advice(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id = (await world.proposed())["id"]
    monkeypatch.setattr(questions, "MAX_PROJECTS", 2)
    monkeypatch.setattr(questions, "MAX_REPLAYED", 2)
    pair = {"project_id": PROJECTS[0], "home_unit_id": LISHUI_ID}
    bodies: dict[str, Any] = {
        "what-if": {},
        "counterfactual": pair,
        "compare": {"configuration": {}},
        "propensities": {"replays": 1},
    }
    for action, body in bodies.items():
        assert (await world.act(round_id, action, 409, json=body))["code"] == "market_too_large"


@ON_ONE_STORE
async def test_a_place_is_explained_to_those_it_concerns(world: RoundWorld) -> None:
    round_id, (offer, other) = await world.offering()
    body, url = {"project_id": offer["project_id"]}, f"/v1/rounds/{round_id}:explain"
    team = world.matching.as_org(TEAMS[offer["project_id"]])
    explained = (await team.post(url, json=body)).json()
    assert explained["home_unit_id"] == offer["home_unit_id"]
    assert explained["reason"] in ("first", "best_left")
    assert explained["text"]["zh"]
    assert explained["asked"] == len(explained["better"]) + 1 or explained["reason"] == "first"
    home = world.matching.as_org(offer["home_unit_id"])
    seen = (await home.post(url, json=body)).json()
    assert (seen["better"], seen["asked"], seen["reason"]) == (None, None, "placed")
    assert (await home.post(url, json={"project_id": other["project_id"]})).status_code == 404
    for action, question in (("what-if", {}), ("propensities", {"replays": 1})):
        asked = await team.post(f"/v1/rounds/{round_id}:{action}", json=question)
        assert asked.status_code == 403
    (left_out,) = set(PROJECTS) - {offer["project_id"], other["project_id"]}
    lost = await world.act(round_id, "explain", json={"project_id": left_out})
    assert (lost["home_unit_id"], lost["reason"], len(lost["better"])) == (None, "unmatched", 3)
    for obstacle in lost["better"]:
        idle = obstacle["home_unit_id"] == IDLE_ID
        assert obstacle["limits"] == ["no_quota" if idle else "quota"]
        assert "名额" in obstacle["text"]["zh"]
    unlucky = world.matching.as_org(TEAMS[left_out])
    assert (await unlucky.post(url, json={"project_id": left_out})).status_code == 404
    for one in (offer, other):
        await world.agree(one)
    await world.act(round_id, "publish")
    assert (await unlucky.post(url, json={"project_id": left_out})).json()["reason"] == "unmatched"
    elsewhere = await world.act(round_id, "explain", 409, json={"project_id": LISHUI_ID})
    assert elsewhere["code"] == "not_in_round"


@ON_ONE_STORE
async def test_a_round_may_show_its_certificate_to_all_who_took_part(world: RoundWorld) -> None:
    round_id, offers = await world.offering(certificate_for="participants")
    url, home = f"/v1/rounds/{round_id}", world.matching.as_org(LISHUI_ID)
    assert (await home.get(f"{url}/certificate")).status_code == 404
    for offer in offers:
        await world.agree(offer)
    await world.act(round_id, "publish")
    assert (await world.read(f"{url}/certificate", home))["seed"]
    assert (await home.post(f"{url}:verify")).json()["passed"] is True
    assert (await home.get(f"{url}/certificate?run=2")).status_code == 404
    assert (await world.matching.as_org("org_7zzzzzzzzzzzzzzzzzzzzzzzzz").get(url)).status_code == 404


SEED = "5eed" * 16


@pytest.fixture(scope="module")
def results() -> dict[str, bytes]:
    return {}


@pytest.mark.usefixtures("results")
async def test_a_round_is_the_same_bytes_on_both_databases_and_when_it_is_run_twice(
    world: RoundWorld, results: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.matching.rounds.service.secrets.token_hex", lambda _: SEED)
    round_id = (await world.proposed())["id"]
    content = (await world.admin.get(f"/v1/rounds/{round_id}/certificate")).content
    results[world.matching.service.database.dialect] = content
    assert set(results.values()) == {content}
    document = unpacked(packed({**unpacked_of(content), "seed": SEED}))
    snapshot = packed(document["snapshot"])
    assert market_from(document["snapshot"]).hash == document["snapshot_hash"]
    assert configuration_from(document["configuration"]).hash == document["configuration_hash"]
    first, second = (solve_run(snapshot, document["configuration"], SEED) for _ in range(2))
    assert first == second
    assert first.result_hash == document["result_hash"]


def unpacked_of(content: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(content)
    return document


async def test_another_process_computes_the_same() -> None:
    computing = Computing(in_process=True)
    try:
        document = {"b": [1, 2], "a": "飞地"}
        assert await computing(unpacked, packed(document)) == document
    finally:
        await computing.close()


async def test_what_takes_too_long_is_ended_and_the_next_question_answered() -> None:
    computing = Computing(in_process=True, limit_s=1.0)
    try:
        with pytest.raises(TookTooLong):
            await computing(time.sleep, 600)
        computing._limit_s = 60.0
        assert await computing(abs, -1) == 1
    finally:
        await computing.close()
