"""Rounds of nobody, of no place or of one home unit that everybody wants go the whole way like any other."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.matching.verifier import verify
from tests.matching.conftest import MatchingUnderTest
from tests.matching.rounds_world import (
    CHENGDU_ID,
    LISHUI_ID,
    ON_ONE_STORE,
    RegistryWithLandings,
    RoundWorld,
    round_world,
)
from tests.support.services import load_test_keys

NOBODY = {"projects": {"only_named": True}}
NO_HOME = {"home_unit_ids": [], "quotas": []}
NO_PLACE = {"quotas": [{"home_unit_id": home, "projects": 0} for home in (LISHUI_ID, CHENGDU_ID)]}
ONE = {"home_unit_ids": [LISHUI_ID], "quotas": [{"home_unit_id": LISHUI_ID, "projects": 2}]}


@pytest.fixture
async def registry() -> RegistryWithLandings:
    return RegistryWithLandings(await load_test_keys())


@pytest.fixture
async def world(matching: MatchingUnderTest) -> AsyncIterator[RoundWorld]:
    async with round_world(matching) as world:
        yield world


@ON_ONE_STORE
@pytest.mark.parametrize("rules", [{"mechanism": "stable"}, {"mechanism": "welfare", "fairness": "max_min"}])
@pytest.mark.parametrize(("changes", "matched"), [(NOBODY, 0), (NO_HOME, 0), (NO_PLACE, 0), (ONE, 2)])
async def test_a_degenerate_round_has_a_result_that_can_be_verified(
    world: RoundWorld, rules: dict[str, Any], changes: dict[str, Any], matched: int
) -> None:
    round_id, offers = await world.published(**changes, configuration=rules)
    assert len(offers) == matched
    document = await world.read(f"/v1/rounds/{round_id}/certificate")
    assert [check for check in verify(document) if not check.passed] == []
    assert document["figures"]["matched"] == matched
