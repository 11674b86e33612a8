"""Both sides of a pair: the same from either side, whole numbers that add up, and orders by them."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.matching.engine.reciprocal import reciprocal
from services.matching.engine.scoring import lens
from services.matching.engine.scoring.criteria import TEAM_WEIGHTS
from services.matching.engine.scoring.features import ProjectFeatures
from services.matching.engine.scoring.ranking import recommend_home_units, recommend_projects
from services.matching.engine.scoring.snapshot import Snapshot
from services.matching.engine.scoring.two_sided import TwoSided, quantised, scores_of_project
from tests.matching.ranking_markets import CRITERIA, home_lists, judge, projects

patient = settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))
project_lists = st.integers(1, 6).flatmap(
    lambda n: st.tuples(*(projects(f"prj_{i}") for i in range(n))).map(list)
)
millionths = st.integers(0, 1_000_000)
PUBLISHED = {
    "plant_and_space": 200,
    "fund_within_caps": 200,
    "team_preference": 180,
    "distance": 120,
    "talent": 100,
    "industry_fit": 80,
    "city_cluster": 60,
    "track_record": 40,
    "text_similarity": 20,
    "own_enclave": 0,
}


def test_the_weights_of_a_team_are_those_published_and_a_whole():
    assert dict(TEAM_WEIGHTS) == PUBLISHED
    assert sum(TEAM_WEIGHTS.values()) == 1000


def scores_of_home(snapshot: Snapshot, home) -> TwoSided:
    result = lens.for_home(snapshot, home, both_sides=True)
    return quantised(result.outcomes, result.team, result.total)


@patient
@given(home_lists(), project_lists)
def test_columns_of_either_side_equal_the_scalar_oracle(market, candidates):
    snapshot = Snapshot(market, candidates)
    homes, found = {home.id: home for home in market}, {}
    for project in candidates:
        pairs = scores_of_project(snapshot, snapshot.compiled(project))
        assert pairs.u.dtype == pairs.v.dtype == np.int32
        for row, home_id in enumerate(snapshot.home_table.ids):
            verdict = judge(homes[home_id], project)
            team = sum(PUBLISHED[name] * s for name, s in zip(CRITERIA, verdict.scores, strict=True))
            expected = (verdict.outcome == "pass", team // 1000, verdict.total // 1000)
            found[home_id, project.id] = (bool(pairs.permitted[row]), int(pairs.u[row]), int(pairs.v[row]))
            assert found[home_id, project.id] == expected
    for home_id in homes:
        back = scores_of_home(snapshot, snapshot.home_unit(home_id))
        for row, project_id in enumerate(snapshot.project_table.ids):
            sides = (bool(back.permitted[row]), int(back.u[row]), int(back.v[row]))
            assert sides == found[home_id, project_id]


@patient
@given(home_lists(), project_lists, projects("prj_0"))
def test_a_home_unit_asked_before_learns_of_a_changed_project(market, candidates, changed):
    snapshot = Snapshot(market, candidates)
    home = snapshot.home_unit(market[0].id)
    recommend_projects(snapshot, home.features.id)
    scores_of_home(snapshot, home)
    snapshot.upsert_project(changed)
    recommend_projects(snapshot, home.features.id)
    rebuilt = Snapshot(market, [changed, *candidates[1:]])
    fresh = scores_of_home(rebuilt, rebuilt.home_unit(home.features.id))
    kept = scores_of_home(snapshot, home)
    assert [column.tolist() for column in kept] == [column.tolist() for column in fresh]


@patient
@given(home_lists(), projects(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(market, project, chance: random.Random):
    shuffled = chance.sample(market, len(market))
    found = []
    for homes in (market, shuffled):
        snapshot = Snapshot(homes, [project])
        columns = scores_of_project(snapshot, snapshot.compiled(project))
        rows = zip(*(column.tolist() for column in columns), strict=True)
        found.append(dict(zip(snapshot.home_table.ids, rows, strict=True)))
    assert found[0] == found[1]


@given(millionths, millionths)
def test_a_reciprocal_score_lies_between_the_two_and_near_the_lower(u, v):
    both = reciprocal(u, v)
    assert both == reciprocal(v, u) == reciprocal(np.array([u], np.int32), np.array([v], np.int32))[0]
    assert min(u, v) <= both <= min(max(u, v), 2 * min(u, v))
    assert (both == 0) is (min(u, v) == 0)


@patient
@given(home_lists(), projects())
def test_the_sides_of_a_ranked_pair_are_the_sums_of_its_explanation(market, project):
    snapshot = Snapshot(market, [project])
    prices = {home.id: 1000 * place - 2000 for place, home in enumerate(market) if place % 2}
    for item in recommend_home_units(snapshot, project, 99, "reciprocal", prices).ranked:
        sides = item.both_sides
        team = sum(PUBLISHED[entry.criterion] * entry.score for entry in item.explanation)
        assert (sides.project, sides.home_unit) == (team // 1000, item.score // 1000)
        assert sides.reciprocal == reciprocal(sides.project, sides.home_unit)
        price = prices.get(item.candidate_id)
        assert sides.shadow_price == price
        expected = None if price is None else sides.reciprocal - price
        assert sides.scarcity_adjusted == expected
        (back,) = recommend_projects(
            snapshot, item.candidate_id, order="scarcity_adjusted", prices=prices
        ).ranked
        assert back.both_sides == sides


@patient
@given(home_lists(min_size=2), projects(), st.integers(1, 4))
def test_each_order_ranks_by_its_own_score(market, project, limit):
    snapshot = Snapshot(market)
    prices = {home.id: 50_000 * place for place, home in enumerate(market) if place % 3}
    everyone = recommend_home_units(snapshot, project, 99, prices=prices).ranked
    keys = {
        "score": lambda r: -r.score,
        "reciprocal": lambda r: -r.both_sides.reciprocal,
        "scarcity_adjusted": lambda r: (
            r.both_sides.scarcity_adjusted is None,
            -r.both_sides.reciprocal
            if r.both_sides.scarcity_adjusted is None
            else -r.both_sides.scarcity_adjusted,
        ),
    }
    for order, key in keys.items():
        ranked = recommend_home_units(snapshot, project, limit, order, prices).ranked
        expected = sorted(everyone, key=lambda r, key=key: (key(r), r.candidate_id))[:limit]
        assert [r.candidate_id for r in ranked] == [r.candidate_id for r in expected]


def test_no_such_order_is_an_error():
    project = ProjectFeatures(id="prj_a", title="", stage="reserve")
    with pytest.raises(ValueError, match="no such order"):
        recommend_home_units(Snapshot(), project, order="beauty")
