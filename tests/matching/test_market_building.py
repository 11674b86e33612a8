"""From what the parties said to a market: one content has one snapshot, and nonsense has a sentence."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.engine.markets import lottery
from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.canonical import canonical_json
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidConfiguration, InvalidMarket
from services.matching.engine.markets.feasibility import broken, short_of_lower_quotas, table
from services.matching.engine.markets.figures import figures_of
from services.matching.engine.markets.market import Market
from services.matching.engine.markets.solving import solve
from services.matching.engine.markets.terms import pair_weights
from tests.matching.market_oracle import priority_keys, project_lists

SEED = "5e" * 32


def given_market(**changes: Any) -> dict[str, Any]:
    """Two projects and three home units; b is not permitted at y."""
    return {
        "project_ids": ["a", "b"],
        "home_unit_ids": ["x", "y", "z"],
        "u": [[500_000, 900_000, 500_000], [100_000, -1, 1_000_000]],
        "v": [[500_000, 300_000, 0], [100_000, -1, 600_000]],
        "quotas": [1, 2, 0],
        "lower_quotas": [1, 0, 0],
        "industries": ["27", "36"],
        "project_industry": [1, -1],
        "regions": ["330000"],
        "home_region": [0, 0, -1],
        "industry_caps": [(0, 1, 1), (1, 1, 2)],
        "region_caps": [(0, 2)],
        "demand_names": ["space_m2"],
        "demands": [[300, 200]],
        "resources": [(0, 0, 400), (1, 0, 0)],
        "commitments": [(0, 0, "weight", 50_000, "org_x"), (1, 0, "first_refusal", 0, "org_x")],
        "previous": [2, -1],
        **changes,
    }


def test_the_order_in_which_parties_are_named_does_not_change_the_snapshot() -> None:
    turned = given_market(
        project_ids=["b", "a"],
        home_unit_ids=["z", "x", "y"],
        u=[[1_000_000, 100_000, -1], [500_000, 500_000, 900_000]],
        v=[[600_000, 100_000, -1], [0, 500_000, 300_000]],
        quotas=[0, 1, 2],
        lower_quotas=[0, 1, 0],
        project_industry=[-1, 1],
        home_region=[-1, 0, 0],
        industry_caps=[(2, 1, 2), (1, 1, 1)],
        demands=[[200, 300]],
        resources=[(2, 0, 0), (1, 0, 400)],
        commitments=[(0, 1, "first_refusal", 0, "org_x"), (1, 1, "weight", 50_000, "org_x")],
        previous=[-1, 0],
    )
    straight = market_of(**given_market())
    assert canonical_json(market_of(**turned).document()) == canonical_json(straight.document())
    assert market_of(**turned).hash == straight.hash


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"project_ids": ["a", "a"]}, "'a' is empty or stands twice"),
        ({"home_unit_ids": ["x", "", "z"]}, "'' is empty or stands twice"),
        ({"u": [[float("nan"), 1, 1], [1, -1, 1]]}, "u has what is no whole number"),
        ({"u": [[0.5, 1, 1], [1, -1, 1]]}, "u has what is no whole number"),
        ({"u": [[1, 1, 1], [1, 1, 1]]}, "permitted in u and not in v"),
        ({"u": [[1_000_001, 1, 1], [1, -1, 1]]}, "u leaves"),
        ({"v": [[-2, 1, 1], [1, -1, 1]]}, "v leaves"),
        ({"v": [[1, 1], [1, -1]]}, "v is (2, 2)"),
        ({"u": [["much", 1, 1], [1, -1, 1]]}, "u has what is no whole number"),
        ({"u": [[1, 1, 1], [1, -1]]}, "u: "),
        ({"quotas": [1, -2, 0]}, "quotas has less than 0"),
        ({"quotas": [1, float("inf"), 0]}, "quotas has what is no whole number"),
        ({"lower_quotas": [2, 0, 0]}, "a lower quota exceeds its quota"),
        ({"project_industry": [2, 0]}, "project_industry points beyond"),
        ({"industry_caps": [(0, 2, 1)]}, "industry_caps names 2"),
        ({"industry_caps": [(0, 1, 1), (0, 1, 3)]}, "industry_caps has two caps"),
        ({"region_caps": [(0, -1)]}, "region_caps has -1, which is no whole number"),
        ({"demands": [[-1, 0]]}, "a demand is negative"),
        ({"demands": [[10**16, 0]]}, "beyond"),
        ({"resources": [(3, 0, 1)]}, "resources names 3"),
        ({"resources": [(0, 0, -1)]}, "resources has -1, which is no whole number"),
        ({"resources": [(0, 0, 1), (0, 0, 2)]}, "one demand twice"),
        ({"commitments": [(0, 0, "weight", 10**7, "o")]}, "which is no whole number from -1000000"),
        ({"commitments": [(0, 0, "fixed", 0, "o"), (0, 1, "fixed", 0, "o")]}, "fixed to two home units"),
        ({"commitments": [(0, 0, "love", 0, "o")]}, "the kind 'love'"),
        ({"commitments": [(5, 0, "fixed", 0, "o")]}, "commitments names 5"),
        ({"previous": [3, 0]}, "previous points beyond"),
    ],
)
def test_nonsense_is_refused_with_what_is_wrong(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidMarket) as refused:
        market_of(**given_market(**changes))
    assert said in str(refused.value)


@pytest.mark.parametrize(("projects", "homes"), [(0, 0), (0, 3), (2, 0)])
def test_a_market_may_be_empty_on_either_side(projects: int, homes: int) -> None:
    market = empty_market(projects, homes)
    assert market.shape == (projects, homes)
    nobody = np.full(projects, -1, np.int64)
    figures = figures_of(market, Configuration("stable"), nobody)
    assert (figures["matched"], figures["unmatched"], figures["envy"]) == (0, projects, 0)
    assert broken(market, nobody) == []


def empty_market(projects: int, homes: int) -> Market:
    scores = np.ones((projects, homes), np.int64)
    return market_of(
        project_ids=[f"p{n}" for n in range(projects)],
        home_unit_ids=[f"h{n}" for n in range(homes)],
        u=scores,
        v=scores,
        quotas=[1] * homes,
    )


def test_every_limit_is_in_the_table_and_what_is_broken_is_named() -> None:
    market = market_of(**given_market())
    both_at_x = np.array([0, 0])
    used = {
        (row["rule"], row.get("home_unit", row.get("region"))): row["used"]
        for row in table(market, both_at_x)
    }
    assert used[("quota", 0)] == 2
    assert used[("region_cap", 0)] == 2
    assert used[("industry_cap", 0)] == 1
    assert used[("resource", 0)] == 500
    assert {row["rule"] for row in broken(market, both_at_x)} == {"quota", "resource"}
    assert {row["rule"] for row in broken(market, np.array([-1, 1]))} == {"permitted", "resource"}
    assert short_of_lower_quotas(market, np.array([-1, -1])) == [[0, 0, 1]]


def test_a_fixed_project_must_be_where_it_was_fixed_even_if_not_permitted() -> None:
    market = market_of(**given_market(commitments=[(1, 1, "fixed", 0, "o")], resources=[]))
    assert broken(market, np.array([-1, 1])) == []
    assert [row["rule"] for row in broken(market, np.array([-1, -1]))] == ["fixed"]
    assert project_lists(market, Configuration("stable"))[1].tolist() == [1]


def test_lists_follow_what_the_project_thinks_but_for_a_first_refusal() -> None:
    lists = project_lists(market_of(**given_market()), Configuration("stable"))
    assert [homes.tolist() for homes in lists] == [[1, 0, 2], [0, 2]]
    short = project_lists(market_of(**given_market()), Configuration("stable", list_length=1))
    assert [homes.tolist() for homes in short] == [[1], [0]]


def test_keys_put_steps_before_the_lottery() -> None:
    market = market_of(**given_market())
    drawn = lottery.numbers(SEED, market.project_ids)
    fine = priority_keys(market, Configuration("stable"), drawn)
    coarse = priority_keys(market, Configuration("stable", priority_step=1_000_000), drawn)
    assert fine[0, 0] < fine[1, 0]
    assert (coarse[0, 0] < coarse[1, 0]) == (drawn[0] < drawn[1])
    assert fine[1, 1] == coarse[1, 1] == -1


def test_one_sided_love_is_worth_little_and_a_move_costs() -> None:
    market = market_of(**given_market(commitments=[]))
    plain = pair_weights(market, Configuration("welfare"))
    moving = pair_weights(market, Configuration("welfare", move_penalty=7, match_bonus=3))
    assert plain[0].tolist() == [500_000, 450_000, 0]
    assert (moving - plain)[0].tolist() == [-4, -4, 3]
    assert (moving - plain)[1, [0, 2]].tolist() == [3, 3]


@settings(max_examples=60, deadline=None)
@given(st.sets(st.text("0123456789abcdef", min_size=1, max_size=6), max_size=30))
def test_the_lottery_gives_each_project_a_place_of_its_own_whoever_else_is_named_first(ids: set[str]) -> None:
    ordered = tuple(sorted(ids))
    forth = dict(zip(ordered, lottery.numbers(SEED, ordered).tolist(), strict=True))
    back = dict(zip(ordered[::-1], lottery.numbers(SEED, ordered[::-1]).tolist(), strict=True))
    assert forth == back
    assert sorted(forth.values()) == list(range(len(ids)))


def test_the_commitment_binds_seed_and_snapshot() -> None:
    bound = lottery.commitment(SEED, "a" * 64)
    assert bound != lottery.commitment("5f" * 32, "a" * 64)
    assert bound != lottery.commitment(SEED, "b" * 64)


@pytest.mark.parametrize(
    "asked",
    [
        {"mechanism": "magic"},
        {"mechanism": "stable", "priority_step": 0},
        {"mechanism": "stable", "priority_step": 1.5},
        {"mechanism": "stable", "list_length": -1},
        {"mechanism": "stable", "fairness": "max_min"},
        {"mechanism": "stable", "move_penalty": 1},
        {"mechanism": "welfare", "ties": "promotion"},
        {"mechanism": "welfare", "lower_quotas": "soft"},
        {"mechanism": "welfare", "iterations": True},
    ],
)
def test_a_configuration_no_mechanism_follows_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfiguration):
        Configuration(**asked)


@pytest.mark.parametrize("seed", ["", "5e", "G" * 64, "5E" * 32])
def test_a_seed_is_32_bytes_in_small_hexadecimal_digits(seed: str) -> None:
    with pytest.raises(InvalidConfiguration):
        solve(empty_market(1, 1), Configuration("stable"), seed)


def test_a_float_has_no_one_spelling() -> None:
    with pytest.raises(TypeError):
        canonical_json({"share": [0.5]})
