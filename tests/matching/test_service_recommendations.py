"""Recommendations through HTTP: from the registry's feed to a ranked, explained answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.matching.engine.scoring.labels import STRATEGIC_FIELDS
from services.matching.recommendations.schemas import HomeUnitRecommendations, ProjectRecommendations
from tests.matching.conftest import MatchingUnderTest
from tests.matching.registry_double import (
    CHENGDU,
    LISHUI,
    SHANGHAI,
    enclave,
    home_unit,
    identifier,
    project,
)

LISHUI_ID, CHENGDU_ID = identifier("org", "丽水"), identifier("org", "成都")
ROOT = Path(__file__).parents[2]
OPERATOR = identifier("org", "运营商")
PROJECT = identifier("prj", "脑机接口电极")
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
    "figures_as_of": "2026-10-31",
}


def the_project(**changes: Any) -> dict[str, Any]:
    enclave_id = identifier("enc", "张江飞地")
    return project("脑机接口电极", OPERATOR, LISHUI_ID, enclave_id=enclave_id, **changes)


@pytest.fixture
async def told(matching: MatchingUnderTest) -> MatchingUnderTest:
    """Two home units, an enclave in Shanghai and a project in it; Lishui alone has a profile."""
    tell = matching.registry.tell
    tell("organisation.created", home_unit("丽水", LISHUI))
    tell("organisation.created", home_unit("成都", CHENGDU))
    tell("organisation.created", {**home_unit("运营商"), "kind": "operator"})
    tell("enclave.created", enclave("张江飞地", LISHUI_ID, SHANGHAI))
    tell("project.created", the_project())
    await matching.follow()
    await matching.put_profile(LISHUI_ID, OFFER)
    return matching


async def test_home_unit_that_passes_every_gate_is_ranked_and_explained(told: MatchingUnderTest) -> None:
    answer = await told.as_admin().get(f"/v1/projects/{PROJECT}/recommendations")
    assert answer.status_code == 200
    ProjectRecommendations.model_validate_json(answer.content, strict=True, extra="forbid")
    document = answer.json()
    assert (document["feasible_count"], document["open_count"], document["refused_count"]) == (1, 1, 0)
    (best,) = document["items"]
    assert (best["rank"], best["home_unit_id"], best["home_unit_name"]) == (1, LISHUI_ID, "丽水")
    assert sum(entry["points"] for entry in best["criteria"]) == best["points"]
    assert best["score"] == best["points"] / 1e9
    unchecked = {"legal_lock": "not_recorded"}
    assert all(gate["outcome"] == unchecked.get(gate["gate"], "pass") for gate in best["gates"])
    assert all(
        entry["points"] == entry["weight_permille"] * round(entry["score"] * 1e6)
        for entry in best["criteria"]
    )


async def test_explanation_is_in_words_of_the_trade_with_sources(told: MatchingUnderTest) -> None:
    (best,) = (await told.recommend(PROJECT))["items"]
    criteria = {entry["criterion"]: entry for entry in best["criteria"]}
    assert criteria["plant_and_space"]["text"]["zh"].startswith(
        "厂房与空间：可用 5,000 平方米，需要 800 平方米"
    )
    assert criteria["city_cluster"]["text"]["zh"].startswith("城市群：与飞入地同属一个城市群（圈层式）")
    assert "5,000 m² available, 800 m² needed" in criteria["plant_and_space"]["text"]["en"]
    sources = criteria["plant_and_space"]["sources"]
    assert {"record_id": LISHUI_ID, "field": "available_space_m2", "as_of": "2026-10-31"} in sources
    assert {"record_id": PROJECT, "field": "space_m2", "as_of": "2026-11-20"} in sources
    distance = criteria["distance"]
    assert (distance["unit"], 300 < distance["value"] < 360) == ("km", True)
    assert identifier("enc", "张江飞地") in {source["record_id"] for source in distance["sources"]}


async def test_answer_says_which_version_of_the_project_was_judged(told: MatchingUnderTest) -> None:
    assert (await told.recommend(PROJECT))["project_version"] == 1
    told.registry.tell("project.updated", the_project(version=4))
    assert (await told.recommend(PROJECT))["project_version"] == 1
    await told.follow()
    assert (await told.recommend(PROJECT))["project_version"] == 4


async def test_gate_on_a_fact_nobody_records_is_not_passed_but_said_to_be_unchecked(
    told: MatchingUnderTest,
) -> None:
    document = await told.recommend(PROJECT)
    (best,) = document["items"]
    (lock,) = (gate for gate in best["gates"] if gate["gate"] == "legal_lock")
    assert (lock["outcome"], lock["text"]) == (
        "not_recorded",
        {"zh": "股权锁定：尚无登记，未作核查", "en": "Legal lock: Not recorded yet, so not checked"},
    )
    assert "legal_lock" not in {total["gate"] for total in document["gate_totals"]}


async def test_distance_without_a_limit_is_said_to_have_none(told: MatchingUnderTest) -> None:
    limits = [None, 2000]
    words = []
    for version, limit in enumerate(limits, 2):
        needs = {**the_project()["needs"], "max_distance_km": limit}
        told.registry.tell("project.updated", the_project(version=version, needs=needs))
        await told.follow()
        answer = await told.as_admin().get(f"/v1/home-units/{LISHUI_ID}/recommendations")
        for item in (*(await told.recommend(PROJECT))["items"], *answer.json()["items"]):
            words += [gate["text"]["zh"] for gate in item["gates"] if gate["gate"] == "max_distance"]
    assert words == ["最远距离：未填报上限，不作限制"] * 2 + ["最远距离：通过"] * 2


async def said(told: MatchingUnderTest, criterion: str) -> dict[str, dict[str, str]]:
    """What is said of a criterion in the two languages, by home unit."""
    items = (await told.recommend(PROJECT))["items"]
    return {
        item["home_unit_id"]: entry["text"]
        for item in items
        for entry in item["criteria"]
        if entry["criterion"] == criterion
    }


async def test_words_say_what_was_matched_and_what_was_not_stated(told: MatchingUnderTest) -> None:
    await told.put_profile(CHENGDU_ID, {**OFFER, "leading_industries": ["biotechnology"]})
    told.registry.tell("project.updated", the_project(version=2, strategic_fields=["biotechnology"]))
    await told.follow()
    industry = await said(told, "industry_fit")
    assert industry[LISHUI_ID] == {
        "zh": "产业契合：项目与主导产业同属小类 3581，优于中位水平。",
        "en": "Industry fit: Project and leading industries are in one class, 3581, "
        "better than the median city.",
    }
    assert industry[CHENGDU_ID] == {
        "zh": "产业契合：项目与主导产业同属战略性新兴产业「生物」，与中位水平持平。",
        "en": "Industry fit: Project and leading industries are in one strategic field, Biotechnology, "
        "level with the median city.",
    }
    far = await said(told, "distance")
    assert far[CHENGDU_ID]["zh"].endswith("公里，远于中位水平。")
    assert far[LISHUI_ID]["zh"].endswith("公里，与中位水平持平。")
    clusters = await said(told, "city_cluster")
    assert clusters[LISHUI_ID]["zh"].endswith("（圈层式），而半数以上飞出地不在同一城市群。")
    assert (await said(told, "talent"))[LISHUI_ID]["zh"] == "人才：持证人才 100 人，与中位水平持平。"
    assert (await said(told, "team_preference"))[LISHUI_ID] == {
        "zh": "团队意愿：团队未填报意愿。",
        "en": "Team's preference: the team stated no wish.",
    }


def test_strategic_fields_have_the_names_registry_gives_them() -> None:
    catalogue = Path("services/registry/reference/data/strategic_industries.json")
    fields = json.loads((ROOT / catalogue).read_text(encoding="utf-8"))["fields"]
    assert {entry["id"]: (entry["name_zh"], entry["name_en"]) for entry in fields} == STRATEGIC_FIELDS


async def test_unknown_is_not_a_pass_but_a_question(told: MatchingUnderTest) -> None:
    document = await told.recommend(PROJECT)
    (undecided,) = document["open_items"]
    assert undecided["home_unit_id"] == CHENGDU_ID
    assert {gate["gate"] for gate in undecided["unknown_gates"]} >= {"plant_class", "space", "fund"}
    asked = {(question["record_id"], question["field"]): question for question in document["questions"]}
    space = asked[CHENGDU_ID, "available_space_m2"]
    assert (space["asked_of"], space["candidate_ids"]) == ("home_unit", [CHENGDU_ID])
    assert space["text"]["zh"] == "可用厂房面积是多少（平方米）？"
    assert space["text"]["en"] == "How much space is available (m²)?"


async def test_answering_the_questions_opens_the_home_unit(told: MatchingUnderTest) -> None:
    await told.put_profile(CHENGDU_ID, {**OFFER, "accepted_plant_classes": ["office"]})
    document = await told.recommend(PROJECT)
    (refused,) = document["refused_items"]
    assert refused["home_unit_id"] == CHENGDU_ID
    assert [(gate["gate"], gate["outcome"]) for gate in refused["gates"]] == [("plant_class", "fail")]
    assert refused["gates"][0]["text"]["zh"] == "厂房类别：没有所需类别"
    await told.put_profile(CHENGDU_ID, OFFER)
    document = await told.recommend(PROJECT)
    assert [item["home_unit_id"] for item in document["items"]] == [LISHUI_ID, CHENGDU_ID]


async def test_changed_profile_changes_the_ranking(told: MatchingUnderTest) -> None:
    await told.put_profile(CHENGDU_ID, OFFER)
    weights = {"plant_and_space": 100}
    await told.put_profile(LISHUI_ID, {**OFFER, "available_space_m2": 900, "weights": weights})
    items = (await told.recommend(PROJECT))["items"]
    assert [item["home_unit_id"] for item in items] == [CHENGDU_ID, LISHUI_ID]


async def test_outsider_gets_neither_weights_nor_what_the_budget_could_be_computed_from(
    told: MatchingUnderTest,
) -> None:
    url = f"/v1/projects/{PROJECT}/recommendations"
    for caller, own in ((OPERATOR, False), (LISHUI_ID, True)):
        (item,) = (await told.as_org(caller).get(url)).json()["items"]
        fund = next(entry for entry in item["criteria"] if entry["criterion"] == "fund_within_caps")
        assert item["redacted"] is fund["redacted"] is not own
        assert (item["points"] is None) is not own
        assert all((entry["points"] is None) is not own for entry in item["criteria"])
        assert all((entry["weight_permille"] is None) is not own for entry in item["criteria"])
        assert fund["value"] == (5_000_000 if own else None)
        assert fund["text"]["zh"].startswith("资金额度：")
        assert ("5,000,000" in fund["text"]["zh"]) is own
        assert own or item["score"] == round(item["score"], 2)
        assert fund["median_value"] is None


@pytest.mark.parametrize("caller", ["成都", "无关单位"])
async def test_foreign_project_does_not_exist(told: MatchingUnderTest, caller: str) -> None:
    client = told.as_org(identifier("org", caller))
    answer = await client.get(f"/v1/projects/{PROJECT}/recommendations")
    unknown = await client.get(f"/v1/projects/{identifier('prj', '没有')}/recommendations")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["detail"] == unknown.json()["detail"]


async def test_home_unit_is_shown_only_projects_it_may_see(told: MatchingUnderTest) -> None:
    told.registry.tell("project.created", project("不可见项目", OPERATOR))
    await told.follow()
    url = f"/v1/home-units/{LISHUI_ID}/recommendations"
    own = await told.as_org(LISHUI_ID).get(url)
    HomeUnitRecommendations.model_validate_json(own.content, strict=True, extra="forbid")
    assert [item["project_id"] for item in own.json()["items"]] == [PROJECT]
    assert own.json()["considered_count"] == 1
    assert "不可见项目" not in own.text
    everything = (await told.as_admin().get(url)).json()
    assert everything["considered_count"] == 2
    assert (await told.as_org(CHENGDU_ID).get(url)).status_code == 404


async def test_both_directions_give_a_pair_the_same_points(told: MatchingUnderTest) -> None:
    (home,) = (await told.recommend(PROJECT))["items"]
    answer = await told.as_admin().get(f"/v1/home-units/{LISHUI_ID}/recommendations")
    (found,) = answer.json()["items"]
    assert (found["points"], found["criteria"]) == (home["points"], home["criteria"])


async def test_losing_a_party_takes_its_sight(told: MatchingUnderTest) -> None:
    told.registry.tell("project.updated", {**the_project(version=2), "party_ids": [OPERATOR]})
    await told.follow()
    url = f"/v1/projects/{PROJECT}/recommendations"
    assert (await told.as_org(LISHUI_ID).get(url)).status_code == 404
    assert (await told.as_org(OPERATOR).get(url)).status_code == 200
    own = (await told.as_org(LISHUI_ID).get(f"/v1/home-units/{LISHUI_ID}/recommendations")).json()
    assert own["considered_count"] == 0


async def test_ended_project_is_neither_ranked_nor_recommended(told: MatchingUnderTest) -> None:
    told.registry.tell("project.stage_changed", the_project(version=2, stage="failed"))
    await told.follow()
    answer = await told.as_admin().get(f"/v1/projects/{PROJECT}/recommendations")
    assert (answer.status_code, answer.json()["code"]) == (409, "project_closed")
    listed = (await told.as_admin().get(f"/v1/home-units/{LISHUI_ID}/recommendations")).json()
    assert listed["considered_count"] == 0
    told.registry.tell("project.stage_changed", the_project(version=3, stage="screening"))
    await told.follow()
    assert (await told.recommend(PROJECT))["feasible_count"] == 1


async def test_what_is_asked_for_is_what_is_answered(told: MatchingUnderTest) -> None:
    await told.put_profile(CHENGDU_ID, OFFER)
    document = await told.recommend(PROJECT, "?limit=1&explain=false&lang=zh&refused_limit=0")
    (item,) = document["items"]
    assert (item["gates"], item["criteria"], document["feasible_count"]) == ([], [], 2)
    assert document["gate_totals"][0]["label"] == {"zh": "项目阶段", "en": None}
    for query in ("limit=0", "limit=101", "lang=fr", "explain=perhaps", "refused_limit=-1", "nonsense=1"):
        refused = await told.as_admin().get(f"/v1/projects/{PROJECT}/recommendations?{query}")
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_parameter")


async def test_scope_is_needed(told: MatchingUnderTest) -> None:
    client = told.as_org(LISHUI_ID, "matching:profiles:read")
    answer = await client.get(f"/v1/projects/{PROJECT}/recommendations")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert (await told.service.anonymous().get("/v1/home-units/x/recommendations")).status_code == 401
