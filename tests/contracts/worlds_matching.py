"""A project shown to one home unit, and that home unit's profile."""

import httpx2

from tests.contracts.worlds import CONSUMER, DELETED, World, make_consumer
from tests.matching.conftest import MatchingUnderTest
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
from tests.matching.rounds_world import OFFER

BY_THE_ADMINISTRATION = (
    "createRound",
    "updateRound",
    "freezeRound",
    "runRound",
    "offerRound",
    "rerunRound",
    "publishRound",
    "cancelRound",
    "getRoundCertificate",
    "verifyRound",
    "askRoundWhatIf",
    "askRoundCounterfactual",
    "compareRound",
    "replayRoundLottery",
)
PROFILE = {"leading_industries": ["3581"], "remaining_budget_cny": "7654321.00"}


BY_NETWORK_REACH = frozenset(
    {
        "createEvaluation",
        "listEvaluations",
        "getEvaluation",
        "refreshRecommendations",
        "getRecommendationRun",
        *BY_THE_ADMINISTRATION,
    }
)


async def build(matching: MatchingUnderTest, registry: RegistryDouble) -> World:
    home, other, team = (identifier("org", name) for name in ("丽水", "成都", "团队"))
    registry.tell("organisation.created", home_unit("丽水", LISHUI))
    registry.tell("organisation.created", home_unit("成都", CHENGDU))
    place = enclave("示例科创飞地", home, SHANGHAI)
    registry.tell("enclave.created", place)
    ours = project("柔性电极", home, team, enclave_id=place["id"])
    registry.tell("project.created", ours)
    registry.tell("project.created", project("别家项目", other))
    await matching.follow()
    await matching.put_profile(home, PROFILE)
    await matching.put_profile(other, {"leading_industries": ["3581"]})
    rounds = await rounds_of(matching.as_admin(), matching, home, ours["id"])
    await matching.put_profile(home, PROFILE)
    run = await matching.as_admin().post("/v1/recommendations:refresh")
    await matching.service.sequence()
    await make_consumer(matching.service.as_org(home))
    report = await matching.as_admin().post("/v1/evaluations", json={"kind": "placebo"})
    proposals = f"/v1/home-units/{home}/weight-proposals"
    proposal = await matching.as_org(home).post(proposals, json={})
    return World(
        service=matching.service,
        ids={
            "project_id": ours["id"],
            "home_unit_id": home,
            "evaluation_id": report.json()["id"],
            "proposal_id": proposal.json()["id"],
            "run_id": run.json()["id"],
            "name": CONSUMER,
            **rounds,
        },
        bodies={
            "putHomeUnitProfile": {"leading_industries": ["2710"]},
            "explainRoundPlace": {"project_id": ours["id"]},
            "askRoundCounterfactual": {"project_id": ours["id"], "home_unit_id": home},
            "askRoundWhatIf": {},
            "compareRound": {"other_round_id": rounds["round_id"]},
            "replayRoundLottery": {"replays": 1},
            "refuseOffer": {"side": "home_unit", "reason": "capacity"},
            "previewHomeUnitProfile": {"leading_industries": ["2710"]},
            "recommendHomeUnitsInBatch": {"project_ids": [ours["id"]]},
            "explainWhatWouldChange": {"home_unit_id": home},
        },
        paths=DELETED,
        reach=BY_NETWORK_REACH,
        queries={"streamEvents": "after=earliest"},
        secrets=frozenset(
            {ours["id"], ours["title"], "7654321", CONSUMER, report.json()["id"], rounds["round_id"]}
        ),
        party=home,
        markers={"foreign": other},
        outsiders={
            "foreign": other,
            "sibling": identifier("org", "同城运营商"),
            "without organisation": None,
        },
    )


async def rounds_of(
    admin: httpx2.AsyncClient, matching: MatchingUnderTest, home: str, project_id: str
) -> dict[str, str]:
    """A round that has offered the project to the home unit; return the ids of both."""
    await matching.put_profile(home, {**OFFER, "accepted_stages": ["screening"]})
    chosen = {"project_ids": [project_id], "only_named": True}
    quotas = [{"home_unit_id": home, "projects": 1}]
    body = {
        "name": "示例轮次",
        "period": "2027",
        "projects": chosen,
        "home_unit_ids": [home],
        "quotas": quotas,
    }
    made = (await admin.post("/v1/rounds", json={**body, "home_unit_ids": [home]})).json()
    for action in ("freeze", "run", "offer"):
        headers = {"idempotency-key": action}
        answer = await admin.post(f"/v1/rounds/{made['id']}:{action}", headers=headers)
        assert answer.status_code == 200, answer.text
        if action == "run":
            assert await matching.service.app.state.service.extra["rounds"].runs.run_once() == 1
    (offer,) = (await admin.get(f"/v1/rounds/{made['id']}/offers")).json()["items"]
    return {"round_id": made["id"], "offer_id": offer["id"]}


async def make_draft(admin: httpx2.AsyncClient) -> str:
    """A round that is still a draft; return its id."""
    made = (await admin.post("/v1/rounds", json={"name": "下一轮", "period": "2027-H2"})).json()
    return str(made["id"])
