"""Takes a project step by step through its stages, doing at each stage what its guards ask for."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import httpx2

from services.registry.clients.matching import MatchingClient
from services.registry.projects.uscc import check_character
from shared.http import ServiceClient
from tests.registry.project_world import World, make

FEASIBLE = {
    "feasible_count": 2,
    "items": [
        {
            "home_unit_id": "org_01jd3v9w8xk4m7q2r5t6y8z0ab",
            "score": 0.81,
            "criteria": [
                {"criterion": "industry", "score": 0.9, "text": {"zh": "产业相符", "en": "Industries fit"}}
            ],
        }
    ],
}


Respond = Callable[[httpx2.Request], httpx2.Response | Awaitable[httpx2.Response]]


def answer_from_matching(world: World, respond: Respond) -> None:
    """Let matching answer this test with ``respond``."""
    client = ServiceClient("http://matching.test", transport=httpx2.MockTransport(respond), retries=0)
    world.registry.app.state.service.extra["matching"] = MatchingClient(client, pauses_s=())


def matching_finds(world: World, document: dict[str, Any] = FEASIBLE) -> None:
    """Let matching know of every project what registry knows, and answer with ``document``."""

    async def respond(request: httpx2.Request) -> httpx2.Response:
        version = (await world.read_project(request.url.path.split("/")[3]))["version"]
        return httpx2.Response(200, json={"project_version": version, **document})

    answer_from_matching(world, respond)


def valid_code(body: str) -> str:
    """Return the unified social credit code that begins with these seventeen characters."""
    return body + check_character(body)


async def post_step(
    world: World, project_id: str, to: str, client: httpx2.AsyncClient | None = None, **body: Any
) -> httpx2.Response:
    version = (await world.read_project(project_id))["version"]
    return await (client or world.operator).post(
        f"/v1/projects/{project_id}/transitions",
        json={"to": to, **body},
        headers={"if-match": f'"{version}"'},
    )


async def step(world: World, project_id: str, to: str, **body: Any) -> dict[str, Any]:
    answer = await post_step(world, project_id, to, **body)
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()
    return record


def failed_guards(answer: httpx2.Response) -> set[str]:
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition"), answer.text
    return {entry["code"] for entry in answer.json()["errors"]}


async def file_evidence(world: World, project_id: str, kind: str, *, verified: bool = False) -> str:
    path = f"/v1/projects/{project_id}/evidence"
    record = await make(world.operator, path, {"kind": kind, "title": f"示例 {kind}"})
    if verified:
        await make(world.home_unit, f"{path}/{record['id']}:verify", {}, version=1)
    return str(record["id"])


async def apply_for_space(world: World, project_id: str, **fields: Any) -> dict[str, Any]:
    body = {"seats": 4, "starts_on": "2026-01-01", "ends_on": "2028-12-31", **fields}
    return await make(world.operator, f"/v1/projects/{project_id}/residencies", body)


async def sign_commitments(world: World, project_id: str, **fields: Any) -> None:
    commitments = {
        "amount_cny": "50000000.00",
        "start_on": "2026-09-01",
        "annual_output_cny": "80000000.00",
        "annual_tax_cny": "4000000.00",
        "jobs": 120,
    }
    body = {
        "kind": "residency",
        "title": "入驻协议",
        "party_ids": [world.operator_id, world.home_unit_id],
        "project_id": project_id,
        "signed_on": "2026-01-01",
        "commitments": commitments,
        **fields,
    }
    await make(world.operator, "/v1/agreements", body)


async def turn_both_keys(world: World, project_id: str) -> None:
    await make(world.operator, f"/v1/projects/{project_id}/approvals", {})
    await make(world.home_unit, f"/v1/projects/{project_id}/approvals", {"note": "同意"})


async def review(world: World, project_id: str, gate: str, evidence_kind: str, **fields: Any) -> None:
    evidence = await file_evidence(world, project_id, evidence_kind)
    body = {
        "gate": gate,
        "outcome": "passed",
        "held_on": date(2026, 6, 1).isoformat(),
        "evidence_ids": [evidence],
        **fields,
    }
    await make(world.operator, f"/v1/projects/{project_id}/reviews", body)


async def take_up_residency(world: World, project_id: str) -> None:
    [stay] = (await world.operator.get(f"/v1/projects/{project_id}/residencies")).json()["items"]
    path = f"/v1/residencies/{stay['id']}/transitions"
    await make(world.operator, path, {"to": "resident"}, version=stay["version"])


async def move_landing(world: World, landing: dict[str, Any], **body: Any) -> dict[str, Any]:
    path = f"/v1/landings/{landing['id']}/transitions"
    return await make(world.operator, path, body, version=landing["version"])


async def landing_to(world: World, project_id: str, state: str) -> None:
    """Bring the project's landing at the enclave's home unit as far as ``state``, or on to it."""
    listed = (await world.operator.get(f"/v1/landings?project_id={project_id}")).json()["items"]
    if not listed:
        body = {"project_id": project_id, "home_unit_id": world.home_unit_id}
        listed = [await make(world.operator, "/v1/landings", body)]
    landing = listed[0]
    commitments = {
        "amount_cny": "50000000.00",
        "start_on": "2090-09-01",
        "annual_output_cny": "80000000.00",
        "annual_tax_cny": "4000000.00",
        "jobs": 120,
    }
    brings: dict[str, dict[str, Any]] = {
        "signed": {
            "commitments": commitments,
            "compliance": {"reinvestment_percent": 120, "relocation_clause": False},
        },
        "registered": {
            "legal_entity": {
                "name": "示例公司",
                "uscc": valid_code("91331100MA00DEM01"),
                "adcode": "331102",
            }
        },
        "started": {},
        "producing": {"verified_output_cny": "12000000.00"},
        "honoured": {},
    }
    kinds = {
        "registered": ["tax_registration"],
        "started": ["paid_in_capital", "works_start"],
        "producing": ["output_statistics"],
        "honoured": ["fulfilment_report"],
    }
    states = list(brings)
    begin = states.index(landing["state"]) + 1 if landing["state"] in states else 0
    for to in states[begin : states.index(state) + 1]:
        evidence = [await file_evidence(world, project_id, kind, verified=True) for kind in kinds.get(to, [])]
        landing = await move_landing(world, landing, to=to, evidence_ids=evidence, **brings[to])


async def prepare(world: World, project_id: str, to: str) -> None:
    """Do what the guards of the step to ``to`` ask for."""
    if to == "reserve":
        matching_finds(world)
    elif to == "admitted":
        await apply_for_space(world, project_id)
        await sign_commitments(world, project_id)
        await turn_both_keys(world, project_id)
    elif to == "incubation":
        await take_up_residency(world, project_id)
    elif to == "acceleration":
        await review(world, project_id, "acceleration", "gate_review_minutes", annual_grade="A")
    elif to == "rnd":
        await review(world, project_id, "rnd", "gate_review_minutes")
    elif to == "pilot":
        await review(world, project_id, "technology_maturity", "technology_maturity_review")
        place = {"function": "rnd", "adcode": "310112", "starts_on": "2026-01-01"}
        await make(world.operator, f"/v1/projects/{project_id}/function-places", place)
    elif to == "industrialisation":
        await landing_to(world, project_id, "registered")
        await review(world, project_id, "pilot_report", "pilot_report")
    elif to == "completed":
        await landing_to(world, project_id, "honoured")


LADDER = (
    "lead",
    "screening",
    "reserve",
    "admitted",
    "incubation",
    "acceleration",
    "rnd",
    "pilot",
    "industrialisation",
    "completed",
)


async def walk_to(world: World, stage: str, **fields: Any) -> dict[str, Any]:
    """Create a project and bring it to a stage."""
    project = await world.create_project(**fields)
    for to in LADDER[1 : LADDER.index(stage) + 1]:
        await prepare(world, project["id"], to)
        project = await step(world, project["id"], to)
    return project
