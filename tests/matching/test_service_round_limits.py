"""Limits between the parties of a round: what a budget gives one project, and what was agreed before."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.matching.conftest import MatchingUnderTest
from tests.matching.rounds_world import (
    LIMITS,
    LISHUI_ID,
    OFFER,
    ON_ONE_STORE,
    OPERATOR,
    PROJECTS,
    TEAMS,
    RegistryWithLandings,
    RoundWorld,
    round_world,
)
from tests.support.services import load_test_keys

WELFARE = {"mechanism": "welfare"}


@pytest.fixture
async def registry() -> RegistryWithLandings:
    return RegistryWithLandings(await load_test_keys())


@pytest.fixture
async def world(matching: MatchingUnderTest) -> AsyncIterator[RoundWorld]:
    async with round_world(matching) as world:
        yield world


def budget(name: str, cap: str | None, **changes: Any) -> dict[str, Any]:
    """A fund that is open and has plenty left."""
    fund = {"name": name, "kind": "fund", "remaining_cny": "90000000", "per_project_cap_cny": cap}
    return {**fund, **changes}


async def asking(world: RoundWorld, round_id: str) -> set[str]:
    """The projects that are a permitted pair with Lishui in the last snapshot."""
    snapshot = (await world.read(f"/v1/rounds/{round_id}/certificate"))["snapshot"]
    place = snapshot["home_units"].index(LISHUI_ID)
    pairs = zip(snapshot["projects"], snapshot["pairs"], strict=True)
    return {project for project, homes in pairs if place in [home for home, *_ in homes]}


BUDGETS: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "no cap": ([budget("一", None)], True),
    "just enough": ([budget("一", "3000000")], True),
    "a fen less": ([budget("一", "2999999.99")], False),
    "two together": ([budget("一", "2000000"), budget("二", "1000000", supported_fields=["35"])], True),
    "one of them for others": (
        [budget("一", "2000000"), budget("二", "1000000", supported_fields=["27"])],
        False,
    ),
    "one of them over": ([budget("一", "2000000"), budget("二", None, valid_to="2020-12-31")], False),
    "a cap above what is left": ([budget("一", "5000000", remaining_cny="2000000")], False),
}


@ON_ONE_STORE
@pytest.mark.parametrize("case", BUDGETS)
async def test_a_project_that_asks_for_more_than_a_budget_gives_one_project_is_no_pair(
    world: RoundWorld, case: str
) -> None:
    budgets, permitted = BUDGETS[case]
    await world.matching.put_profile(LISHUI_ID, {**OFFER, **LIMITS, "budgets": budgets})
    round_id = (await world.proposed(with_resources=False))["id"]
    assert await asking(world, round_id) == (set(PROJECTS) if permitted else set())
    checks = await world.act(round_id, "verify")
    assert checks["passed"], checks
    explained = await world.act(round_id, "explain", json={"project_id": PROJECTS[0]})
    left_out = [(one["home_unit_id"], one["limits"]) for one in explained["left_out"]]
    assert left_out == ([] if permitted else [(LISHUI_ID, ["budget_cap"])])


@ON_ONE_STORE
async def test_the_cap_is_named_to_the_team_and_not_to_home_units_and_fixed_pairs_stay(
    world: RoundWorld,
) -> None:
    await world.matching.put_profile(LISHUI_ID, {**OFFER, **LIMITS, "budgets": [budget("一", "1")]})
    fixed = {"project_id": PROJECTS[0], "home_unit_id": LISHUI_ID, "kind": "fixed", "set_by": OPERATOR}
    round_id, offers = await world.offering(configuration=WELFARE, commitments=[fixed])
    (kept,) = (offer for offer in offers if offer["home_unit_id"] == LISHUI_ID)
    (other,) = (offer for offer in offers if offer["home_unit_id"] != LISHUI_ID)
    assert kept["project_id"] == PROJECTS[0]
    url, body = f"/v1/rounds/{round_id}:explain", {"project_id": other["project_id"]}
    team = (await world.matching.as_org(TEAMS[other["project_id"]]).post(url, json=body)).json()
    assert [one["limits"] for one in team["left_out"]] == [["budget_cap"]]
    assert "单个项目的上限" in team["left_out"][0]["text"]["zh"]
    home = (await world.matching.as_org(other["home_unit_id"]).post(url, json=body)).json()
    assert home["left_out"] is None
    mine = await world.act(round_id, "explain", json={"project_id": PROJECTS[0]})
    assert (mine["reason"], mine["left_out"]) == ("fixed", [])


@ON_ONE_STORE
async def test_a_project_left_out_everywhere_is_told_so(world: RoundWorld) -> None:
    await world.matching.put_profile(LISHUI_ID, {**OFFER, **LIMITS, "budgets": [budget("一", "1")]})
    round_id = (await world.proposed(home_unit_ids=[LISHUI_ID], quotas=[]))["id"]
    told = await world.act(round_id, "explain", json={"project_id": PROJECTS[0]})
    assert (told["reason"], told["asked"], len(told["left_out"])) == ("left_out", 0, 1)


LOWERED: dict[str, dict[str, Any]] = {
    "fewer places": {"quotas": [{"period": "2027-H1", "projects": 1}]},
    "least and most": {"quotas": [{"period": "2027-H1", "projects": 1, "at_least": 1}]},
    "no places": {"quotas": []},
    "industry": {"industry_caps": [{"industry": "35", "projects": 1}]},
    "space": {"available_space_m2": 900},
    "funds": {"budgets": [budget("一", None, remaining_cny="4000000")]},
    "cap per project": {"budgets": [budget("一", "1")]},
}


@ON_ONE_STORE
@pytest.mark.parametrize("mechanism", ["stable", "welfare"])
async def test_what_was_agreed_stays_when_a_home_unit_takes_less(world: RoundWorld, mechanism: str) -> None:
    """Two of its three places are agreed on, one refused; whatever it lowers, those two are all it gets."""
    three = {**OFFER, "quotas": [{"period": "2027-H1", "projects": 3}]}
    await world.matching.put_profile(LISHUI_ID, three)
    alone = {"home_unit_ids": [LISHUI_ID], "quotas": [], "configuration": {"mechanism": mechanism}}
    round_id, (first, second, third) = await world.offering(**alone)
    await world.agree(first)
    await world.agree(second)
    await world.refuse(third, "home_unit")
    for number, (name, less) in enumerate(LOWERED.items(), start=2):
        await world.matching.put_profile(LISHUI_ID, {**three, **less})
        await world.act(round_id, "rerun")
        await world.work()
        record = await world.read(f"/v1/rounds/{round_id}")
        assert (record["state"], record["runs"][-1]["number"]) == ("proposed", number), name
        assert record["runs"][-1]["matched"] == 2, name
        checks = await world.act(round_id, "verify")
        assert checks["passed"], (name, checks)


@ON_ONE_STORE
async def test_who_has_all_its_room_agreed_away_takes_nobody_else(world: RoundWorld) -> None:
    two = {**OFFER, "quotas": [{"period": "2027-H1", "projects": 2}]}
    await world.matching.put_profile(LISHUI_ID, two)
    round_id, offers = await world.offering(home_unit_ids=[LISHUI_ID], quotas=[])
    await world.agree(offers[0])
    await world.agree(offers[1])
    less = {**two, "quotas": [{"period": "2027-H1", "projects": 3}], "available_space_m2": 1500}
    await world.matching.put_profile(LISHUI_ID, less)
    await world.act(round_id, "rerun")
    await world.work()
    document = await world.read(f"/v1/rounds/{round_id}/certificate?run=2")
    assert (document["snapshot"]["quotas"], document["figures"]["matched"]) == ([2], 2)
