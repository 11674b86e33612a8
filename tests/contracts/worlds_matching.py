"""A project shown to one home unit, and that home unit's profile."""

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

PROFILE = {"leading_industries": ["3581"], "remaining_budget_cny": "7654321.00"}


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
        },
        bodies={
            "putHomeUnitProfile": {"leading_industries": ["2710"]},
            "previewHomeUnitProfile": {"leading_industries": ["2710"]},
            "recommendHomeUnitsInBatch": {"project_ids": [ours["id"]]},
            "explainWhatWouldChange": {"home_unit_id": home},
        },
        paths=DELETED,
        reach=frozenset(
            {
                "createEvaluation",
                "listEvaluations",
                "getEvaluation",
                "refreshRecommendations",
                "getRecommendationRun",
            }
        ),
        queries={"streamEvents": "after=earliest"},
        secrets=frozenset({ours["id"], ours["title"], "7654321", CONSUMER, report.json()["id"]}),
        party=home,
        markers={"foreign": other},
        outsiders={
            "foreign": other,
            "sibling": identifier("org", "同城运营商"),
            "without organisation": None,
        },
    )
