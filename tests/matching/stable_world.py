"""Small random markets for stable rounds, and stability by its definition instead of by cutoffs."""

import itertools
from typing import Any

import numpy as np

from services.matching.engine.markets import lottery
from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import FULL, NONE, Market
from tests.matching.market_oracle import priority_keys, project_lists

SEED = "5eed" * 16
Pair = tuple[int, int]


def columns(chance: np.random.Generator, projects: int, homes: int, caps: bool) -> dict[str, Any]:
    """What a market is made of; few levels of scores, so that there are ties."""
    levels = int(chance.choice([2, 4, 1_000]))
    u, v = (chance.integers(0, levels, (projects, homes)) * (FULL // levels) for _ in range(2))
    gated = chance.random((projects, homes)) < chance.choice([0.0, 0.2, 0.6])
    u[gated] = v[gated] = NONE
    content: dict[str, Any] = {
        "project_ids": [f"prj_{n}" for n in chance.permutation(projects)],
        "home_unit_ids": [f"org_{n}" for n in chance.permutation(homes)],
        "u": u,
        "v": v,
        "quotas": chance.integers(0, 4, homes),
    }
    content["lower_quotas"] = chance.integers(0, content["quotas"] + 1)
    if caps:
        regions, industries = 2, 2
        content |= {
            "industries": ["26", "39"],
            "project_industry": chance.integers(NONE, industries, projects),
            "regions": ["CN-31", "CN-33"],
            "home_region": chance.integers(NONE, regions, homes),
            "industry_caps": [
                (h, i, int(chance.integers(0, 3)))
                for h, i in itertools.product(range(homes), range(industries))
                if chance.random() < 0.4
            ],
            "region_caps": [(r, int(chance.integers(0, 4))) for r in range(regions) if chance.random() < 0.8],
        }
    return content


def small(chance: np.random.Generator, projects: int, homes: int, caps: bool = False) -> Market:
    """A market with commitments of every kind now and then."""
    content = columns(chance, projects, homes, caps)
    commitments = []
    if projects and homes:
        for kind, value in (("first_refusal", 0), ("weight", 300_000)):
            if chance.random() < 0.3:
                pair = (int(chance.integers(projects)), int(chance.integers(homes)))
                commitments.append((*pair, kind, value, "org_x"))
        home = int(chance.integers(homes))
        if not caps and content["quotas"][home] and chance.random() < 0.3:
            commitments.append((int(chance.integers(projects)), home, "fixed", 0, "org_x"))
    return market_of(**content, commitments=commitments)


def configuration(chance: np.random.Generator, **more: Any) -> Configuration:
    """A stable configuration with any length of lists and any step of priorities."""
    step, length = int(chance.choice([1, 250_000, FULL])), int(chance.choice([0, 0, 1, 2]))
    return Configuration("stable", **{"priority_step": step, "list_length": length, **more})


class Definition:
    """A market by its lists and priorities alone; a region takes greedily what its caps allow."""

    def __init__(self, market: Market, configuration: Configuration, seed: str = SEED) -> None:
        self.market = market
        self.lists = [one.tolist() for one in project_lists(market, configuration)]
        drawn = lottery.numbers(seed, market.project_ids)
        self.keys = priority_keys(market, configuration, drawn).tolist()
        self.quotas = market.quotas.tolist()
        self.regions = market.home_region.tolist()
        self.industries = market.project_industry.tolist()
        self.industry_caps = {(h, i): most for h, i, most in market.industry_caps}
        self.region_caps = dict(market.region_caps)

    def rank(self, project: int, home: int) -> int:
        return self.lists[project].index(home) if home != NONE else len(self.lists[project])

    def holds(self, pairs: list[Pair]) -> bool:
        """Whether these pairs together keep every quota and cap."""
        for home, most in enumerate(self.quotas):
            if sum(h == home for _, h in pairs) > most:
                return False
        for (home, industry), most in self.industry_caps.items():
            if sum(h == home and self.industries[p] == industry for p, h in pairs) > most:
                return False
        regions = [self.regions[h] for _, h in pairs]
        return all(regions.count(region) <= most for region, most in self.region_caps.items())

    def chosen(self, pairs: list[Pair], last: Pair | None = None) -> list[Pair]:
        """What the home units together choose of the pairs: the best first, as long as every cap holds.

        ``last`` comes after all of its class.
        """
        size = self.market.shape[0]

        def order(pair: Pair) -> tuple[float, int]:
            key = self.keys[pair[0]][pair[1]]
            return (key // size * size + size - 0.5 if pair == last else key), pair[1]

        taken: list[Pair] = []
        for pair in sorted(pairs, key=order):
            if self.holds([*taken, pair]):
                taken.append(pair)
        return taken

    def blocking(self, assignment: tuple[int, ...], by_class: bool = False) -> list[Pair]:
        """The pairs that both sides would rather have than what they have; by class equals are no better."""
        held = [(p, h) for p, h in enumerate(assignment) if h != NONE]
        return [
            (p, h)
            for p, wished in enumerate(self.lists)
            for h in wished[: self.rank(p, assignment[p])]
            if (p, h) in self.chosen([*held, (p, h)], (p, h) if by_class else None)
        ]

    def is_stable(self, assignment: tuple[int, ...]) -> bool:
        held = [(p, h) for p, h in enumerate(assignment) if h != NONE]
        return self.holds(held) and not any(
            (p, h) in self.chosen([*held, (p, h)])
            for p, wished in enumerate(self.lists)
            for h in wished[: self.rank(p, assignment[p])]
        )

    def stable(self) -> list[tuple[int, ...]]:
        """Every stable assignment there is, by trying all."""
        every = itertools.product(*([*wished, NONE] for wished in self.lists))
        return [assignment for assignment in every if self.is_stable(assignment)]


def stable_with_quotas(definition: Definition) -> np.ndarray:
    """Every stable assignment where only quotas bind, by trying all at once, a row each."""
    projects, homes = definition.market.shape
    every = np.array(list(itertools.product(*([*one, NONE] for one in definition.lists))), np.int64)
    keys = np.array(definition.keys).reshape(projects, homes)
    good = np.ones(len(every), bool)
    ranks = np.stack(
        [
            np.select([every[:, p] == h for h in one], list(range(len(one))), len(one))
            if one
            else np.zeros(len(every), int)
            for p, one in enumerate(definition.lists)
        ],
        axis=1,
    )
    for home in range(homes):
        there = every == home
        filled, worst = there.sum(axis=1), np.where(there, keys[:, home], -1).max(axis=1)
        good &= filled <= definition.quotas[home]
        for p, one in enumerate(definition.lists):
            if home in one:
                wishes = ranks[:, p] > one.index(home)
                good &= ~(wishes & ((filled < definition.quotas[home]) | (keys[p, home] < worst)))
    return every[good]
