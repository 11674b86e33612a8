"""Rounds of nobody, of no place or of one home unit that everybody wants go the whole way like any other."""

from typing import Any

import pytest

from services.matching.verifier import verify
from tests.matching.rounds_world import CHENGDU_ID, LISHUI_ID, ON_ONE_STORE, PROJECTS, RoundWorld, world

__all__ = ["world"]

NOBODY = {"projects": {"only_named": True}}
NO_PLACE = {"quotas": [{"home_unit_id": LISHUI_ID, "projects": 0}, {"home_unit_id": CHENGDU_ID, "projects": 0}]}
ONE = {"home_unit_ids": [LISHUI_ID], "quotas": [{"home_unit_id": LISHUI_ID, "projects": 2}]}


@ON_ONE_STORE
@pytest.mark.parametrize("rules", [{"mechanism": "stable"}, {"mechanism": "welfare", "fairness": "max_min"}])
@pytest.mark.parametrize(("changes", "matched"), [(NOBODY, 0), (NO_PLACE, 0), (ONE, 2)])
async def test_a_degenerate_round_has_a_result_that_can_be_verified(
    world: RoundWorld, rules: dict[str, Any], changes: dict[str, Any], matched: int
) -> None:
    record = await world.proposed(**changes, configuration=rules)
    document = await world.read(f"/v1/rounds/{record['id']}/certificate")
    assert [check for check in verify(document) if not check.passed] == []
    assert document["figures"]["matched"] == matched
