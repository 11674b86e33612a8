"""Whatever the engine answers to a round of any kind, who shares no code with it finds nothing wrong."""

import json
import random
from collections import Counter

import pytest

from services.matching.engine.markets.comparison import blocking_pairs
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import Infeasible, InvalidConfiguration
from services.matching.engine.markets.result import Result
from services.matching.engine.markets.solving import solve
from services.matching.engine.markets.terms import adjusted_scores
from services.matching.verifier import verify
from tests.matching.random_rounds import SEED, a_configuration, a_market

ROUNDS = 170


@pytest.fixture(scope="module")
def results() -> list[Result]:
    """What came of random rounds; those that ask for what there is not are refused."""
    chance, found = random.Random(20_270_101), list[Result]()
    for _ in range(ROUNDS):
        configuration = a_configuration(chance)
        market = a_market(chance, configuration)
        try:
            found.append(solve(market, configuration, SEED))
        except (Infeasible, InvalidConfiguration):
            assert market.lower_quotas.any() or market.commitments or configuration.ties == "promotion"
    return found


def test_the_verifier_accepts_every_round(results: list[Result]) -> None:
    for result in results:
        document = json.loads(json.dumps(result.document()))
        assert [check for check in verify(document) if not check.passed] == [], document


def test_rounds_of_every_kind_are_among_them(results: list[Result]) -> None:
    kinds = Counter(result.certificate["kind"] for result in results)
    assert set(kinds) == {"stability", "soft_lower_quotas", "fewest_blocking", "optimality", "bound"}
    assert sum(kinds.values()) >= ROUNDS * 3 // 4
    asked = {(one.configuration.fairness, one.configuration.ties) for one in results}
    assert asked >= {("max_min", "lottery"), ("alpha", "lottery"), ("none", "promotion")}
    commitments = {one.kind for result in results for one in result.market.commitments}
    assert commitments == {"fixed", "first_refusal", "weight"}
    assert any(result.market.resources for result in results)
    assert any(0 in result.market.shape for result in results)


def test_fairness_never_leaves_the_worst_off_with_less(results: list[Result]) -> None:
    fair = [one.figures for one in results if one.configuration.fairness == "max_min"]
    assert fair
    for figures in fair:
        without = figures["least_home_welfare_per_place_without_fairness"]
        assert figures["least_home_welfare_per_place"] >= without


def test_a_stable_round_has_no_blocking_pair_by_the_yardstick_of_comparisons_either() -> None:
    chance, configuration, fixed = random.Random(4), Configuration("stable"), 0
    for _ in range(60):
        market = a_market(chance, configuration, lower_quotas=None)
        if any(one.kind == "first_refusal" for one in market.commitments):
            continue
        try:
            result = solve(market, configuration, SEED)
        except Infeasible:
            continue
        fixed += any(one.kind == "fixed" for one in market.commitments)
        assert blocking_pairs(market, adjusted_scores(market), result.assignment) == 0
    assert fixed
