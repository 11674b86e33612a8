"""Profiles of home units through HTTP: whole, versioned, and a home unit's own."""

import pytest

from services.matching.engine.scoring.criteria import CRITERIA
from services.matching.engine.scoring.features import PLANT_CLASSES, STAGES
from services.matching.profiles.schemas import AcceptedStage, PlantClass, WeightsRead
from services.matching.recommendations.facts import CLOSED_STAGES
from tests.matching.conftest import MatchingUnderTest
from tests.matching.registry_double import LISHUI, home_unit, identifier
from tests.matching.test_service_recommendations import OFFER

LISHUI_ID = identifier("org", "丽水")
URL = f"/v1/home-units/{LISHUI_ID}/profile"


@pytest.fixture
async def known(matching: MatchingUnderTest) -> MatchingUnderTest:
    """A home unit on file, without a profile."""
    matching.registry.tell("organisation.created", home_unit("丽水", LISHUI))
    await matching.follow()
    return matching


async def test_first_profile_is_created_and_read_back(known: MatchingUnderTest) -> None:
    own = known.as_org(LISHUI_ID)
    assert (await own.get(URL)).status_code == 404
    created = await own.put(URL, json=OFFER)
    assert (created.status_code, created.headers["etag"], created.headers["location"]) == (201, '"1"', URL)
    read = await own.get(URL)
    assert read.json() == created.json()
    assert read.json()["max_fund_amount_cny"] == "5000000.00"
    assert read.json()["weights"] is None
    assert (await own.get(URL, headers={"if-none-match": '"1"'})).status_code == 304


async def test_later_profiles_need_the_version_last_read(known: MatchingUnderTest) -> None:
    own = known.as_org(LISHUI_ID)
    assert (await own.put(URL, json=OFFER, headers={"if-match": '"1"'})).status_code == 412
    assert (await own.put(URL, json=OFFER, headers={"if-none-match": "*"})).status_code == 201
    missing = await own.put(URL, json=OFFER)
    assert (missing.status_code, missing.json()["code"]) == (428, "precondition_required")
    again = await own.put(URL, json=OFFER, headers={"if-none-match": "*"})
    assert (again.status_code, again.json()["current_etag"]) == (412, '"1"')
    changed = await own.put(URL, json={**OFFER, "talent_count": 5}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (await own.put(URL, json=OFFER, headers={"if-match": '"1"'})).status_code == 412
    odd = await own.put(URL, json=OFFER, headers={"if-none-match": '"7"'})
    assert (odd.status_code, odd.json()["code"]) == (400, "invalid_parameter")


async def test_each_version_is_kept_with_its_author_and_told_once(known: MatchingUnderTest) -> None:
    own = known.as_org(LISHUI_ID)
    await own.put(URL, json=OFFER)
    same = await own.put(URL, json={**OFFER, "max_fund_amount_cny": "5000000"}, headers={"if-match": '"1"'})
    assert same.headers["etag"] == '"1"'
    await own.put(URL, json={**OFFER, "available_space_m2": None}, headers={"if-match": '"1"'})
    versions = (await own.get(f"{URL}/versions")).json()["items"]
    assert [entry["version"] for entry in versions] == [2, 1]
    assert versions[0]["changed"] == ["available_space_m2"]
    assert versions[0]["actor_organisation_id"] == LISHUI_ID
    assert versions[1]["profile"]["available_space_m2"] == 5000
    await known.service.sequence()
    events = (await own.get("/v1/events")).json()["items"]
    assert [event["type"] for event in events] == ["home_unit_profile.updated"] * 2
    assert events[1]["data"]["previous"] == {"available_space_m2": 5000}
    other = await known.as_org(identifier("org", "别家")).get("/v1/events")
    assert other.json()["items"] == []


async def test_a_profile_is_its_home_units_own(known: MatchingUnderTest) -> None:
    other = known.as_org(identifier("org", "别家"))
    await known.put_profile(LISHUI_ID, OFFER)
    for answer in (
        await other.get(URL),
        await other.get(f"{URL}/versions"),
        await other.put(URL, json=OFFER, headers={"if-match": '"1"'}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    admin = known.as_admin()
    assert (await admin.get(URL)).status_code == 200
    changed = await admin.put(URL, json={"description": "代填"}, headers={"if-match": '"1"'})
    assert changed.json()["available_space_m2"] is None
    unknown = f"/v1/home-units/{identifier('org', '没有')}/profile"
    assert (await admin.put(unknown, json=OFFER)).status_code == 404


async def test_reading_does_not_let_write(known: MatchingUnderTest) -> None:
    reader = known.as_org(LISHUI_ID, "matching:profiles:read")
    answer = await reader.put(URL, json=OFFER)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"weights": {}}, 409, "weights_all_zero"),
        ({"weights": {"industry_fit": -1}}, 422, "validation_failed"),
        ({"accepted_stages": ["failed"]}, 422, "validation_failed"),
        ({"leading_industries": ["3581 "]}, 201, None),
        ({"leading_industries": ["X99"]}, 422, "validation_failed"),
        ({"max_fund_amount_cny": "10000000000001"}, 422, "validation_failed"),
        ({"talent": 3}, 422, "unknown_field"),
        ({}, 201, None),
    ],
)
async def test_body_is_checked(
    known: MatchingUnderTest, body: dict[str, object], status: int, code: str | None
) -> None:
    answer = await known.as_org(LISHUI_ID).put(URL, json=body)
    assert (answer.status_code, answer.json().get("code")) == (status, code)


async def test_repeated_first_put_is_answered_from_the_first(known: MatchingUnderTest) -> None:
    own = known.as_org(LISHUI_ID)
    first = await own.put(URL, json=OFFER, headers={"idempotency-key": "k-1"})
    second = await own.put(URL, json=OFFER, headers={"idempotency-key": "k-1"})
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["idempotency-replayed"] == "true"


def test_the_contract_names_what_the_engine_knows() -> None:
    assert tuple(WeightsRead.model_fields) == CRITERIA
    assert tuple(PlantClass) == PLANT_CLASSES
    assert tuple(AcceptedStage) == tuple(stage for stage in STAGES if stage not in CLOSED_STAGES)
