"""Both sides and counterfactuals through HTTP: who sees what, and that nothing of a home unit's own leaks."""

from pathlib import Path
from typing import Any

import pytest

from services.matching.recommendations.change_schemas import CounterfactualRead
from services.matching.recommendations.live import LiveEngine
from tests.matching.conftest import MatchingUnderTest
from tests.matching.demo_network import demo_matching
from tests.matching.registry_double import (
    CHENGDU,
    LISHUI,
    SHANGHAI,
    enclave,
    home_unit,
    identifier,
    project,
)
from tests.matching.told_examples import PAGE, examples, written

LISHUI_ID, CHENGDU_ID, OPERATOR = (identifier("org", name) for name in ("丽水", "成都", "运营商"))
PROJECT = identifier("prj", "脑机接口电极")
URL = f"/v1/projects/{PROJECT}/recommendations"
FUNDS = {"fund_amount_cny", "max_fund_amount_cny", "remaining_budget_cny", "fund_cap_and_budget_cny"}
OFFER: dict[str, Any] = {
    "description": "脑机接口与高端医疗器械生产基地",
    "leading_industries": ["3581", "2710"],
    "accepted_stages": ["screening", "reserve"],
    "accepted_plant_classes": ["clean_room"],
    "available_space_m2": 5000,
    "max_fund_amount_cny": "5000000",
    "remaining_budget_cny": "40000000",
    "policy_supported_fields": ["3581"],
    "talent_count": 100,
}
POOR = {**OFFER, "available_space_m2": 500, "max_fund_amount_cny": "2000000", "leading_industries": ["35"]}
Json = dict[str, Any]


@pytest.fixture
async def told(matching: MatchingUnderTest) -> MatchingUnderTest:
    """Lishui, near and suited; Chengdu, far, with too little space and money; both know the project."""
    tell = matching.registry.tell
    tell("organisation.created", home_unit("丽水", LISHUI))
    tell("organisation.created", home_unit("成都", CHENGDU))
    tell("enclave.created", enclave("张江飞地", LISHUI_ID, SHANGHAI))
    parties = (OPERATOR, LISHUI_ID, CHENGDU_ID)
    tell("project.created", project("脑机接口电极", *parties, enclave_id=identifier("enc", "张江飞地")))
    await matching.follow()
    await matching.put_profile(LISHUI_ID, OFFER)
    await matching.put_profile(CHENGDU_ID, POOR)
    return matching


async def what_if(told: MatchingUnderTest, caller: str | None, **body: Any) -> Json:
    client = told.as_admin() if caller is None else told.as_org(caller)
    answer = await client.post(f"{URL}:counterfactual", json={"home_unit_id": CHENGDU_ID, **body})
    assert answer.status_code == 200, answer.text
    CounterfactualRead.model_validate_json(answer.content, strict=True, extra="forbid")
    document: Json = answer.json()
    return document


def levers(document: Json) -> dict[str, Json]:
    return {lever["lever"]: lever for lever in document["levers"]}


async def test_the_team_side_adds_up_for_those_who_may_see_it(told: MatchingUnderTest) -> None:
    for caller in (None, LISHUI_ID):
        client = told.as_admin() if caller is None else told.as_org(caller)
        (item,) = (await client.get(URL)).json()["items"]
        both = {name: None if f is None else round(f * 1e6) for name, f in item["two_sided"].items()}
        points = sum(entry["team_points"] for entry in item["criteria"])
        u, v = both["project_score"], both["home_unit_score"]
        assert (u, v) == (points // 1000, item["points"] // 1000)
        assert both["reciprocal_score"] == 2 * u * v // (u + v)
        assert both["shadow_price"] is both["scarcity_adjusted_score"] is None
        assert sum(entry["team_weight_permille"] for entry in item["criteria"]) == 1000
    listed = await told.as_admin().get(f"/v1/home-units/{LISHUI_ID}/recommendations?order=reciprocal")
    assert listed.json()["items"][0]["two_sided"] == item["two_sided"]


async def test_an_outsider_gets_nothing_a_withheld_criterion_could_be_computed_from(
    told: MatchingUnderTest,
) -> None:
    (item,) = (await told.as_org(OPERATOR).get(URL)).json()["items"]
    assert item["two_sided"] == {
        "project_score": None,
        "home_unit_score": item["score"],
        "reciprocal_score": None,
        "shadow_price": None,
        "scarcity_adjusted_score": None,
    }
    withheld = [entry["criterion"] for entry in item["criteria"] if entry["team_points"] is None]
    assert withheld == ["fund_within_caps", "track_record"]
    (shown,) = (await told.as_admin().get(f"{URL}?redacted=true")).json()["items"]
    assert (shown["two_sided"], shown["criteria"]) == (item["two_sided"], item["criteria"])


async def test_shadow_prices_change_the_order_they_are_asked_for(told: MatchingUnderTest) -> None:
    await told.put_profile(CHENGDU_ID, OFFER)
    engine: LiveEngine = told.service.app.state.service.extra["engine"]
    engine.shadow_prices[LISHUI_ID] = 400_000
    engine.shadow_prices[CHENGDU_ID] = -2_500
    orders = {}
    for order in ("score", "reciprocal", "scarcity_adjusted"):
        items = (await told.recommend(PROJECT, f"?order={order}"))["items"]
        orders[order] = [item["home_unit_id"] for item in items]
    assert orders["score"] == orders["reciprocal"] == [LISHUI_ID, CHENGDU_ID]
    assert orders["scarcity_adjusted"] == [CHENGDU_ID, LISHUI_ID]
    both = items[0]["two_sided"]
    assert both["shadow_price"] == -0.0025
    assert round(both["scarcity_adjusted_score"] - both["reciprocal_score"], 6) == 0.0025
    (dear, *_) = (await told.as_org(OPERATOR).get(URL)).json()["items"]
    assert (dear["two_sided"]["shadow_price"], dear["two_sided"]["scarcity_adjusted_score"]) == (0.4, None)
    refused = await told.as_admin().get(f"{URL}?order=beauty")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_parameter")


async def test_a_home_unit_learns_what_would_open_its_gates(told: MatchingUnderTest) -> None:
    document = await what_if(told, CHENGDU_ID)
    assert (document["rank"], document["redacted"], document["home_unit_name"]) == (None, False, "成都")
    outcomes = {gate["gate"]: gate["outcome"] for gate in document["gates"]}
    assert (outcomes["fund"], outcomes["space"], outcomes["legal_lock"]) == ("fail", "fail", "not_recorded")
    found = levers(document)
    needed = {name: (lever["to_pass_gate"] or {}).get("needed_value") for name, lever in found.items()}
    assert (needed["space_m2"], needed["available_space_m2"]) == (500, 800)
    assert (needed["fund_amount_cny"], needed["max_fund_amount_cny"]) == (2_000_000, 3_000_000)
    assert found["available_space_m2"]["to_pass_gate"]["text"] == {
        "zh": "可用厂房面积由 500 平方米增至 800 平方米，可通过「可用空间」，但还有其他条件未通过。",
        "en": "Space available: from 500 m² to 800 m²: then “Space capacity” passes, but other gates do not.",
    }
    budget = found["remaining_budget_cny"]["to_pass_gate"]
    assert (budget["feasible"], budget["text"]["zh"]) == (False, "仅调整剩余预算不能通过「资金上限」。")
    assert not any(lever["to_reach_rank"]["feasible"] for lever in found.values())


async def test_what_is_said_to_reach_a_rank_reaches_it(told: MatchingUnderTest) -> None:
    await told.put_profile(CHENGDU_ID, {**POOR, "max_fund_amount_cny": "5000000"})
    found = levers(await what_if(told, CHENGDU_ID, rank=2))
    goal = found["available_space_m2"]["to_reach_rank"]
    assert (goal["needed_value"], goal["text"]["zh"][-14:]) == (800, "平方米，即可排到第 2 位。")
    assert found["available_space_m2"]["to_pass_gate"]["sufficient"] is True
    changed = {**POOR, "max_fund_amount_cny": "5000000", "available_space_m2": goal["needed_value"]}
    await told.put_profile(CHENGDU_ID, changed)
    after = await what_if(told, CHENGDU_ID, rank=2)
    assert (after["rank"], after["levers"]) == (2, [])


async def test_an_outsider_is_told_of_no_funds_and_of_no_missing_points(told: MatchingUnderTest) -> None:
    found = levers(await what_if(told, OPERATOR))
    assert {name for name, lever in found.items() if lever["redacted"]} == FUNDS
    for name, lever in found.items():
        hidden = {"redacted": True, "feasible": None, "sufficient": None, "needed_value": None}
        for goal in (lever["to_pass_gate"], lever["to_reach_rank"]):
            if name in FUNDS and goal is not None:
                assert {key: goal[key] for key in hidden} == hidden
                assert goal["text"]["zh"].endswith("：属飞出地内部数据，不对外披露。")
        if name in ("space_m2", "available_space_m2", "talent_count", "leading_industries"):
            assert lever["to_reach_rank"]["redacted"] is True
    assert found["fund_amount_cny"]["current_value"] == 3_000_000
    assert found["max_fund_amount_cny"]["current_value"] is None
    assert found["space_m2"]["to_pass_gate"]["needed_value"] == 500
    assert found["preferred_place"]["to_reach_rank"]["redacted"] is False


async def test_an_outsiders_answer_is_the_same_whatever_the_home_unit_can_spend_and_weighs(
    told: MatchingUnderTest,
) -> None:
    answers = []
    weighs = ({"industry_fit": 7, "talent": 1}, {"industry_fit": 1, "distance": 9}, None)
    for cap, weights in zip(("2000000", "2718281", "1000001"), weighs, strict=True):
        await told.put_profile(CHENGDU_ID, {**POOR, "max_fund_amount_cny": cap, "weights": weights})
        document = await what_if(told, OPERATOR)
        changing = ("directory_as_of", "directory_revision", "lag_seconds")
        answers.append({key: value for key, value in document.items() if key not in changing})
    assert answers[0] == answers[1] == answers[2]


async def test_what_cannot_be_asked(told: MatchingUnderTest) -> None:
    async def refusal(body: Json, client: Any = None) -> tuple[int, str]:
        answer = await (client or told.as_admin()).post(f"{URL}:counterfactual", json=body)
        return answer.status_code, answer.json()["code"]

    nobody, asked = identifier("org", "没有"), {"home_unit_id": CHENGDU_ID}
    assert await refusal({"home_unit_id": nobody}) == (404, "not_found")
    assert await refusal(asked, told.as_org(identifier("org", "无关单位"))) == (404, "not_found")
    for body in ({}, {**asked, "rank": 0}, {**asked, "rank": 101}, {**asked, "more": 1}):
        assert (await refusal(body))[0] == 422
    scope = told.as_org(LISHUI_ID, "matching:profiles:read")
    assert await refusal(asked, scope) == (403, "insufficient_scope")
    ended = project("脑机接口电极", OPERATOR, version=2, stage="failed")
    told.registry.tell("project.stage_changed", ended)
    await told.follow()
    assert await refusal(asked) == (409, "project_closed")


async def test_the_examples_in_the_documents_are_what_the_service_says(tmp_path: Path) -> None:
    async with demo_matching(tmp_path) as matching:
        blocks = await examples(matching)
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page, blocks), "run: .venv/bin/python -m tests.matching.told_examples"
