"""The pure part of evaluations: what may be said of the past, and when nothing may."""

from datetime import date, timedelta

import numpy as np
import pytest

from services.matching.engine.evaluation.backtest import backtest
from services.matching.engine.evaluation.calibration import calibrate, judge
from services.matching.engine.evaluation.cohorts import PPM, Admission, Cohort, matured
from services.matching.engine.evaluation.landing_probability import WEIGHTS, fit
from services.matching.engine.evaluation.placebo import placebo
from services.matching.engine.evaluation.propensities import propensities, replayed, wilson
from services.matching.engine.evaluation.proposals import LIMIT_PERMILLE, propose
from services.matching.engine.evaluation.ranks import rank_of, to_be_placed
from services.matching.engine.scoring.features import HomeUnitFeatures, ProjectFeatures
from services.matching.engine.scoring.ranking import recommend_home_units
from services.matching.engine.scoring.snapshot import Snapshot
from tests.matching.landing_histories import day_number, synthetic

FIRST, LAST, AS_OF = date(2015, 1, 1), date(2023, 12, 31), 20260201
SPREAD = [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8] * 3


def cohort_of(rates: list[float], per_home: int, seed: int = 1, later: list[float] | None = None) -> Cohort:
    return matured(synthetic(seed, rates, per_home, FIRST, LAST, later), AS_OF, 24)


# -- who counts


def test_a_horizon_counts_to_its_very_day() -> None:
    entries = [
        Admission("a", "x", 20220301, 20240301),
        Admission("b", "x", 20220301, 20240302),
        Admission("c", "x", 20220302, 20220401),
        Admission("d", "x", 20240302, None),
    ]
    cohort = matured(entries, 20240301, 24)
    assert (cohort.project_ids, cohort.landed.tolist(), cohort.censored) == (("a", "b"), [True, False], 1)


def test_young_admissions_change_no_figure_whether_they_landed_or_not() -> None:
    entries = synthetic(3, SPREAD, 40, FIRST, LAST)
    for landed in (None, 20260101):
        young = [Admission(f"y{n}", f"org_{n % 30:03}", 20250101 + n % 28, landed) for n in range(500)]
        with_young, without = matured(entries + young, AS_OF, 24), matured(entries, AS_OF, 24)
        assert with_young.censored - without.censored == 500
        assert fit(with_young).predictions().tolist() == fit(without).predictions().tolist()
        assert calibrate(with_young).bins == calibrate(without).bins


def test_order_of_admissions_changes_nothing() -> None:
    entries = synthetic(4, SPREAD, 20, FIRST, LAST)
    assert calibrate(matured(entries, AS_OF, 24)) == calibrate(matured(entries[::-1], AS_OF, 24))


def test_what_cannot_be_a_cohort_is_refused() -> None:
    twice = [Admission("a", "x", 20200101, None), Admission("a", "y", 20200102, None)]
    with pytest.raises(ValueError, match="admitted twice"):
        matured(twice, AS_OF, 24)
    with pytest.raises(ValueError, match="whole years"):
        matured([], AS_OF, 18)


# -- probabilities


def test_a_small_home_unit_stays_near_the_network_and_a_large_one_follows_itself() -> None:
    entries = synthetic(5, [0.3] * 20, 50, FIRST, LAST)
    entries += [Admission(f"s{n}", "small", 20200101 + n, 20200601) for n in range(6)]
    entries += [Admission(f"l{n:03}", "large", 20200101, 20200601) for n in range(300)]
    model = fit(matured(entries, AS_OF, 24))
    small, large = (model.estimate(home, calibrated=True) for home in ("small", "large"))
    assert small.probability is not None
    assert large.probability is not None
    assert model.rate < small.probability < large.probability
    for found in (small, large):
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.probability < found.high
    assert (small.high or 0) - (small.low or 0) > (large.high or 0) - (large.low or 0)


def test_unlike_home_units_share_less() -> None:
    alike, unlike = cohort_of([0.3] * 30, 100), cohort_of([0.02, 0.9] * 15, 100)
    assert fit(unlike).weight < fit(alike).weight
    assert fit(alike).weight == WEIGHTS[-1]


def test_too_little_is_not_said_and_says_why() -> None:
    few = fit(matured(synthetic(6, [0.5], 20, FIRST, LAST), AS_OF, 24)).estimate("org_000", calibrated=False)
    assert (few.probability, few.low, few.high) == (None, None, None)
    assert few.reasons == ("too_few_in_network", "not_calibrated")
    model = fit(cohort_of(SPREAD, 10))
    assert model.estimate("nobody", calibrated=True).reasons == ("too_few_at_home_unit",)
    nothing = fit(matured([], AS_OF, 24)).estimate("nobody", calibrated=True)
    assert nothing.reasons == ("too_few_in_network", "too_few_at_home_unit")


# -- calibration


@pytest.mark.parametrize("seed", range(5))
def test_a_history_that_follows_the_model_is_published(seed: int) -> None:
    found = calibrate(cohort_of(SPREAD, 100, seed))
    assert (found.verdict, found.reasons) == ("publish", ())
    assert found.ece is not None
    assert found.brier is not None
    assert found.ece <= 50_000
    assert found.brier < (found.base_brier or 0)
    assert sum(entry.count for entry in found.bins) == found.judged


@pytest.mark.parametrize("seed", range(5))
def test_after_a_change_of_the_times_nothing_is_published(seed: int) -> None:
    fallen = [rate / 3 for rate in SPREAD]
    found = calibrate(cohort_of(SPREAD, 100, seed, later=fallen))
    assert (found.verdict, "ece_above_limit" in found.reasons) == ("abstain", True)


def test_predictions_that_exaggerate_are_not_published() -> None:
    cohort = cohort_of(SPREAD, 100)
    honest = np.array([round(SPREAD[int(name[4:])] * PPM) for name in cohort.homes])[cohort.home]
    exaggerated = np.where(honest > 350_000, 990_000, 10_000)
    base = int(cohort.landed.sum()) * PPM // len(cohort)
    assert judge(honest, cohort, base, None, 0, 0).verdict == "publish"
    assert judge(exaggerated, cohort, base, None, 0, 0).reasons[0] == "ece_above_limit"


def test_one_rate_for_all_is_no_better_than_itself() -> None:
    cohort = cohort_of([0.3] * 10, 100)
    found = judge(np.full(len(cohort), 300_000), cohort, 300_000, None, 0, 0)
    assert found.reasons == ("no_better_than_base_rate",)
    assert found.brier == found.base_brier


@pytest.mark.parametrize(
    ("per_home", "reason"), [(0, "no_later_cohort"), (1, "too_few_fitted"), (2, "too_few_judged")]
)
def test_a_short_history_abstains(per_home: int, reason: str) -> None:
    found = calibrate(cohort_of(SPREAD, per_home))
    assert found.verdict == "abstain"
    assert reason in found.reasons
    assert found.ece is None


def test_admissions_of_one_day_are_never_parted() -> None:
    entries = [Admission(f"p{n}", "x", 20200101, None) for n in range(200)]
    assert calibrate(matured(entries, AS_OF, 24)).reasons == ("no_later_cohort",)


# -- placebo


def test_on_a_market_where_nothing_helps_only_the_naive_estimate_claims_a_gain() -> None:
    found = [placebo(seed) for seed in range(60)]
    assert all(entry.naive.low > 0 for entry in found)
    for kind in ("ipw", "self_normalised"):
        honest = sum(getattr(entry, kind).contains_zero for entry in found)
        assert honest >= 53, kind  # Of 60 at 95 %, fewer come once in a thousand times.
    assert found[0].ipw.contains_zero
    assert found[0].self_normalised.contains_zero
    assert placebo(0) == found[0]


# -- backtest


def test_ranks_become_hits_with_an_interval_around_them() -> None:
    ranks = [1, 2, 3, 4, 11, None, 1, 1, 5, 20] * 20
    landed = np.array([True] * 100 + [False] * 100)
    found = backtest(ranks, landed, censored=7, left_out=3, seed=5)
    assert (found.landed.n, found.landed.refused, found.censored, found.left_out) == (100, 10, 7, 3)
    assert found.landed.hits is not None
    assert {depth: share.value for depth, share in found.landed.hits.items()} == {
        1: 300_000,
        3: 500_000,
        10: 700_000,
    }
    for share in found.landed.hits.values():
        assert share.low < share.value < share.high
    assert found.landed.mean_reciprocal_rank is not None
    expected = (3 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 11 + 1 / 5 + 1 / 20) / 10
    assert found.landed.mean_reciprocal_rank.value == pytest.approx(expected * PPM, abs=2)
    assert backtest(ranks, landed, 7, 3, 5) == found
    assert backtest(ranks, landed, 7, 3, 6) != found


def test_a_backtest_of_nobody_has_no_figures() -> None:
    found = backtest([], np.zeros(0, np.bool_), 0, 0, 0)
    assert (found.landed.hits, found.not_landed.mean_reciprocal_rank) == (None, None)
    with pytest.raises(ValueError, match="from 1"):
        backtest([0], np.ones(1, np.bool_), 0, 0, 0)


def offering(number: int, **changes: object) -> HomeUnitFeatures:
    facts: dict[str, object] = {
        "id": f"org_{number:02}",
        "name": f"市 {number}",
        "leading_industries": ("3581",) if number % 3 else ("2710",),
        "accepted_plant_classes": frozenset({"clean_room"}),
        "accepted_stages": frozenset({"reserve"}),
        "available_space_m2": 5000,
        "max_fund_amount_cny": 9_000_000,
        "remaining_budget_cny": 9_000_000,
        "policy_supported_fields": frozenset({"3581"}),
        "talent_count": number % 4 * 100,
    }
    return HomeUnitFeatures(**{**facts, **changes})  # type: ignore[arg-type]


def test_a_rank_is_the_one_the_recommendation_gives() -> None:
    snapshot = Snapshot([offering(number) for number in range(30)])
    snapshot.upsert_home_unit(offering(99, available_space_m2=1))
    told = ProjectFeatures(
        id="prj",
        title="电极",
        stage="completed",
        industry_codes=("3581",),
        plant_class="clean_room",
        space_m2=800,
        fund_amount_cny=1_000_000,
        enclave_home_unit_id="org_00",
    )
    project = to_be_placed(told)
    assert (project.stage, project.enclave_home_unit_id) == ("reserve", None)
    ranked = recommend_home_units(snapshot, project, 50).ranked
    assert len(ranked) == 30
    assert {item.candidate_id: item.rank for item in ranked} == {
        f"org_{number:02}": rank_of(snapshot, project, f"org_{number:02}") for number in range(30)
    }
    assert rank_of(snapshot, project, "org_99") is None


# -- propensities


def test_lottery_replays_give_the_chance_of_each_pair() -> None:
    found = replayed(lambda number: np.array([number % 2, 1 - number % 2, -1], np.int32), 1000, 2)
    assert [found.of(0, home)[0] for home in (0, 1, -1)] == [500_000, 500_000, 0]
    assert found.of(2, -1)[0] == PPM
    _, low, high = found.of(0, 0)
    assert 470_000 < low < 500_000 < high < 530_000
    assert found.counts.sum(axis=1).tolist() == [1000] * 3


def test_wilson_is_the_interval_of_the_textbook() -> None:
    low, high = wilson(np.array([0, 5, 10]), 10)
    assert low.tolist() == pytest.approx([0, 269_270, 787_060], abs=60)
    assert high.tolist() == pytest.approx([212_940, 730_730, PPM], abs=60)


def test_replays_of_other_projects_are_refused() -> None:
    for bad in ([], [np.zeros(2, np.int32), np.zeros(3, np.int32)], [np.array([5], np.int32)]):
        with pytest.raises(ValueError, match="replay"):
            propensities(bad, 2)


# -- proposals


def decisions(shift: int, count: int = 200, seed: int = 2) -> tuple[list[int | None], list[bool]]:
    random = np.random.default_rng(seed)
    accepted = [bool(number % 2) for number in range(count)]
    return [int(random.integers(0, 400_000)) + shift * said for said in accepted], accepted


@pytest.mark.parametrize(
    ("shift", "proposed"), [(100_000, range(105, 116)), (-100_000, range(85, 96)), (500_000, [120])]
)
def test_a_weight_follows_what_was_accepted_within_its_limit(shift: int, proposed: object) -> None:
    scores, accepted = decisions(shift)
    (found,) = propose({"talent": scores}, accepted, {"talent": 100}, seed=1)
    assert found.proposed in proposed  # type: ignore[operator]
    assert abs(found.proposed - 100) <= 100 * LIMIT_PERMILLE // 1000
    assert found.low is not None
    assert found.high is not None
    assert found.low * found.high > 0


def test_without_a_difference_no_weight_moves() -> None:
    moved = 0
    for seed in range(100):
        scores, accepted = decisions(0, seed=seed)
        (found,) = propose({"talent": scores}, accepted, {"talent": 100}, seed=1)
        moved += found.moves
    assert moved <= 6


def test_too_few_decisions_say_nothing_and_unknown_scores_do_not_count() -> None:
    scores, accepted = decisions(500_000, 18)
    (few,) = propose({"talent": scores}, accepted, {"talent": 100}, seed=1)
    assert (few.difference, few.moves, few.accepted, few.refused) == (None, False, 9, 9)
    scores, accepted = decisions(500_000, 100)
    blind: list[int | None] = [None if said else score for score, said in zip(scores, accepted, strict=True)]
    (found,) = propose({"talent": blind}, accepted, {"talent": 100}, seed=1)
    assert (found.accepted, found.refused, found.difference) == (0, 50, None)


def test_a_cohort_keeps_days_of_years_apart() -> None:
    leap = date(2024, 2, 29)
    entries = [Admission("a", "x", day_number(leap), None)]
    day_before = day_number(date(2026, 3, 1) - timedelta(days=1))
    assert len(matured(entries, day_before, 24)) == 0
    assert len(matured(entries, 20260301, 24)) == 1
