"""What a profile would change, through HTTP: figures, moves, warnings, and that nothing happens."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select

from services.matching import tables
from services.matching.engine.scoring.criteria import CRITERIA
from services.matching.recommendations.cautions import last_day
from services.matching.recommendations.change_schemas import ProfilePreview
from tests.matching.conftest import MatchingUnderTest
from tests.matching.registry_double import LISHUI, SHANGHAI, enclave, home_unit, identifier, project
from tests.matching.test_service_recommendations import OFFER

LISHUI_ID, OTHER_ID = identifier("org", "丽水"), identifier("org", "别家")
URL = f"/v1/home-units/{LISHUI_ID}/profile"
PREVIEW = f"{URL}:preview"
NEEDS = {"plant_class": "clean_room", "space_m2": 800.0, "fund_amount_cny": "3000000.00"}


def candidate(title: str, *parties: str, **needs: Any) -> dict[str, Any]:
    site = identifier("enc", "张江飞地")
    return project(title, *(parties or (LISHUI_ID,)), enclave_id=site, needs={**NEEDS, **needs})


@pytest.fixture
async def told(matching: MatchingUnderTest) -> MatchingUnderTest:
    """Four projects shown to Lishui, one that is not; Lishui has a profile."""
    tell = matching.registry.tell
    tell("organisation.created", home_unit("丽水", LISHUI))
    tell("organisation.created", home_unit("别家"))
    tell("enclave.created", enclave("张江飞地", LISHUI_ID, SHANGHAI))
    tell("project.created", candidate("小", space_m2=400.0))
    tell("project.created", candidate("中", space_m2=2000.0))
    tell("project.created", candidate("大", space_m2=7000.0))
    tell("project.created", candidate("贵", fund_amount_cny="9000000.00"))
    tell("project.created", candidate("别人的", OTHER_ID))
    await matching.follow()
    await matching.put_profile(LISHUI_ID, OFFER)
    return matching


async def preview(matching: MatchingUnderTest, profile: dict[str, Any], **options: Any) -> dict[str, Any]:
    client = options.get("client") or matching.as_org(LISHUI_ID)
    answer = await client.post(PREVIEW, json=profile)
    assert answer.status_code == 200, answer.text
    ProfilePreview.model_validate_json(answer.content, strict=True, extra="forbid")
    document: dict[str, Any] = answer.json()
    return document


def titles(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["project_title"] for entry in entries]


async def test_more_space_and_a_lower_cap_gain_and_lose_projects(told: MatchingUnderTest) -> None:
    await told.put_profile(LISHUI_ID, {**OFFER, "max_fund_amount_cny": "10000000"})
    found = await preview(told, {**OFFER, "available_space_m2": 20000})
    assert found["changed"] == ["available_space_m2", "max_fund_amount_cny"]
    assert (found["profile_version"], found["considered_count"]) == (2, 4)
    assert [found[side]["feasible_count"] for side in ("before", "after")] == [3, 3]
    assert [found[side]["refused_count"] for side in ("before", "after")] == [1, 1]
    by_gate = [
        {entry["gate"]: (entry["passed_count"], entry["failed_count"]) for entry in found[side]["gates"]}
        for side in ("before", "after")
    ]
    assert [gates["space"] for gates in by_gate] == [(3, 1), (4, 0)]
    assert [gates["fund"] for gates in by_gate] == [(4, 0), (3, 1)]
    assert "legal_lock" not in by_gate[0]
    (gained,), (lost,) = found["newly_feasible"]["items"], found["no_longer_feasible"]["items"]
    assert (gained["project_title"], gained["before"]["rank"], gained["rank_change"]) == ("大", None, None)
    assert [(entry["gate"], entry["outcome"]) for entry in gained["before"]["obstacles"]] == [
        ("space", "fail")
    ]
    assert [(entry["gate"], entry["outcome"]) for entry in lost["after"]["obstacles"]] == [("fund", "fail")]
    assert (lost["project_title"], lost["after"]["rank"], lost["before"]["rank"] is None) == (
        "贵",
        None,
        False,
    )


async def test_weights_move_ranks_as_the_recommendations_then_say(told: MatchingUnderTest) -> None:
    roomy = {**OFFER, "available_space_m2": 8000, "max_fund_amount_cny": "9500000"}
    await told.put_profile(LISHUI_ID, {**roomy, "weights": {"plant_and_space": 1}})
    changed = {**roomy, "weights": {"fund_within_caps": 3, "plant_and_space": 1}}
    found = await preview(told, changed)
    before, after = found["before"]["items"], found["after"]["items"]
    assert titles(before)[-1] == "大"
    assert titles(after)[-1] == "贵"
    (up,) = (entry for entry in after if entry["project_title"] == "大")
    assert up["rank_change"] == up["before"]["rank"] - up["after"]["rank"] == 1
    await told.put_profile(LISHUI_ID, changed)
    said = (await told.as_org(LISHUI_ID).get(f"/v1/home-units/{LISHUI_ID}/recommendations")).json()["items"]
    assert [(entry["project_id"], entry["after"]["points"]) for entry in after] == [
        (entry["project_id"], entry["points"]) for entry in said
    ]


async def test_a_first_profile_is_compared_with_knowing_nothing(told: MatchingUnderTest) -> None:
    url = f"/v1/home-units/{OTHER_ID}/profile:preview"
    answer = (await told.as_org(OTHER_ID).post(url, json=OFFER)).json()
    assert answer["profile_version"] is None
    assert answer["changed"] == sorted(OFFER)
    assert (answer["before"]["open_count"], answer["after"]["feasible_count"]) == (1, 1)
    assert titles(answer["newly_feasible"]["items"]) == ["别人的"]
    assert (await preview(told, OFFER))["changed"] == []


async def test_a_preview_changes_nothing(told: MatchingUnderTest) -> None:
    database = told.service.app.state.service.database

    async def counts() -> dict[str, int]:
        async with database.read() as session:
            return {
                table.name: (await session.row(select(func.count().label("n")).select_from(table)))["n"]
                for table in tables.metadata.sorted_tables
            }

    own, url = told.as_org(LISHUI_ID), f"/v1/home-units/{LISHUI_ID}/recommendations"
    rows, profile = await counts(), (await own.get(URL)).content
    facts = ("items", "open_items", "refused_items", "gate_totals", "directory_revision")
    before = (await own.get(url)).json()
    unheard = {"description": "从未有人写过的词语", "available_space_m2": 1, "weights": {"talent": 1}}
    await own.post(PREVIEW, json=unheard, headers={"idempotency-key": "twice"})
    after = (await own.get(url)).json()
    assert [after[name] for name in facts] == [before[name] for name in facts]
    assert (await own.get(URL)).content == profile
    assert await counts() == rows


async def test_only_projects_the_caller_may_see_are_told(told: MatchingUnderTest) -> None:
    hidden = identifier("prj", "别人的")
    wishes = {"preferences": [{"project_id": hidden, "priority": 1}]}
    missing = {"preferences": [{"project_id": identifier("prj", "没有这个"), "priority": 1}]}
    answers = []
    for wish in (wishes, missing):
        answer = await told.as_org(LISHUI_ID).post(PREVIEW, json={**OFFER, **wish})
        assert "别人的" not in answer.text
        assert hidden not in answer.text
        answers.append({**answer.json(), "lag_seconds": None})
    assert answers[0] == answers[1]
    whole = await preview(told, {**OFFER, **wishes}, client=told.as_admin())
    assert whole["considered_count"] == 5
    codes = [{entry["code"] for entry in answer["warnings"]} for answer in (answers[0], whole)]
    assert ["preference_without_project" in found for found in codes] == [True, False]
    for client, status in (
        (told.as_org(OTHER_ID), 404),
        (told.as_org(LISHUI_ID, "matching:profiles:write"), 403),
        (told.service.anonymous(), 401),
    ):
        assert (await client.post(PREVIEW, json=OFFER)).status_code == status
    unknown = f"/v1/home-units/{identifier('org', '没有')}/profile:preview"
    assert (await told.as_admin().post(unknown, json=OFFER)).status_code == 404


WARNED: list[tuple[dict[str, Any], str, list[str]]] = [
    (
        {"weights": {**dict.fromkeys(CRITERIA, 1000), "distance": 1, "talent": 0}},
        "criterion_without_effect",
        ["distance", "talent"],
    ),
    ({"talent_count": None}, "criterion_without_facts", ["talent"]),
    ({"quotas": [{"period": "2090", "projects": 0}]}, "quota_zero", ["2090"]),
    ({"quotas": [{"period": "2020-H1", "projects": 3}]}, "quota_in_past", ["2020-H1"]),
    (
        {"quotas": [{"period": "2090", "projects": 9, "at_least": 3}]},
        "lower_quota_out_of_reach",
        ["2090"],
    ),
    (
        {"budgets": [{"name": "旧基金", "kind": "fund", "remaining_cny": "1", "valid_to": "2020-12-31"}]},
        "budget_over",
        ["旧基金"],
    ),
    ({"budgets": [{"name": "空", "kind": "fund", "remaining_cny": "0.00"}]}, "budget_empty", ["空"]),
    (
        {"budgets": [{"name": "大", "kind": "policy", "remaining_cny": "40000000.01"}]},
        "budgets_above_total",
        [],
    ),
    (
        {"preferences": [{"project_id": identifier("prj", "大"), "priority": 1}]},
        "preference_not_feasible",
        [identifier("prj", "大")],
    ),
    ({"industry_caps": [{"industry": "35", "projects": 0}]}, "leading_industry_capped_at_zero", ["35"]),
    ({"available_space_m2": 0}, "nothing_feasible", []),
]


async def test_warnings_say_what_may_not_have_been_meant(told: MatchingUnderTest) -> None:
    assert [entry["code"] for entry in (await preview(told, OFFER))["warnings"]] == []
    for change, code, about in WARNED:
        warnings = {entry["code"]: entry for entry in (await preview(told, {**OFFER, **change}))["warnings"]}
        assert code in warnings, (change, sorted(warnings))
        if about:
            assert warnings[code]["about"] == about
        assert warnings[code]["text"]["zh"].endswith("。")
        assert warnings[code]["text"]["en"].endswith(".")
    within = {
        "quotas": [{"period": "2090", "projects": 2, "at_least": 2}],
        "budgets": [{"name": "正好", "kind": "policy", "remaining_cny": "40000000"}],
        "preferences": [{"project_id": identifier("prj", "小"), "priority": 1}],
    }
    assert (await preview(told, {**OFFER, **within}))["warnings"] == []


def test_a_period_ends_on_its_last_day() -> None:
    ends = {"2026": (12, 31), "2026-H1": (6, 30), "2026-H2": (12, 31), "2026-Q1": (3, 31)}
    ends |= {"2026-Q2": (6, 30), "2026-Q3": (9, 30), "2026-Q4": (12, 31)}
    assert {period: last_day(period) for period in ends} == {
        period: date(2026, *end) for period, end in ends.items()
    }
