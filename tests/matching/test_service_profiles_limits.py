"""What a home unit states for rounds: quotas, caps, budgets and preferences, and what is refused of them."""

import json
from typing import Any

import pytest
from sqlalchemy import select, update

from services.matching.profiles.models import profile_versions, profiles
from tests.matching.conftest import MatchingUnderTest
from tests.matching.registry_double import LISHUI, home_unit, identifier
from tests.matching.test_service_recommendations import OFFER

LISHUI_ID = identifier("org", "丽水")
URL = f"/v1/home-units/{LISHUI_ID}/profile"
WANTED = [identifier("prj", name) for name in "甲乙丙"]
FUND = {"name": "产业引导基金", "kind": "fund", "remaining_cny": "30000000"}
LIMITS: dict[str, Any] = {
    "quotas": [
        {"period": "2027-Q1", "projects": 2},
        {"period": "2026", "projects": 6, "at_least": 1},
    ],
    "industry_caps": [{"industry": "35", "projects": 0}, {"industry": "27", "projects": 4}],
    "budgets": [
        {
            **FUND,
            "per_project_cap_cny": "5000000.5",
            "supported_fields": ["biotechnology", "27", "biotechnology"],
            "valid_from": "2026-01-01",
            "valid_to": "2026-01-01",
        },
        {"name": "专项政策", "kind": "policy", "remaining_cny": "0"},
    ],
    "preferences": [
        {"project_id": WANTED[1], "priority": 5},
        {"project_id": WANTED[0], "priority": 1, "reason": "与现有产线互补"},
    ],
}


@pytest.fixture
async def known(matching: MatchingUnderTest) -> MatchingUnderTest:
    """A home unit on file, without a profile."""
    matching.registry.tell("organisation.created", home_unit("丽水", LISHUI))
    await matching.follow()
    return matching


async def test_limits_are_read_back_in_their_own_order(known: MatchingUnderTest) -> None:
    own = known.as_org(LISHUI_ID)
    assert (await own.put(URL, json={**OFFER, **LIMITS})).status_code == 201
    read = (await own.get(URL)).json()
    assert read["quotas"] == [
        {"period": "2026", "projects": 6, "at_least": 1},
        {"period": "2027-Q1", "projects": 2, "at_least": 0},
    ]
    assert read["industry_caps"] == [{"industry": "27", "projects": 4}, {"industry": "35", "projects": 0}]
    policy, fund = read["budgets"]
    assert policy == {
        "name": "专项政策",
        "kind": "policy",
        "remaining_cny": "0.00",
        "per_project_cap_cny": None,
        "supported_fields": None,
        "valid_from": None,
        "valid_to": None,
    }
    assert (fund["per_project_cap_cny"], fund["supported_fields"]) == ("5000000.50", ["biotechnology", "27"])
    assert [wish["priority"] for wish in read["preferences"]] == [1, 5]
    assert read["preferences"][0]["reason"] == "与现有产线互补"


async def test_the_same_in_another_order_changes_nothing(known: MatchingUnderTest) -> None:
    own = known.as_org(LISHUI_ID)
    await own.put(URL, json=LIMITS)
    turned = {name: entries[::-1] for name, entries in LIMITS.items()}
    same = await own.put(URL, json=turned, headers={"if-match": '"1"'})
    assert (same.status_code, same.headers["etag"]) == (200, '"1"')
    left_out = await own.put(URL, json={**LIMITS, "quotas": []}, headers={"if-match": '"1"'})
    assert (left_out.json()["quotas"], left_out.headers["etag"]) == ([], '"2"')
    gone = await own.put(URL, json={}, headers={"if-match": '"2"'})
    assert [gone.json()[name] for name in LIMITS] == [None] * 4


async def test_the_event_carries_limits_to_the_home_unit_alone(known: MatchingUnderTest) -> None:
    await known.put_profile(LISHUI_ID, OFFER)
    await known.put_profile(LISHUI_ID, {**OFFER, **LIMITS})
    await known.service.sequence()
    event = (await known.as_org(LISHUI_ID).get("/v1/events")).json()["items"][-1]
    assert event["data"]["changed"] == sorted(LIMITS)
    assert event["data"]["previous"] == dict.fromkeys(LIMITS)
    assert event["data"]["object"]["quotas"][0]["period"] == "2026"
    assert (await known.as_org(identifier("org", "别家")).get("/v1/events")).json()["items"] == []
    assert (await known.as_org(identifier("org", "别家")).get(URL)).status_code == 404
    assert (await known.as_admin().get(URL)).json()["budgets"][1]["name"] == FUND["name"]


async def test_versions_from_before_there_were_limits_read_as_not_known(known: MatchingUnderTest) -> None:
    own = known.as_org(LISHUI_ID)
    await own.put(URL, json=OFFER)
    database = known.service.app.state.service.database
    async with database.write() as tx:
        kept = (await tx.row(select(profile_versions.c.profile)))["profile"]
        old = {name: value for name, value in kept.items() if name not in LIMITS}
        assert len(old) == len(kept) - len(LIMITS)
        await tx.execute(update(profile_versions).values(profile=old))
        assert (await tx.row(select(profiles.c.quotas)))["quotas"] is None
    (version,) = (await own.get(f"{URL}/versions")).json()["items"]
    assert [version["profile"][name] for name in LIMITS] == [None] * 4
    assert version["profile"]["available_space_m2"] == OFFER["available_space_m2"]


def quota(**fields: Any) -> dict[str, Any]:
    return {"quotas": [{"period": "2026", "projects": 1, **fields}]}


def budget(**fields: Any) -> dict[str, Any]:
    return {"budgets": [{**FUND, **fields}]}


def wish(**fields: Any) -> dict[str, Any]:
    return {"preferences": [{"project_id": WANTED[0], "priority": 1, **fields}]}


def cap(industry: str, projects: Any = 1) -> dict[str, Any]:
    return {"industry_caps": [{"industry": industry, "projects": projects}]}


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"quotas": quota()["quotas"] * 2}, "duplicate_entry", "/quotas/1/period"),
    ({"industry_caps": cap("27")["industry_caps"] * 2}, "duplicate_entry", "/industry_caps/1/industry"),
    ({"budgets": [FUND, {**FUND, "kind": "policy"}]}, "duplicate_entry", "/budgets/1/name"),
    (
        {"preferences": [*wish()["preferences"], *wish(priority=2)["preferences"]]},
        "duplicate_entry",
        "/preferences/1/project_id",
    ),
    (cap("98"), "unknown_industry", "/industry_caps/0/industry"),
    (cap("00"), "unknown_industry", "/industry_caps/0/industry"),
    (budget(supported_fields=["27", "9800"]), "unknown_industry", "/budgets/0/supported_fields/1"),
    ({"leading_industries": ["magic"]}, "unknown_industry", "/leading_industries/0"),
    ({"policy_supported_fields": ["991"]}, "unknown_industry", "/policy_supported_fields/0"),
    (quota(at_least=2), "lower_quota_above_quota", "/quotas/0/at_least"),
    (
        budget(valid_from="2026-02-01", valid_to="2026-01-31"),
        "invalid_period",
        "/budgets/0/valid_to",
    ),
    ({"weights": {"talent": 0}}, "weights_all_zero", ""),
]
MALFORMED: list[dict[str, Any]] = [
    quota(period="2026-Q5"),
    quota(period="2026-H3"),
    quota(period="1999"),
    quota(period="2026 x"),
    quota(period="２０２６"),
    quota(projects=-1),
    quota(projects=1.5),
    quota(projects=True),
    quota(projects="1"),
    quota(projects=None),
    quota(projects=10**30),
    quota(at_least=-1),
    cap("C"),
    cap("2710"),
    cap("２７"),
    cap("27", -1),
    budget(remaining_cny="-1"),
    budget(remaining_cny="NaN"),
    budget(remaining_cny=1),
    budget(remaining_cny="1e400"),
    budget(remaining_cny="9" * 14),
    budget(per_project_cap_cny="Infinity"),
    budget(kind="loan"),
    budget(name=" "),
    budget(valid_to="9999-12-31"),
    budget(supported_fields=["C2710"]),
    wish(priority=0),
    wish(priority=6),
    wish(project_id="丙"),
    wish(reason="因" * 501),
    wish(why="?"),
    {"quotas": [{"period": f"20{n:02}", "projects": 1} for n in range(41)]},
]
RAW = ['{"available_space_m2": NaN}', '{"available_space_m2": 1e400}', '{"available_space_m2": -Infinity}']
RAW += ['{"quotas": [{"period": "2026", "projects": 1e400}]}', '{"weights": {"talent": NaN}}']


async def test_what_contradicts_itself_is_refused_where_it_stands(known: MatchingUnderTest) -> None:
    own = known.as_org(LISHUI_ID)
    for body, code, pointer in REFUSED:
        for answer in (await own.put(URL, json=body), await own.post(f"{URL}:preview", json=body)):
            problem = answer.json()
            assert (answer.status_code, problem["code"]) == (409, code), body
            assert [entry["pointer"] for entry in problem.get("errors", [])] == ([pointer] if pointer else [])
            assert FUND["name"] not in answer.text
    assert (await own.get(URL)).status_code == 404


async def test_what_is_malformed_is_refused_and_nothing_is_kept(known: MatchingUnderTest) -> None:
    own = known.as_org(LISHUI_ID)
    for text in (*(json.dumps(body) for body in MALFORMED), *RAW):
        sent = {"content": text, "headers": {"content-type": "application/json"}}
        for answer in (await own.put(URL, **sent), await own.post(f"{URL}:preview", **sent)):
            assert answer.status_code in ((400, 422) if text in RAW else (422,)), (text, answer.text)
    assert (await own.get(URL)).status_code == 404
    assert (await own.get(f"{URL}/versions")).json()["items"] == []
