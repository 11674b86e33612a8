"""Claims through HTTP: every figure keeps its source, and sources may disagree."""

from typing import Any

import pytest

from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


def area(world: World, value: str, source: str, **fields: Any) -> dict[str, Any]:
    return {
        "subject_type": "enclave",
        "subject_id": world.enclave_id,
        "metric": "area",
        "value": value,
        "unit": "m2",
        "source": source,
        **fields,
    }


async def test_sources_that_disagree_stand_beside_each_other(world: World) -> None:
    first = await make(world.operator, "/v1/claims", area(world, "21000", "东滩智库"))
    second = await make(
        world.home_unit, "/v1/claims", area(world, "20500.5", "招商局年报", as_of="2025-12-31")
    )
    listed = await world.stranger.get(f"/v1/claims?subject_id={world.enclave_id}&metric=area&sort=created_at")
    assert listed.json()["items"] == [first, second]
    assert (first["as_of"], first["stated_by_id"]) == (None, world.operator_id)
    assert second["value"] == "20500.5"


async def test_claim_is_withdrawn_by_who_stated_it_and_stays_readable(world: World) -> None:
    claim = await make(world.operator, "/v1/claims", area(world, "21000", "东滩智库"))
    url = f"/v1/claims/{claim['id']}"
    reason = {"reason": "录入错误"}
    other = await world.home_unit.post(f"{url}:withdraw", json=reason, headers={"if-match": '"1"'})
    assert refusal(other) == (403, "insufficient_scope")
    withdrawn = await make(world.operator, f"{url}:withdraw", reason, version=1)
    assert (withdrawn["state"], withdrawn["value"], withdrawn["withdrawn_reason"]) == (
        "withdrawn",
        "21000",
        "录入错误",
    )
    again = await world.operator.post(f"{url}:withdraw", json=reason, headers={"if-match": '"2"'})
    assert refusal(again) == (409, "claim_withdrawn")
    assert (await world.operator.patch(url, json={"value": "1"})).status_code == 405
    events = await world.events("claim.*")
    assert [event["type"] for event in events] == ["claim.created", "claim.withdrawn"]


async def test_claim_about_a_project_is_read_by_its_parties_only(world: World) -> None:
    project = await world.create_project()
    body = area(world, "5", "运营商月报", subject_type="project", subject_id=project["id"], metric="staff")
    claim = await make(world.operator, "/v1/claims", body)
    assert (await world.home_unit.get(f"/v1/claims/{claim['id']}")).status_code == 200
    assert (await world.stranger.get(f"/v1/claims/{claim['id']}")).status_code == 404
    assert (await world.stranger.get("/v1/claims?subject_type=project")).json()["items"] == []
    assert refusal(await world.stranger.post("/v1/claims", json=body)) == (409, "unknown_subject")


async def test_a_claim_does_not_tell_whether_there_is_what_one_cannot_see(world: World) -> None:
    body = {"name": "网络", "centre_enclave_id": world.enclave_id}
    network = await make(world.admin, "/v1/networks", body)
    for kind, hidden in (("enclave", world.enclave_id), ("network", network["id"])):
        answers = [
            await world.stranger.post(
                "/v1/claims", json=area(world, "1", "东滩智库", subject_type=kind, subject_id=subject)
            )
            for subject in (hidden, hidden[:-1] + ("0" if hidden[-1] != "0" else "1"))
        ]
        assert [refusal(answer) for answer in answers] == [(409, "unknown_subject")] * 2
        same = area(world, "1", "东滩智库", subject_type=kind, subject_id=hidden)
        assert (await make(world.home_unit, "/v1/claims", same))["subject_id"] == hidden


@pytest.mark.parametrize(
    ("subject_type", "subject_id"), [("division", "310000"), ("cluster", "yangtze_river_delta")]
)
async def test_places_have_claims_too(world: World, subject_type: str, subject_id: str) -> None:
    body = area(
        world,
        "35",
        "东滩智库",
        subject_type=subject_type,
        subject_id=subject_id,
        metric="enclaves_hosted",
        unit="enclaves",
        comparator="greater_than",
    )
    assert (await make(world.admin, "/v1/claims", body))["comparator"] == "greater_than"
    assert refusal(await world.admin.post("/v1/claims", json={**body, "subject_id": "999999"})) == (
        409,
        "unknown_subject",
    )


async def test_a_text_may_stand_for_a_value_but_nothing_may_not(world: World) -> None:
    text = {**area(world, "0", "东滩智库", value_text="研发在沪、生产基地在丽"), "value": None}
    assert (await make(world.operator, "/v1/claims", text))["value"] is None
    nothing = {**text, "value_text": None}
    assert refusal(await world.operator.post("/v1/claims", json=nothing)) == (409, "claim_empty")


async def test_claim_is_stated_in_ones_own_name(world: World) -> None:
    body = area(world, "1", "东滩智库", stated_by_id=world.home_unit_id, external_id="fact-1")
    assert refusal(await world.operator.post("/v1/claims", json=body)) == (403, "insufficient_scope")
    assert (await make(world.admin, "/v1/claims", body))["stated_by_id"] == world.home_unit_id
    assert refusal(await world.admin.post("/v1/claims", json=body)) == (409, "claim_exists")
    own = {**body, "stated_by_id": None}
    for client in (world.operator, world.admin):
        await make(client, "/v1/claims", own)
        assert refusal(await client.post("/v1/claims", json=own)) == (409, "claim_exists")
