"""Stable rounds against every assignment there is: small markets, stability by its definition."""

import numpy as np
import pytest

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import Infeasible
from services.matching.engine.markets.market import NONE
from services.matching.engine.markets.solving import solve
from services.matching.engine.markets.stable.certificate import bars_of, blocking
from services.matching.engine.markets.stable.family import family_of
from services.matching.engine.markets.stable.lists import lists_of
from tests.matching.market_oracle import priority_keys, project_lists
from tests.matching.stable_world import SEED, Definition, configuration, small, stable_with_quotas


@pytest.mark.parametrize("part", range(5))
def test_quotas_give_the_project_optimal_of_all_stable_assignments(part: int) -> None:
    chance = np.random.default_rng([1, part])
    for _ in range(100):
        market = small(chance, int(chance.integers(1, 6)), int(chance.integers(1, 5)))
        chosen = configuration(chance)
        definition, result = Definition(market, chosen), solve(market, chosen, SEED)
        every = stable_with_quotas(definition)
        own = tuple(result.assignment.tolist())
        assert own in {tuple(one) for one in every.tolist()}
        assert result.certificate["blocking_pairs"] == 0
        rural_hospitals(every, market.shape[1])
        for other in every.tolist():
            for project, home in enumerate(other):
                assert definition.rank(project, own[project]) <= definition.rank(project, home)


def rural_hospitals(every: np.ndarray, homes: int) -> None:
    """In all stable assignments the same projects are matched and every home unit has as many."""
    matched = every != NONE
    assert (matched == matched[0]).all()
    filled = np.stack([(every == home).sum(axis=1) for home in range(homes)])
    assert (filled == filled[:, :1]).all()


@pytest.mark.parametrize("part", range(5))
def test_caps_give_the_project_optimal_of_all_stable_assignments(part: int) -> None:
    chance, said = np.random.default_rng([2, part]), set()
    for _ in range(100):
        market = small(chance, int(chance.integers(1, 5)), int(chance.integers(1, 4)), caps=True)
        chosen = configuration(chance)
        definition, result = Definition(market, chosen), solve(market, chosen, SEED)
        every, own = definition.stable(), tuple(result.assignment.tolist())
        assert own in every
        assert result.certificate["blocking_pairs"] == 0
        assert all(row["used"] <= row["limit"] for row in result.certificate["cutoffs"])
        for other in every:
            for project, home in enumerate(other):
                assert definition.rank(project, own[project]) <= definition.rank(project, home)
        said.add(result.certificate["lower_quotas_possible"])
        if result.certificate["lower_quotas_possible"] is False:
            assert all(short(market, other) for other in every)
    assert said == {True, False, None}


def short(market, assignment) -> bool:
    filled = np.bincount([h for h in assignment if h != NONE], minlength=market.shape[1])
    return bool((filled < market.lower_quotas).any())


def test_blocking_pairs_are_counted_as_defined_on_any_assignment() -> None:
    chance = np.random.default_rng(3)
    seen = 0
    for _ in range(300):
        market = small(chance, 5, 3, caps=True)
        chosen = configuration(chance)
        definition = Definition(market, chosen)
        pick = [int(chance.choice([*wished, NONE])) for wished in definition.lists]
        if not definition.holds([(p, h) for p, h in enumerate(pick) if h != NONE]):
            continue
        keys = priority_keys(market, chosen, np.zeros(5, np.int64)) % 5
        assert (keys[market.permitted] == 0).all()
        lists, family = lists_of(market, chosen, numbers(market)), family_of(market)
        assignment = np.array(pick, np.int64)
        found = blocking(lists, family, assignment, bars_of(lists, family, assignment))
        assert list(zip(*(one.tolist() for one in found), strict=True)) == definition.blocking(tuple(pick))
        seen += len(found[0])
    assert seen > 100


def test_between_two_home_units_of_a_region_equals_go_by_home_unit() -> None:
    """The region's one place is the project's own: whether it may move goes by the order of home units."""
    content = {"project_ids": ["p"], "home_unit_ids": ["x", "y"], "quotas": [1, 1]}
    places = {"regions": ["CN-31"], "home_region": [0, 0], "region_caps": [(0, 1)]}
    for u, present, expected in (([[2, 1]], 1, [0]), ([[1, 2]], 0, [])):
        market = market_of(**content, **places, u=u, v=[[5, 5]])
        lists, family = lists_of(market, Configuration("stable"), numbers(market)), family_of(market)
        assignment = np.array([present])
        found = blocking(lists, family, assignment, bars_of(lists, family, assignment))
        assert found[1].tolist() == expected
        assert Definition(market, Configuration("stable")).blocking((present,)) == [(0, h) for h in expected]


def numbers(market) -> np.ndarray:
    from services.matching.engine.markets import lottery

    return lottery.numbers(SEED, market.project_ids)


def test_lists_and_priorities_are_those_of_the_terms() -> None:
    chance = np.random.default_rng(4)
    for _ in range(200):
        market, chosen = small(chance, 6, 4), configuration(chance)
        lists, drawn = lists_of(market, chosen, numbers(market)), numbers(market)
        expected = project_lists(market, chosen)
        keys = priority_keys(market, chosen, drawn)
        assert lists.homes.tolist() == [home for one in expected for home in one.tolist()]
        assert lists.keys().tolist() == [int(keys[p, h]) for p, one in enumerate(expected) for h in one]


def test_a_place_more_hurts_no_project_and_names_of_projects_do_not_matter() -> None:
    chance = np.random.default_rng(5)
    for _ in range(200):
        market, chosen = small(chance, 8, 4), configuration(chance)
        before = solve(market, chosen, SEED).assignment.tolist()
        quotas = market.quotas.copy()
        quotas[chance.integers(4)] += 1
        content = {**vars(market), "quotas": quotas}
        wider = type(market)(**{name: content[name] for name in market.__dataclass_fields__})
        definition, after = Definition(market, chosen), solve(wider, chosen, SEED).assignment.tolist()
        for project, (old, new) in enumerate(zip(before, after, strict=True)):
            assert definition.rank(project, new) <= definition.rank(project, old)


def test_the_order_in_which_projects_are_told_does_not_matter() -> None:
    chance = np.random.default_rng(6)
    for _ in range(100):
        market, chosen = small(chance, 8, 4, caps=True), configuration(chance)
        order, homes = chance.permutation(8), chance.permutation(4)
        place = np.argsort(homes)
        again = market_of(
            project_ids=[market.project_ids[i] for i in order],
            home_unit_ids=[market.home_unit_ids[i] for i in homes],
            u=market.u[order][:, homes],
            v=market.v[order][:, homes],
            quotas=market.quotas[homes],
            lower_quotas=market.lower_quotas[homes],
            industries=market.industries,
            project_industry=market.project_industry[order],
            regions=market.regions,
            home_region=market.home_region[homes],
            industry_caps=[(int(place[h]), i, most) for h, i, most in market.industry_caps],
            region_caps=market.region_caps,
            commitments=[
                (int(np.argsort(order)[c.project]), int(place[c.home]), *c[2:]) for c in market.commitments
            ],
        )
        assert solve(again, chosen, SEED).document() == solve(market, chosen, SEED).document()


def test_fixed_commitments_beyond_a_limit_have_no_answer() -> None:
    content = {"project_ids": ["a", "b"], "home_unit_ids": ["x"], "u": [[1], [1]], "v": [[1], [1]]}
    fixed = [(0, 0, "fixed", 0, "org"), (1, 0, "fixed", 0, "org")]
    with pytest.raises(Infeasible, match="quota"):
        solve(market_of(**content, quotas=[1], commitments=fixed), Configuration("stable"), SEED)
    taken = solve(market_of(**content, quotas=[2], commitments=fixed), Configuration("stable"), SEED)
    assert taken.assignment.tolist() == [0, 0]
