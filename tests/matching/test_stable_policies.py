"""Ties by promotion, lower quotas, and the questions a stable round answers."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import Infeasible, InvalidConfiguration
from services.matching.engine.markets.market import FULL, NONE, Market
from services.matching.engine.markets.solving import solve
from services.matching.engine.markets.stable.explaining import counterfactual, explain
from services.matching.engine.markets.stable.propensities import propensities
from tests.matching.stable_world import SEED, Definition, columns, configuration, small

PROMOTION = {"ties": "promotion", "priority_step": FULL}


def test_promotion_is_weakly_stable_and_matches_at_least_two_thirds_of_the_most() -> None:
    chance = np.random.default_rng(31)
    more = 0
    for number in range(150):
        caps = number % 2 == 0
        market = small(chance, int(chance.integers(1, 5)), 3, caps=caps)
        chosen = configuration(chance, ties="promotion")
        result = solve(market, chosen, SEED)
        own, definition = tuple(result.assignment.tolist()), Definition(market, chosen)
        assert definition.blocking(own, by_class=True) == []
        assert result.certificate["blocking_pairs"] == 0
        assert result.certificate["blocking_by"] == "class"
        assert not result.figures["strategy_proof"]
        assert result.figures["matched"] >= result.figures["matched_by_lottery"] * 2 / 3
        more += result.figures["matched"] - result.figures["matched_by_lottery"]
        if not caps:
            every = itertools.product(*([*wished, NONE] for wished in definition.lists))
            weak = [one for one in every if kept(definition, one) and not definition.blocking(one, True)]
            assert result.figures["matched"] * 3 >= 2 * max(sum(h != NONE for h in one) for one in weak)
    assert more > 0


def kept(definition: Definition, assignment: tuple[int, ...]) -> bool:
    return definition.holds([(p, h) for p, h in enumerate(assignment) if h != NONE])


def test_promotion_saves_whom_the_lottery_leaves_out() -> None:
    """Two equals want the one place; only one of them has another home unit to go to."""
    scores = [[9, 8], [9, NONE]]
    content = {"project_ids": ["a", "b"], "home_unit_ids": ["x", "y"], "u": scores, "v": scores}
    market = market_of(**content, quotas=[1, 1])
    unlucky = next(
        seed
        for seed in (f"{n:064x}" for n in range(50))
        if solve(market, Configuration("stable"), seed).assignment.tolist() == [0, NONE]
    )
    helped = solve(market, Configuration("stable", **PROMOTION), unlucky)
    assert helped.assignment.tolist() == [1, 0]
    assert (helped.figures["matched"], helped.figures["matched_by_lottery"]) == (2, 1)
    assert helped.certificate["promoted"] == [1]


def test_short_lists_say_what_they_cost() -> None:
    chance = np.random.default_rng(32)
    u = chance.integers(0, FULL, 6) // 2 + chance.integers(0, FULL // 2, (60, 6))
    ids = [f"p{n:02}" for n in range(60)], [f"h{n}" for n in range(6)]
    market = market_of(project_ids=ids[0], home_unit_ids=ids[1], u=u, v=u, quotas=[10] * 6)
    short = solve(market, Configuration("stable", list_length=1), SEED).figures
    whole = solve(market, Configuration("stable"), SEED).figures
    assert (short["lists_cut"], whole["lists_cut"]) == (60, 0)
    assert short["unmatched_with_full_lists"] == whole["unmatched"] == 0
    assert short["unmatched"] > 5
    assert (whole["strategy_proof"], short["strategy_proof"]) == (True, False)


def test_the_fewest_blocking_pairs_are_the_fewest() -> None:
    chance = np.random.default_rng(33)
    outcomes = set()
    for number in range(60):
        market = small(chance, int(chance.integers(2, 5)), 3, caps=number % 2 == 0)
        chosen = configuration(chance, lower_quotas="fewest_blocking")
        definition = Definition(market, chosen)
        every = itertools.product(
            *([*one, NONE] if not fixed(market, p) else one for p, one in enumerate(definition.lists))
        )
        meeting = [one for one in every if kept(definition, one) and meets(market, one)]
        if not meeting:
            with pytest.raises(Infeasible):
                solve(market, chosen, SEED)
            outcomes.add("none")
            continue
        result = solve(market, chosen, SEED)
        own = tuple(result.assignment.tolist())
        assert own in meeting
        fewest = min(len(definition.blocking(one)) for one in meeting)
        assert result.certificate["blocking_pairs"] == len(definition.blocking(own)) == fewest
        outcomes.add(result.certificate["kind"])
        assert result.certificate.get("claimed_fewest", True)
    assert outcomes == {"none", "stability", "fewest_blocking"}


def fixed(market: Market, project: int) -> bool:
    return any(one.kind == "fixed" and one.project == project for one in market.commitments)


def meets(market: Market, assignment: tuple[int, ...]) -> bool:
    filled = np.bincount([h for h in assignment if h != NONE], minlength=market.shape[1])
    return bool((filled >= market.lower_quotas).all())


def test_lower_quotas_where_nobody_may_go_have_no_answer() -> None:
    content = {"project_ids": ["a"], "home_unit_ids": ["x"], "u": [[NONE]], "v": [[NONE]]}
    market = market_of(**content, quotas=[1], lower_quotas=[1])
    with pytest.raises(Infeasible):
        solve(market, Configuration("stable", lower_quotas="fewest_blocking"), SEED)
    soft = solve(market, Configuration("stable", lower_quotas="soft"), SEED)
    assert soft.certificate["short_of_lower_quotas"] == [[0, 0, 1]]
    assert soft.assignment.tolist() == [NONE]


def test_a_market_too_large_for_the_fewest_is_refused() -> None:
    size = (500, 9)
    ids = [f"p{n:03}" for n in range(size[0])], [f"h{n}" for n in range(size[1])]
    u = np.ones(size, int) * np.arange(9)
    market = market_of(
        project_ids=ids[0], home_unit_ids=ids[1], u=u, v=u, quotas=[500] * 9, lower_quotas=[1] * 9
    )
    with pytest.raises(InvalidConfiguration, match="4500"):
        solve(market, Configuration("stable", lower_quotas="fewest_blocking"), SEED)
    assert not solve(market, Configuration("stable"), SEED).certificate["lower_quotas_possible"]
    result = solve(market, Configuration("stable", lower_quotas="soft"), SEED)
    assert result.certificate["short_of_lower_quotas"] == []
    assert len(result.certificate["reserved"]) == result.certificate["blocking_pairs"] / 4.5 == 8


def test_soft_lower_quotas_move_no_more_than_is_lacking() -> None:
    chance = np.random.default_rng(34)
    kinds = set()
    for number in range(200):
        market = small(chance, 7, 3, caps=number % 2 == 0)
        chosen = configuration(chance)
        before = solve(market, chosen, SEED)
        result = solve(market, replace(chosen, lower_quotas="soft"), SEED)
        proof, own = result.certificate, tuple(result.assignment.tolist())
        kinds.add(proof["kind"])
        definition = Definition(market, chosen)
        assert definition.holds([(p, h) for p, h in enumerate(own) if h != NONE])
        assert proof["blocking_pairs"] == len(definition.blocking(own))
        assert lacking(proof) <= lacking(before.certificate)
        if proof["kind"] == "stability":
            assert own == tuple(before.assignment.tolist())
            continue
        reserved = dict(proof["reserved"])
        assert all(own[p] == h and h in definition.lists[p] for p, h in reserved.items())
        for home in range(3):
            assert list(reserved.values()).count(home) <= market.lower_quotas[home]
        assert reserved or lacking(proof) == lacking(before.certificate)
    assert kinds == {"stability", "soft_lower_quotas"}


def test_a_short_home_unit_asks_those_who_lose_least_where_there_are_enough() -> None:
    """x may spare nobody; c falls one place and d two, though z likes d better."""
    u = [[9, NONE, 8], [9, NONE, 8], [NONE, 9, 8], [8, 9, 7]]
    v = [[9, NONE, 9], [9, NONE, 1], [NONE, 9, 5], [9, 9, 8]]
    market = market_of(
        project_ids=list("abcd"),
        home_unit_ids=list("xyz"),
        u=u,
        v=v,
        quotas=[2, 2, 1],
        lower_quotas=[2, 0, 1],
    )
    assert solve(market, Configuration("stable"), SEED).assignment.tolist() == [0, 0, 1, 1]
    result = solve(market, Configuration("stable", lower_quotas="soft"), SEED)
    assert result.assignment.tolist() == [0, 0, 2, 1]
    assert result.certificate["reserved"] == [[2, 2]]
    assert explain(result, 2)["reason"] == "reserved"
    assert [one["code"] for one in explain(result, 2)["better"]] == ["gave_way"]


def lacking(certificate) -> int:
    return sum(wanted - got for _, got, wanted in certificate["short_of_lower_quotas"])


def test_policies_that_exclude_each_other_are_refused() -> None:
    market = small(np.random.default_rng(35), 3, 2)
    for policy in ("soft", "fewest_blocking"):
        with pytest.raises(InvalidConfiguration, match="promotion"):
            solve(market, Configuration("stable", ties="promotion", lower_quotas=policy), SEED)


def test_an_explanation_names_what_stood_against_every_better_home_unit() -> None:
    chance = np.random.default_rng(36)
    codes, reasons = set(), set()
    for number in range(150):
        market, chosen = small(chance, 7, 3, caps=number % 2 == 0), configuration(chance)
        result, definition = solve(market, chosen, SEED), Definition(market, chosen)
        for project, home in enumerate(result.assignment.tolist()):
            said = explain(result, project)
            reasons.add(said["reason"])
            assert said["home_unit"] == home
            assert [one["home_unit"] for one in said["better"]] == (
                definition.lists[project][: definition.rank(project, home)]
            )
            for one in said["better"]:
                codes.add(one["code"])
                assert one["key"] == definition.keys[project][one["home_unit"]] >= one["cutoff"]
    assert codes == {"industry_full", "home_unit_full", "region_full"}
    assert reasons == {
        "fixed", "nothing_permitted", "first_in_list", "best_that_took_it", "all_full"
    }  # fmt: skip


def changed(market: Market, **content) -> Market:
    return Market(**{name: content.get(name, getattr(market, name)) for name in market.__dataclass_fields__})


@pytest.mark.parametrize("kernels", ["", "python"])
def test_a_counterfactual_is_the_least_that_changes_the_outcome(
    kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEIDI_ENGINE_KERNELS", kernels)
    chance = np.random.default_rng(37)
    answers: dict[str, int] = {}
    for number in range(60):
        market = market_of(**columns(chance, 8, 3, caps=number % 2 == 0))
        chosen = configuration(chance, list_length=0)
        result = solve(market, chosen, SEED)
        project, home = int(chance.integers(8)), int(chance.integers(3))
        said = counterfactual(result, project, home)
        answers[said["answer"]] = answers.get(said["answer"], 0) + 1
        if said["answer"] not in ("by_priority", "by_no_priority"):
            continue

        def with_v(value: int, market=market, chosen=chosen, pair=(project, home)) -> int:
            v = market.v.copy()
            v[pair] = value
            return int(solve(changed(market, v=v), chosen, SEED).assignment[pair[0]])

        if said["least_v"] is None:
            assert with_v(FULL) != home
        else:
            assert with_v(said["least_v"]) == home
            assert with_v(said["least_v"] - 1) != home
        quotas = market.quotas.copy()
        quotas[home] += 1
        wider = solve(changed(market, quotas=quotas), chosen, SEED).assignment
        assert said["one_more_place"]["home_unit"] == wider[project]
        moved = {p: new for p, _, new in said["one_more_place"]["moved"]}
        assert [moved.get(p, h) for p, h in enumerate(result.assignment.tolist())] == wider.tolist()
    assert min(answers.values()) > 1
    assert set(answers) == {"not_listed", "is_there", "prefers_where_it_is", "by_priority", "by_no_priority"}


def test_propensities_are_the_round_under_every_lottery() -> None:
    chance = np.random.default_rng(38)
    seeds = [f"{n:064x}" for n in range(6)]
    for policy in ({}, PROMOTION, {"lower_quotas": "soft"}):
        market = small(chance, 12, 3)
        chosen = Configuration("stable", **{"priority_step": 250_000, **policy})
        drawn = propensities(market, chosen, seeds)
        assert drawn.tolist() == [solve(market, chosen, seed).assignment.tolist() for seed in seeds]
    assert propensities(market, chosen, []).shape == (0, 12)
    with pytest.raises(InvalidConfiguration):
        propensities(market, Configuration("welfare"), seeds)
