"""Properties that hold on every market."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.matching.engine.scoring.features import HomeUnitFeatures, ProjectFeatures
from services.matching.engine.scoring.ranking import (
    Recommendations,
    explain_pair,
    recommend_home_units,
    recommend_projects,
)
from services.matching.engine.scoring.snapshot import Snapshot
from tests.matching.ranking_markets import HOMES, home_lists, homes, judge, projects

patient = settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
project_lists = st.integers(1, 8).flatmap(
    lambda n: st.tuples(*(projects(f"prj_{i}") for i in range(n))).map(list)
)


def answer(result: Recommendations) -> tuple:
    return result.ranked, result.open_candidates, result.questions, result.counts, result.refusals(99)


@patient
@given(home_lists(), projects(), st.integers(1, 4))
def test_home_units_equal_the_scalar_oracle(market, project, limit):
    result = recommend_home_units(Snapshot(market), project, limit)
    verdicts = {home.id: judge(home, project) for home in market}
    for outcome, got in (("pass", result.ranked), ("unknown", result.open_candidates)):
        expected = sorted((-v.total, i) for i, v in verdicts.items() if v.outcome == outcome)[:limit]
        assert [(-c.score, c.candidate_id) for c in got] == expected
    for home_id, verdict in verdicts.items():
        assert result.outcomes_of(home_id) == verdict.gates
    for ranked in result.ranked:
        assert tuple(e.score for e in ranked.explanation) == verdicts[ranked.candidate_id].scores
    refused = sorted(i for i, v in verdicts.items() if v.outcome == "fail")
    assert [r.candidate_id for r in result.refusals(99)] == refused
    assert result.counts.refused == len(refused)


@patient
@given(homes(HOMES[0]), project_lists, st.integers(1, 4))
def test_projects_equal_the_scalar_oracle(home, market, limit):
    result = recommend_projects(Snapshot([home], market), home.id, limit)
    verdicts = {project.id: judge(home, project) for project in market}
    for outcome, got in (("pass", result.ranked), ("unknown", result.open_candidates)):
        expected = sorted((-v.total, i) for i, v in verdicts.items() if v.outcome == outcome)[:limit]
        assert [(-c.score, c.candidate_id) for c in got] == expected
    for project_id, verdict in verdicts.items():
        assert result.outcomes_of(project_id) == verdict.gates


@patient
@given(home_lists(), projects())
def test_points_sum_to_the_score(market, project):
    for ranked in recommend_home_units(Snapshot(market), project, 99).ranked:
        assert sum(e.points for e in ranked.explanation) == ranked.score <= 10**9
        assert sum(e.weight for e in ranked.explanation) == 1000
        for entry in ranked.explanation:
            assert entry.points == entry.weight * entry.score
            assert 0 <= entry.score <= 1_000_000
            assert entry.known or entry.points == 0


@patient
@given(home_lists(), projects())
def test_both_directions_explain_a_pair_alike(market, project):
    snapshot = Snapshot(market, [project])
    for ranked in recommend_home_units(snapshot, project, 99).ranked:
        (back,) = recommend_projects(snapshot, ranked.candidate_id).ranked
        assert (back.score, back.explanation) == (ranked.score, ranked.explanation)


@patient
@given(home_lists(min_size=3), projects(), st.data())
def test_the_order_of_two_does_not_depend_on_a_third(market, project, data):
    everyone = recommend_home_units(Snapshot(market), project, 99)
    fewer = data.draw(st.lists(st.sampled_from(market), min_size=1, unique_by=lambda home: home.id))
    kept = {home.id for home in fewer}
    alone = recommend_home_units(Snapshot(fewer), project, 99)
    expected = [(r.candidate_id, r.score) for r in everyone.ranked if r.candidate_id in kept]
    assert [(r.candidate_id, r.score) for r in alone.ranked] == expected


@patient
@given(home_lists(), projects())
def test_an_unknown_is_never_a_pass_and_is_asked(market, project):
    result = recommend_home_units(Snapshot(market), project, 99)
    for ranked in result.ranked:
        assert set(result.outcomes_of(ranked.candidate_id).values()) == {"pass"}
    for candidate in result.open_candidates:
        asked = {q.gate for q in result.questions if candidate.candidate_id in q.candidate_ids}
        assert asked
        assert candidate.unknown_gates
        assert "fail" not in result.outcomes_of(candidate.candidate_id).values()
    assert result.counts.considered == result.counts.passed + result.counts.open + result.counts.refused


@patient
@given(home_lists(), project_lists, st.data())
def test_incremental_changes_equal_a_rebuild(market, candidates, data):
    snapshot = Snapshot(market, candidates)
    home_map = {home.id: home for home in market}
    project_map = {project.id: project for project in candidates}
    for _ in range(data.draw(st.integers(1, 6))):
        _change(snapshot, home_map, project_map, data)
    rebuilt = Snapshot(reversed(home_map.values()), reversed(project_map.values()))
    for project in project_map.values():
        assert answer(recommend_home_units(snapshot, project, 5)) == answer(
            recommend_home_units(rebuilt, project, 5)
        )
    for home_id in home_map:
        assert answer(recommend_projects(snapshot, home_id, 5)) == answer(
            recommend_projects(rebuilt, home_id, 5)
        )


def _change(
    snapshot: Snapshot,
    home_map: dict[str, HomeUnitFeatures],
    project_map: dict[str, ProjectFeatures],
    data: st.DataObject,
) -> None:
    for home_id in home_map:
        recommend_projects(snapshot, home_id, 1)
    for project in project_map.values():
        recommend_home_units(snapshot, project, 1)
    kind = data.draw(st.sampled_from(("home", "project", "drop home", "drop project")))
    if kind == "home":
        home = data.draw(homes(data.draw(st.sampled_from(HOMES))))
        home_map[home.id] = home
        snapshot.upsert_home_unit(home)
    elif kind == "project":
        project = data.draw(projects(f"prj_{data.draw(st.integers(0, 9))}"))
        project_map[project.id] = project
        snapshot.upsert_project(project)
    elif kind == "drop home" and home_map:
        snapshot.remove_home_unit(home_map.popitem()[0])
    elif kind == "drop project" and project_map:
        snapshot.remove_project(project_map.pop(min(project_map)).id)


def scores(home: HomeUnitFeatures, project: ProjectFeatures) -> dict[str, int]:
    return {e.criterion: e.score for e in explain_pair(Snapshot([home]), project, home.id)}


@patient
@given(homes(HOMES[0]), projects(), st.integers(1, 100_000))
def test_more_capacity_never_scores_less(home, project, more):
    before = scores(home, project)
    better = replace(
        home,
        available_space_m2=(home.available_space_m2 or 0) + more,
        max_fund_amount_cny=None if home.max_fund_amount_cny is None else home.max_fund_amount_cny + more,
        talent_count=(home.talent_count or 0) + more,
        admitted_count=None if home.admitted_count is None else home.admitted_count + more,
        landed_count=None if home.landed_count is None else home.landed_count + more,
        leading_industries=(*home.leading_industries, "3612"),
        cluster_ids=(home.cluster_ids or frozenset()) | {"yangtze_river_delta"},
    )
    assert all(after >= before[name] for name, after in scores(better, project).items())


@patient
@given(homes(HOMES[0]), projects())
def test_an_answer_never_scores_less_than_silence(home, project):
    after = scores(home, project)
    for field in ("available_space_m2", "talent_count", "lon", "cluster_ids", "remaining_budget_cny"):
        silent = scores(replace(home, **{field: None}), project)
        assert all(silent[name] <= after[name] for name in after)


@patient
@given(homes(HOMES[0]), projects())
def test_need_is_antitone(home, project):
    if project.space_m2 is None or project.fund_amount_cny is None:
        return
    more = replace(project, space_m2=project.space_m2 + 500, fund_amount_cny=project.fund_amount_cny + 10**6)
    before, after = scores(home, project), scores(home, more)
    assert after["plant_and_space"] <= before["plant_and_space"]
    assert after["fund_within_caps"] <= before["fund_within_caps"]
