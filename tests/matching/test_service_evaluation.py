"""Evaluations, feedback and proposed weights through HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.matching.evaluation import feedback
from services.matching.evaluation.schemas import EvaluationRead, FeedbackRead, WeightProposalRead
from shared.clock import today
from tests.matching.conftest import MatchingUnderTest
from tests.matching.landing_histories import days_ago, tell_admission, tell_landing
from tests.matching.registry_double import (
    CHENGDU,
    LISHUI,
    SHANGHAI,
    RegistryDouble,
    enclave,
    home_unit,
    identifier,
    project,
)
from tests.matching.test_service_recommendations import OFFER

LISHUI_ID, CHENGDU_ID = identifier("org", "丽水"), identifier("org", "成都")
OPERATOR_ID = identifier("org", "运营商")
ENCLAVE_ID = identifier("enc", "张江飞地")
PROPOSALS = f"/v1/home-units/{LISHUI_ID}/weight-proposals"
KINDS = ("backtest", "calibration", "placebo")


async def evaluate(matching: MatchingUnderTest, kind: str, **body: Any) -> dict[str, Any]:
    answer = await matching.as_admin().post("/v1/evaluations", json={"kind": kind, **body})
    assert answer.status_code == 201, answer.text
    EvaluationRead.model_validate_json(answer.content, extra="forbid")
    document: dict[str, Any] = answer.json()
    assert (await matching.as_admin().get(answer.headers["location"])).json() == document
    return document


def tell_parties(registry: RegistryDouble) -> None:
    registry.tell("organisation.created", home_unit("丽水", LISHUI))
    registry.tell("organisation.created", home_unit("成都", CHENGDU))
    registry.tell("enclave.created", enclave("张江飞地", LISHUI_ID, SHANGHAI))


def tell_admissions(registry: RegistryDouble, count: int, days: int) -> None:
    """Admissions of Lishui on following days, of which every other landed there."""
    for number in range(count):
        admitted = days_ago(days - number)
        landed = admitted + timedelta(days=90) if number % 2 else None
        tell_admission(registry, f"历史项目 {number}", LISHUI_ID, ENCLAVE_ID, admitted, landed)


# -- reports


async def test_an_empty_history_has_no_figures_and_says_why(matching: MatchingUnderTest) -> None:
    calibration = (await evaluate(matching, "calibration"))["calibration"]
    assert (calibration["verdict"], calibration["reasons"]) == ("abstain", ["no_later_cohort"])
    assert (calibration["ece"], calibration["bins"], calibration["home_units"]) == (None, [], [])
    backtest = (await evaluate(matching, "backtest"))["backtest"]
    assert backtest["landed"] == {
        "n": 0,
        "refused": 0,
        **dict.fromkeys(("hit_at_1", "hit_at_3", "hit_at_10", "mean_reciprocal_rank")),
    }


async def test_a_history_too_young_is_all_censored(matching: MatchingUnderTest) -> None:
    tell_parties(matching.registry)
    tell_admissions(matching.registry, 12, 400)
    await matching.follow()
    for kind in ("calibration", "backtest"):
        document = (await evaluate(matching, kind))[kind]
        assert document["censored"] == 12
    assert (await evaluate(matching, "calibration"))["calibration"]["home_units"] == []
    earlier = today() - timedelta(days=500)
    calibration = await evaluate(matching, "calibration", as_of=earlier.isoformat())
    assert calibration["calibration"]["censored"] == 0


async def test_one_home_unit_abstains_with_its_counts(matching: MatchingUnderTest) -> None:
    tell_parties(matching.registry)
    tell_admissions(matching.registry, 12, 1200)
    tell_admission(matching.registry, "无飞地", LISHUI_ID, None, days_ago(1500))
    await matching.follow()
    calibration = (await evaluate(matching, "calibration"))["calibration"]
    assert (calibration["verdict"], calibration["left_out"]) == ("abstain", 1)
    (entry,) = calibration["home_units"]
    assert (entry["home_unit_id"], entry["admitted"], entry["landed"]) == (LISHUI_ID, 12, 6)
    assert (entry["probability"], entry["reasons"]) == (None, ["too_few_in_network", "not_calibrated"])


async def test_a_backtest_ranks_where_projects_went_and_not_by_their_enclave(
    matching: MatchingUnderTest,
) -> None:
    tell_parties(matching.registry)
    tell_admissions(matching.registry, 8, 1200)
    tell_landing(matching.registry, "历史项目 0", CHENGDU_ID, days_ago(1000))
    unreadable = {"space_m2": -5.0}
    tell_admission(matching.registry, "读不懂", LISHUI_ID, ENCLAVE_ID, days_ago(1300), needs=unreadable)
    await matching.follow()
    await matching.put_profile(LISHUI_ID, OFFER)
    await matching.put_profile(CHENGDU_ID, {**OFFER, "accepted_plant_classes": ["office"]})
    document = await evaluate(matching, "backtest", seed=3)
    landed, not_landed = document["backtest"]["landed"], document["backtest"]["not_landed"]
    assert (landed["n"], landed["refused"], not_landed["n"], not_landed["refused"]) == (5, 1, 3, 0)
    assert document["backtest"]["left_out"] == 1
    assert landed["hit_at_1"]["value"] == 0.8
    assert not_landed["hit_at_10"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert "不是照推荐去做会多落地多少" in str(document["meaning"])
    again = await evaluate(matching, "backtest", seed=3)
    assert again["backtest"] == document["backtest"]
    assert again["id"] != document["id"]


async def test_the_placebo_market_unmasks_the_naive_estimate(matching: MatchingUnderTest) -> None:
    found = (await evaluate(matching, "placebo", seed=0))["placebo"]
    assert found["naive"]["low"] > 0.2
    assert (found["naive"]["contains_zero"], found["ipw"]["contains_zero"]) == (False, True)
    assert found["self_normalised"]["contains_zero"]


async def test_reports_are_for_network_reach_only(matching: MatchingUnderTest) -> None:
    tell_parties(matching.registry)
    await matching.follow()
    made = await evaluate(matching, "placebo")
    client = matching.as_org(LISHUI_ID)
    for answer in (
        await client.post("/v1/evaluations", json={"kind": "placebo"}),
        await client.get("/v1/evaluations"),
        await client.get(f"/v1/evaluations/{made['id']}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    await evaluate(matching, "calibration")
    listed = (await matching.as_admin().get("/v1/evaluations?kind=placebo")).json()
    assert listed["items"] == [made]
    assert (await matching.as_admin().get("/v1/evaluations/eva_unknown")).status_code == 404


async def test_what_cannot_be_judged_is_refused_without_effect(matching: MatchingUnderTest) -> None:
    client, tomorrow = matching.as_admin(), (today() + timedelta(days=1)).isoformat()
    for body, status in (
        ({"kind": "placebo", "as_of": tomorrow}, 409),
        ({"kind": "prophecy"}, 422),
        ({"kind": "placebo", "horizon_months": 12}, 422),
        ({"kind": "placebo", "seed": -1}, 422),
        ({"kind": "placebo", "seed": 2**31}, 422),
        ({"kind": "backtest", "as_of": "0001-01-01"}, 422),
    ):
        assert (await client.post("/v1/evaluations", json=body)).status_code == status, body
    for kind in KINDS:
        assert (await evaluate(matching, kind, as_of="1900-01-01"))["as_of"] == "1900-01-01"
    assert len((await client.get("/v1/evaluations")).json()["items"]) == len(KINDS)


async def test_a_repeated_request_makes_one_report(matching: MatchingUnderTest) -> None:
    client, headers = matching.as_admin(), {"idempotency-key": "once"}
    first = await client.post("/v1/evaluations", json={"kind": "placebo"}, headers=headers)
    again = await client.post("/v1/evaluations", json={"kind": "placebo"}, headers=headers)
    assert first.json() == again.json()
    assert len((await client.get("/v1/evaluations")).json()["items"]) == 1


# -- feedback


@dataclass(frozen=True)
class Answer:
    """An answer to an offer, as the rounds will tell it."""

    project_id: str
    home_unit_id: str
    decision: Any
    reason: str | None = None
    round_id: str = "rnd_1"
    decided_at: datetime = datetime(2026, 10, 1, tzinfo=UTC)


def answered(monkeypatch: pytest.MonkeyPatch, outcomes: Sequence[Answer]) -> None:
    async def told(session: Any) -> Sequence[Answer]:
        return outcomes

    monkeypatch.setattr(feedback, "offer_outcomes", told)


async def read_feedback(client: Any) -> dict[str, Any]:
    answer = await client.get("/v1/evaluations/feedback")
    assert answer.status_code == 200, answer.text
    FeedbackRead.model_validate_json(answer.content, extra="forbid")
    document: dict[str, Any] = answer.json()
    return document


async def test_feedback_shows_each_home_unit_its_own(
    matching: MatchingUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_parties(matching.registry)
    tell_admissions(matching.registry, 4, 300)
    await matching.follow()
    answered(
        monkeypatch,
        [
            Answer("prj_1", LISHUI_ID, "accepted"),
            Answer("prj_2", LISHUI_ID, "refused", "space_too_small"),
            Answer("prj_3", LISHUI_ID, "refused", None),
            Answer("prj_4", LISHUI_ID, "refused", "space_too_small"),
            Answer("prj_5", CHENGDU_ID, "expired"),
        ],
    )
    everything = await read_feedback(matching.as_admin())
    lishui = {
        "home_unit_id": LISHUI_ID,
        "offered": 4,
        "accepted": 1,
        "refused": 3,
        "expired": 0,
        "refusals": [{"reason": "space_too_small", "count": 2}, {"reason": None, "count": 1}],
        "admitted": 4,
        "landed": 2,
    }
    assert [entry["home_unit_id"] for entry in everything["items"]] == sorted((LISHUI_ID, CHENGDU_ID))
    assert lishui in everything["items"]
    assert {name: everything["total"][name] for name in ("offered", "expired", "landed")} == {
        "offered": 5,
        "expired": 1,
        "landed": 2,
    }
    assert await read_feedback(matching.as_org(LISHUI_ID)) == {"items": [lishui], "total": None}
    assert await read_feedback(matching.as_org(OPERATOR_ID)) == {"items": [], "total": None}


# -- proposed weights


async def weighed(matching: MatchingUnderTest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Lishui accepts projects of its industry and refuses the others; return what is proposed to it."""
    tell_parties(matching.registry)
    outcomes = []
    for number in range(24):
        fits = number % 2 == 0
        code = "3581" if fits else "0111"
        record = project(f"报价项目 {number}", LISHUI_ID, industry_codes=[code])
        matching.registry.tell("project.created", record)
        outcomes.append(Answer(record["id"], LISHUI_ID, "accepted" if fits else "refused"))
        outcomes.append(Answer(record["id"], CHENGDU_ID, "refused"))
    strange = project("未来的阶段", LISHUI_ID, stage="a_stage_of_tomorrow")
    matching.registry.tell("project.created", strange)
    outcomes += [Answer(unread, LISHUI_ID, "accepted") for unread in (strange["id"], "prj_unknown")]
    await matching.follow()
    await matching.put_profile(LISHUI_ID, OFFER)
    answered(monkeypatch, outcomes)
    answer = await matching.as_org(LISHUI_ID).post(PROPOSALS, json={})
    assert answer.status_code == 201, answer.text
    WeightProposalRead.model_validate_json(answer.content, extra="forbid")
    document: dict[str, Any] = answer.json()
    return document


async def decide(client: Any, proposal: dict[str, Any], verb: str, **body: Any) -> Any:
    headers = {"if-match": f'"{proposal["version"]}"'}
    return await client.post(f"{PROPOSALS}/{proposal['id']}:{verb}", headers=headers, json=body or None)


async def test_accepted_weights_become_a_version_of_the_profile(
    matching: MatchingUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = await weighed(matching, monkeypatch)
    evidence = {entry["criterion"]: entry for entry in proposal["evidence"]}
    industry = evidence["industry_fit"]
    assert (industry["accepted"], industry["refused"], industry["low"] > 0) == (12, 12, True)
    assert (industry["weight"], industry["proposed"]) == (320, 384)
    assert evidence["track_record"]["difference"] is None
    assert sum(proposal["weights"].values()) == 1000
    client, url = matching.as_org(LISHUI_ID), f"/v1/home-units/{LISHUI_ID}/profile"
    before = (await client.get(url)).json()
    assert before["weights"] is None
    assert (await decide(matching.as_admin(), proposal, "accept")).status_code == 403
    assert (await decide(matching.as_org(CHENGDU_ID), proposal, "accept")).status_code == 404
    answer = await decide(client, proposal, "accept")
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    after = (await client.get(url)).json()
    assert (after["weights"], after["version"]) == (proposal["weights"], 2)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"weights", "version", "updated_at"}
    again = await decide(client, answer.json(), "decline", reason="反悔")
    assert (again.status_code, again.json()["code"]) == (409, "weight_proposal_not_open")
    assert (await client.get(f"{PROPOSALS}/{proposal['id']}")).json() == answer.json()


async def events_of(matching: MatchingUnderTest, client: Any) -> list[dict[str, Any]]:
    await matching.service.sequence()
    found: list[dict[str, Any]] = (await client.get("/v1/events?types=weight_proposal.*")).json()["items"]
    return found


async def test_its_home_unit_is_told_of_a_proposal_and_nobody_else(
    matching: MatchingUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = await weighed(matching, monkeypatch)
    declined = (await decide(matching.as_org(LISHUI_ID), proposal, "decline", reason="暂不调整")).json()
    for client in (matching.as_org(LISHUI_ID), matching.as_admin()):
        made, decided = await events_of(matching, client)
        assert (made["type"], made["data"]["object"]) == ("weight_proposal.created", proposal)
        assert made["subject"]["url"] == f"{PROPOSALS}/{proposal['id']}"
        assert (decided["type"], decided["data"]["object"]) == ("weight_proposal.decided", declined)
        assert (decided["subject"]["version"], decided["data"]["previous"]["status"]) == (2, "open")
    assert await events_of(matching, matching.as_org(CHENGDU_ID)) == []
    assert await events_of(matching, matching.as_org(OPERATOR_ID)) == []


async def test_a_proposal_that_is_not_kept_is_not_told_of(
    matching: MatchingUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await weighed(matching, monkeypatch)
    client, headers = matching.as_org(LISHUI_ID), {"idempotency-key": "once"}
    for _ in range(2):
        assert (await client.post(PROPOSALS, json={"seed": 5}, headers=headers)).status_code == 201
    assert (await client.post(PROPOSALS, json={"seed": -1})).status_code == 422
    assert len(await events_of(matching, client)) == 2


async def test_a_declined_or_outdated_proposal_changes_nothing(
    matching: MatchingUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = await weighed(matching, monkeypatch)
    client, url = matching.as_org(LISHUI_ID), f"/v1/home-units/{LISHUI_ID}/profile"
    other = (await matching.as_admin().post(PROPOSALS, json={"seed": 9})).json()
    declined = (await decide(client, proposal, "decline", reason="暂不调整")).json()
    assert (declined["status"], declined["decision_reason"]) == ("declined", "暂不调整")
    assert (await client.get(url)).json()["version"] == 1
    stale = await decide(client, {**other, "version": 7}, "accept")
    assert stale.status_code == 412
    await matching.put_profile(LISHUI_ID, {**OFFER, "talent_count": 101})
    answer = await decide(client, other, "accept")
    assert (answer.status_code, answer.json()["code"]) == (409, "weight_proposal_outdated")
    assert (await client.get(url)).json()["weights"] is None
    listed = (await client.get(f"{PROPOSALS}?status=open")).json()["items"]
    assert [entry["id"] for entry in listed] == [other["id"]]
    assert (await matching.as_org(CHENGDU_ID).get(PROPOSALS)).status_code == 404


async def test_without_answers_nothing_is_proposed(matching: MatchingUnderTest) -> None:
    tell_parties(matching.registry)
    await matching.follow()
    client = matching.as_org(LISHUI_ID)
    assert (await client.post(PROPOSALS, json={})).status_code == 404
    await matching.put_profile(LISHUI_ID, OFFER)
    proposal = (await client.post(PROPOSALS, json={})).json()
    assert (proposal["status"], proposal["weights"]) == ("nothing_proposed", None)
    answer = await decide(client, proposal, "accept")
    assert (answer.status_code, answer.json()["code"]) == (409, "weight_proposal_not_open")
