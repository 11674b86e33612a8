"""Counterfactuals against ranking itself: the change is enough, and a step less is not."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.matching.engine.scoring.counterfactual import (
    MOST_CNY,
    MOST_SPACE_M2,
    MOST_TALENTS,
    Lever,
    counterfactual,
)
from services.matching.engine.scoring.features import HomeUnitFeatures, ProjectFeatures
from services.matching.engine.scoring.ranking import recommend_home_units
from services.matching.engine.scoring.search import round_step, smallest
from services.matching.engine.scoring.snapshot import Snapshot
from tests.matching.ranking_markets import home_lists, judge, projects

patient = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
CAPS = ("max_fund_amount_cny", "remaining_budget_cny")
MOST = {
    "available_space_m2": MOST_SPACE_M2,
    "talent_count": MOST_TALENTS,
    **dict.fromkeys((*CAPS, "fund_cap_and_budget_cny"), MOST_CNY),
}
Pair = tuple[HomeUnitFeatures, ProjectFeatures]


def changed(lever: Lever, pair: Pair, value: int | str) -> Pair:
    """The pair with one fact changed by hand, in the words of its records."""
    home, project = pair
    if lever.name in ("fund_amount_cny", "space_m2", "max_distance_km"):
        return home, replace(project, **{lever.name: value})
    if lever.name == "preferred_place":
        wishes = [wish for wish in project.preferred_home_unit_ids if wish != home.id]
        wishes.insert(value - 1, home.id)
        return home, replace(project, preferred_home_unit_ids=tuple(wishes))
    if lever.name == "fund_cap_and_budget_cny":
        return replace(home, **{cap: max(getattr(home, cap) or 0, value) for cap in CAPS}), project
    if lever.unit == "code":
        more = {*(getattr(home, lever.name) or ()), value}
        kind = tuple if lever.name == "leading_industries" else frozenset
        return replace(home, **{lever.name: kind(more)}), project
    return replace(home, **{lever.name: value}), project


def rank_after(market: list[HomeUnitFeatures], pair: Pair) -> int | None:
    home, project = pair
    homes = [home if other.id == home.id else other for other in market]
    ranked = recommend_home_units(Snapshot(homes), project, 99).ranked
    return next((item.rank for item in ranked if item.candidate_id == home.id), None)


def reaches(market: list[HomeUnitFeatures], pair: Pair, rank: int) -> bool:
    found = rank_after(market, pair)
    return found is not None and found <= rank


def opens(lever: Lever, pair: Pair) -> bool:
    return judge(*pair).gates[lever.gate] == "pass"


def a_step_less(lever: Lever, needed: int | str) -> Iterator[int]:
    """The next smaller change, if there is one that is a change at all."""
    if lever.unit == "code":
        return
    if lever.name in ("fund_amount_cny", "space_m2"):
        less = needed + 1
        smaller = lever.current is None or less < lever.current
    elif lever.name == "preferred_place":
        less, smaller = needed + 1, lever.current is None or needed + 1 < lever.current
    else:
        less, smaller = needed - 1, needed - 1 > (-1 if lever.current is None else lever.current)
    if smaller:
        yield less


def grid(lever: Lever) -> list[int]:
    """Every smaller request of the lever's round steps, the greatest first."""
    top = int(lever.current)
    return list(range((top - 1) // lever.step * lever.step, 0, -lever.step))


def distinct(project: ProjectFeatures) -> ProjectFeatures:
    return replace(project, preferred_home_unit_ids=tuple(dict.fromkeys(project.preferred_home_unit_ids)))


@patient
@given(home_lists(), projects(), st.integers(1, 3), st.data())
def test_with_the_change_the_goal_is_reached_and_with_less_it_is_not(market, project, rank, data):
    project = distinct(project)
    home = data.draw(st.sampled_from(market))
    pair = (home, project)
    found = counterfactual(Snapshot(market), project, home.id, rank)
    assert found.outcome.rank == rank_after(market, pair)
    assert bool(found.levers) or reaches(market, pair, rank)
    for lever in found.levers:
        if lever.to_pass is not None:
            assert not opens(lever, pair)
            check_gate(lever, pair)
        check_rank(lever, market, pair, rank)


def check_gate(lever: Lever, pair: Pair) -> None:
    goal = lever.to_pass
    if goal.needed is None:
        if lever.name in MOST:
            assert not opens(lever, changed(lever, pair, MOST[lever.name]))
        return
    after = changed(lever, pair, goal.needed)
    assert opens(lever, after)
    assert (judge(*after).outcome == "pass") is goal.sufficient
    for less in a_step_less(lever, goal.needed):
        assert not opens(lever, changed(lever, pair, less))


def check_rank(lever: Lever, market: list[HomeUnitFeatures], pair: Pair, rank: int) -> None:
    needed = lever.to_reach.needed
    asks = lever.name in ("fund_amount_cny", "space_m2")
    if needed is None:
        if lever.name in MOST:
            assert not reaches(market, changed(lever, pair, MOST[lever.name]), rank)
        elif lever.name == "preferred_place":
            assert not reaches(market, changed(lever, pair, 1), rank)
        elif asks and lever.current is not None:
            tried = grid(lever)[:: max(1, len(grid(lever)) // 5)]
            assert not any(reaches(market, changed(lever, pair, value), rank) for value in tried)
        return
    assert reaches(market, changed(lever, pair, needed), rank)
    if not asks:
        for less in a_step_less(lever, needed):
            assert not reaches(market, changed(lever, pair, less), rank)
    elif lever.current is not None:
        less = [value for value in grid(lever) if value > needed]
        for value in (*less[-2:], *less[:1]):
            assert not reaches(market, changed(lever, pair, value), rank)


def willing_market(seed: int) -> tuple[list[HomeUnitFeatures], ProjectFeatures]:
    """Home units that mostly take the project, with amounts so small that every one can be tried."""
    chance = random.Random(seed)
    homes = [
        HomeUnitFeatures(
            id=f"org_{number}",
            name="",
            accepted_stages=frozenset({"reserve"}),
            accepted_plant_classes=frozenset({"office"}),
            policy_supported_fields=frozenset({"36"}),
            leading_industries=("3612",) if chance.random() < 0.5 else ("36",),
            available_space_m2=chance.randrange(20, 200),
            max_fund_amount_cny=chance.randrange(20, 200),
            remaining_budget_cny=chance.randrange(20, 200),
            talent_count=chance.randrange(0, 300),
            weights={
                name: chance.randrange(1, 9) for name in ("plant_and_space", "fund_within_caps", "talent")
            }
            | {"team_preference": 1, "industry_fit": 1},
        )
        for number in range(6)
    ]
    wishes = tuple(chance.sample([home.id for home in homes], 3))
    needs = {"space_m2": chance.randrange(20, 90), "fund_amount_cny": chance.randrange(20, 90)}
    project = ProjectFeatures(
        id="prj_a",
        title="",
        stage="reserve",
        industry_codes=("3612",),
        plant_class="office",
        preferred_home_unit_ids=wishes,
        **needs,
    )
    return homes, project


def rank_by_hand(market: list[HomeUnitFeatures], pair: Pair) -> int | None:
    """The rank by the oracle, which is quicker than a snapshot for each try."""
    verdicts = {home.id: judge(home, pair[1]) for home in market}
    order = sorted((-v.total, home_id) for home_id, v in verdicts.items() if v.outcome == "pass")
    return next((place for place, (_, found) in enumerate(order, 1) if found == pair[0].id), None)


def test_of_what_a_project_asks_for_every_smaller_amount_counts():
    """Each change moves all home units, so a rank may come and go; the first that wins is found."""
    won = dict.fromkeys(("fund_amount_cny", "space_m2"), 0)
    for seed in range(14):
        market, project = willing_market(seed)
        for home in market:
            if rank_by_hand(market, (home, project)) == 1:
                continue
            for lever in counterfactual(Snapshot(market), project, home.id, 1).levers[:2]:
                least = {"fund_amount_cny": 0, "space_m2": 1}[lever.name]
                values = range(lever.current - 1, least - 1, -1)
                tries = (value for value in values if value % 3 == seed % 3 or value == lever.to_reach.needed)
                after = (
                    value
                    for value in tries
                    if rank_by_hand(market, changed(lever, (home, project), value)) == 1
                )
                assert next(after, None) == lever.to_reach.needed, (seed, lever)
                won[lever.name] += lever.to_reach.needed is not None
    assert min(won.values()) > 3, won


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.integers(0, 10**13))
def test_the_search_finds_the_first_and_has_looked_at_the_one_before(low, high, wanted):
    seen = set()

    def holds(values):
        seen.update(values.tolist())
        return values >= wanted

    found = smallest(low, high, holds)
    first = max(low, wanted)
    assert found == (first if first <= high and low <= high else None)
    assert found is None or found == low or found - 1 in seen
    assert len(seen) < 1_000


@pytest.mark.parametrize(("amount", "step"), [(0, 1), (1000, 1), (1001, 10), (5_000_000, 10_000)])
def test_a_step_is_a_thousandth_of_the_amount_or_more(amount, step):
    assert round_step(amount) == step
