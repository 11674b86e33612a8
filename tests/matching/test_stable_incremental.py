"""A standing round after each change equals the round that is run anew, to the last byte."""

from dataclasses import replace

import numpy as np
import pytest

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.canonical import canonical_json
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidConfiguration, InvalidMarket
from services.matching.engine.markets.market import FULL, NONE, Market
from services.matching.engine.markets.solving import solve
from services.matching.engine.markets.stable.incremental import Arrival, Standing
from tests.matching.stable_world import SEED, configuration, small

HOMES = 3


def newcomer(chance: np.random.Generator, number: int, market: Market) -> Arrival:
    levels = int(chance.choice([2, 1_000]))
    u, v = (chance.integers(0, levels, market.shape[1]) * (FULL // levels) for _ in range(2))
    gated = chance.random(market.shape[1]) < 0.2
    u[gated] = v[gated] = NONE
    industry = int(chance.integers(NONE, len(market.industries))) if market.industries else NONE
    return Arrival(f"new_{number}", u, v, industry)


def with_project(market: Market, arrival: Arrival) -> Market:
    """The changed market by hand, from the columns of the old one."""
    return rebuilt(
        market,
        project_ids=[*market.project_ids, arrival.project_id],
        u=np.vstack([market.u, arrival.u]),
        v=np.vstack([market.v, arrival.v]),
        project_industry=[*market.project_industry, arrival.industry],
        demands=None,
    )


def without_project(market: Market, row: int) -> Market:
    kept = [n for n in range(market.shape[0]) if n != row]
    commitments = [(kept.index(one.project), *one[1:]) for one in market.commitments if one.project != row]
    return rebuilt(
        market,
        project_ids=[market.project_ids[n] for n in kept],
        u=market.u[kept],
        v=market.v[kept],
        project_industry=market.project_industry[kept],
        commitments=commitments,
        demands=None,
    )


def rebuilt(market: Market, **changed) -> Market:
    names = set(market.__dataclass_fields__) - {"previous"}
    return market_of(**{**{name: getattr(market, name) for name in names}, **changed})


@pytest.mark.parametrize("part", range(5))
def test_every_change_gives_the_bytes_of_a_full_run(part: int) -> None:
    chance = np.random.default_rng([11, part])
    kinds = set()
    for _ in range(100):
        market = small(chance, int(chance.integers(0, 9)), HOMES, caps=bool(part % 2))
        chosen = configuration(chance, ties=str(chance.choice(["lottery", "lottery", "promotion"])))
        standing = Standing(market, chosen, SEED)
        for number in range(2):
            market, kind = change(chance, number, market, standing)
            kinds.add(kind)
            full = solve(market, chosen, SEED)
            assert canonical_json(standing.result().document()) == canonical_json(full.document())
    assert kinds == {"arrive", "depart", "place"}


def change(
    chance: np.random.Generator, number: int, market: Market, standing: Standing
) -> tuple[Market, str]:
    kind = str(chance.choice(["arrive", "arrive", "depart", "place"]))
    if kind == "depart" and market.shape[0]:
        row = int(chance.integers(market.shape[0]))
        standing.depart(market.project_ids[row])
        return without_project(market, row), kind
    if kind == "place":
        home = int(chance.integers(HOMES))
        standing.add_place(home)
        quotas = market.quotas.copy()
        quotas[home] += 1
        return replace(market, quotas=quotas), kind
    arrival = newcomer(chance, number, market)
    got = standing.arrive(arrival)
    assert standing.home_of(arrival.project_id) == got
    return with_project(market, arrival), "arrive"


def test_many_arrivals_and_departures_keep_to_the_full_run(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(12)
    market, chosen = small(chance, 30, HOMES, caps=True), Configuration("stable", priority_step=250_000)
    market = replace(market, quotas=np.array([60, 40, 30]))
    standing = Standing(market, chosen, SEED)
    for number in range(150):
        standing.arrive(newcomer(chance, number, market))
        if number % 3 == 0:
            standing.depart(str(chance.choice(sorted(standing.rows.index))))
    ours = canonical_json(standing.result().document())
    assert ours == canonical_json(solve(standing.snapshot(), chosen, SEED).document())
    monkeypatch.setenv("FEIDI_ENGINE_KERNELS", "python")
    assert ours == canonical_json(solve(standing.snapshot(), chosen, SEED).document())
    standing = Standing(market, chosen, SEED)
    standing.arrive(newcomer(chance, 0, market))
    standing.depart(market.project_ids[0])
    plain = canonical_json(standing.result().document())
    assert plain == canonical_json(solve(standing.snapshot(), chosen, SEED).document())


def test_what_is_no_arrival_changes_nothing() -> None:
    chance = np.random.default_rng(13)
    market = small(chance, 4, HOMES)
    standing = Standing(market, Configuration("stable"), SEED)
    before = canonical_json(standing.result().document())
    good = [1, 2, 3]
    for wrong in (
        Arrival(market.project_ids[0], good, good),
        Arrival("", good, good),
        Arrival("new", [1, 2], [1, 2]),
        Arrival("new", [1, 2, -1], good),
        Arrival("new", [1, 2, FULL + 1], good),
        Arrival("new", [1.5, 2, 3], good),
        Arrival("new", good, good, industry=7),
        Arrival("new", good, good, demands=[3]),
    ):
        with pytest.raises(InvalidMarket):
            standing.arrive(wrong)
    with pytest.raises(KeyError):
        standing.depart("nobody")
    assert canonical_json(standing.result().document()) == before
    with pytest.raises(InvalidConfiguration, match="lower quotas"):
        Standing(market, Configuration("stable", lower_quotas="soft"), SEED)
