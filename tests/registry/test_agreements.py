"""Agreements through HTTP: seen by those who sign them, with terms that hold together."""

from typing import Any

import pytest

from tests.registry.project_world import World, build_world, make, refusal
from tests.support.services import ServiceUnderTest

COMMITMENTS = {
    "amount_cny": "50000000.00",
    "start_on": "2027-06-01",
    "annual_output_cny": "80000000.00",
    "annual_tax_cny": "4000000.00",
    "jobs": 120,
}


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


def sharing(world: World, *shares: str, **fields: Any) -> dict[str, Any]:
    parties = [world.home_unit_id, world.operator_id, world.park_id]
    entries = [
        {"organisation_id": party, "share": share} for party, share in zip(parties, shares, strict=False)
    ]
    return {
        "kind": "benefit_sharing",
        "title": "利益分享协议",
        "party_ids": parties,
        "shares": entries,
        **fields,
    }


async def test_only_those_who_sign_see_an_agreement(world: World) -> None:
    body = {
        "kind": "co_construction",
        "title": "园区共建协议",
        "party_ids": [world.home_unit_id, world.park_id],
        "enclave_id": world.enclave_id,
    }
    created = await make(world.park, "/v1/agreements", body)
    assert created["signed_on"] is None
    url = f"/v1/agreements/{created['id']}"
    assert (await world.home_unit.get(url)).json() == created
    assert (await world.operator.get(url)).status_code == 404
    assert (await world.operator.get("/v1/agreements")).json()["items"] == []
    assert refusal(await world.operator.post("/v1/agreements", json=body)) == (403, "insufficient_scope")


async def test_an_external_id_names_one_agreement_of_who_recorded_it(world: World) -> None:
    body = sharing(world, "0.5", "0.5", external_id="A-1")
    for client in (world.home_unit, world.operator, world.admin):
        await make(client, "/v1/agreements", body)
        assert refusal(await client.post("/v1/agreements", json=body)) == (409, "agreement_exists")


@pytest.mark.parametrize("shares", [("0.33333333", "0.33333333", "0.33333334"), ("0.65", "0.35"), ("1",)])
async def test_shares_that_add_up_to_one_are_kept_exactly(world: World, shares: tuple[str, ...]) -> None:
    record = await make(world.home_unit, "/v1/agreements", sharing(world, *shares))
    assert [entry["share"] for entry in record["shares"]] == list(shares)


@pytest.mark.parametrize("shares", [("0.33", "0.33", "0.33"), ("0.5", "0.50000001"), ()])
async def test_shares_that_do_not_add_up_are_refused(world: World, shares: tuple[str, ...]) -> None:
    answer = await world.home_unit.post("/v1/agreements", json=sharing(world, *shares))
    assert refusal(answer) == (409, "invalid_terms")
    assert [error["code"] for error in answer.json()["errors"]] == ["shares_not_one"]


async def test_every_broken_term_is_named(world: World) -> None:
    body = sharing(world, "0.5", "0.5", kind="investment", valid_from="2026-02-01", valid_to="2026-01-01")
    body["kpis"] = [{"name": "落地项目", "target": "3", "unit": "个"}]
    answer = await world.home_unit.post("/v1/agreements", json=body)
    codes = {error["code"] for error in answer.json()["errors"]}
    assert codes == {"invalid_period", "kpis_misplaced", "shares_misplaced"}


async def test_commissioned_operation_carries_its_yardsticks(world: World) -> None:
    body = {
        "kind": "commissioned_operation",
        "title": "委托运营合同",
        "party_ids": [world.home_unit_id, world.operator_id],
        "enclave_id": world.enclave_id,
        "signed_on": "2026-01-15",
        "kpis": [{"name": "年度落地项目", "target": "6", "unit": "个", "due_on": "2026-12-31"}],
    }
    record = await make(world.operator, "/v1/agreements", body)
    assert record["kpis"] == body["kpis"]


async def test_signed_agreement_is_not_rewritten(world: World) -> None:
    project = await world.create_project()
    body = {
        "kind": "investment",
        "title": "投资协议",
        "party_ids": [world.home_unit_id, world.operator_id],
        "project_id": project["id"],
    }
    created = await make(world.operator, "/v1/agreements", body)
    url = f"/v1/agreements/{created['id']}"
    signed = await world.operator.patch(
        url, json={"signed_on": "2026-05-01", "commitments": COMMITMENTS}, headers={"if-match": '"1"'}
    )
    assert signed.json()["commitments"] == COMMITMENTS
    again = await world.operator.patch(url, json={"title": "别的"}, headers={"if-match": '"2"'})
    assert refusal(again) == (409, "agreement_signed")
    same = await world.operator.patch(url, json={"commitments": COMMITMENTS}, headers={"if-match": '"2"'})
    assert (same.status_code, same.headers["etag"]) == (200, '"2"')
    events = await world.events("agreement.*")
    assert [event["type"] for event in events] == ["agreement.created", "agreement.updated"]
    assert events[1]["data"]["changed"] == ["commitments", "signed_on"]


async def test_references_must_be_visible(world: World, registry: ServiceUnderTest) -> None:
    project = await world.create_project()
    body = {
        "kind": "investment",
        "title": "投资协议",
        "party_ids": [world.stranger_id, world.operator_id],
        "project_id": project["id"],
    }
    assert refusal(await world.stranger.post("/v1/agreements", json=body)) == (409, "unknown_project")
    other = {**body, "project_id": None, "enclave_id": world.enclave_id}
    assert refusal(await world.stranger.post("/v1/agreements", json=other)) == (409, "unknown_enclave")
