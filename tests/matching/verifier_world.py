"""Published rounds of a handful of projects, found by trying every assignment there is."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from services.matching.engine.markets import lottery
from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.canonical import digest, sha256
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.feasibility import broken, short_of_lower_quotas, table
from services.matching.engine.markets.figures import figures_of
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.result import Result
from services.matching.engine.markets.terms import pair_weights
from tests.matching.market_oracle import priority_keys, project_lists

Document = dict[str, Any]
SEED = "5e" * 32
U = [[9, 6, 3], [9, 6, 3], [9, 6, 3], [9, 3, 6], [9, 6, 3], [-1, 9, 6], [9, 6, -1]]
V = [[9, 9, 3], [8, 4, 9], [7, 9, 9], [9, 9, 9], [9, 9, 1], [-1, 5, 5], [8, 8, -1]]


def a_market(**changed: Any) -> Market:
    """Seven projects, three home units; every kind of limit, two of them in one region."""
    content = {
        "project_ids": [f"prj_{n}" for n in range(1, 8)],
        "home_unit_ids": ["org_hangzhou", "org_lishui", "org_quzhou"],
        "u": np.array(U) * 100_000 * (np.array(U) >= 0) - (np.array(U) < 0),
        "v": np.array(V) * 100_000 * (np.array(V) >= 0) - (np.array(V) < 0),
        "quotas": [3, 2, 3],
        "industries": ["C", "I"],
        "project_industry": [0, 0, 1, 0, 1, -1, 1],
        "regions": ["浙西"],
        "home_region": [0, 0, -1],
        "industry_caps": [(0, 0, 1)],
        "region_caps": [(0, 4)],
        "commitments": [
            (4, 2, "fixed", 0, "org_quzhou"),
            (3, 1, "first_refusal", 0, "org_lishui"),
            (1, 0, "weight", 50_000, "org_hangzhou"),
        ],
        "previous": [0, 1, NONE, NONE, 2, 1, 0],
    }
    return market_of(**{**content, **changed})


def with_resources(**changed: Any) -> Market:
    """The same with a plant that is too small for all."""
    plant = {"demand_names": ["space_m2"], "demands": [[400, 300, 500, 200, 100, 100, 300]]}
    return a_market(**{**plant, "resources": [(0, 0, 700), (1, 0, 500)], **changed})


def quotas_only(**changed: Any) -> Market:
    """The same with nothing but quotas, one place of which stays free."""
    bare = {"industry_caps": (), "region_caps": (), "commitments": (), "quotas": [2, 2, 4]}
    return a_market(**{**bare, **changed})


def assignments(market: Market) -> Iterator[np.ndarray]:
    """Every assignment that keeps every rule."""
    fixed = {one.project: [one.home] for one in market.commitments if one.kind == "fixed"}
    anywhere = [[NONE, *np.flatnonzero(row).tolist()] for row in market.permitted]
    for chosen in product(*(fixed.get(project, homes) for project, homes in enumerate(anywhere))):
        assignment = np.array(chosen, np.int64)
        if not broken(market, assignment):
            yield assignment


def sets_of(market: Market, project: int, home: int) -> list[tuple[str, int, int]]:
    capped = {(h, i) for h, i, _ in market.industry_caps}, {r for r, _ in market.region_caps}
    industry, region = int(market.project_industry[project]), int(market.home_region[home])
    found = [("industry", home, industry)] if (home, industry) in capped[0] else []
    found.append(("home_unit", home, NONE))
    return [*found, ("region", NONE, region)] if region in capped[1] else found


def stable(market: Market, configuration: Configuration, seed: str = SEED, at: Any = None) -> Document:
    """The stable assignment every project likes best, or ``at``, as if it were that."""
    keys = priority_keys(market, configuration, lottery.numbers(seed, market.project_ids))
    lists = [homes.tolist() for homes in project_lists(market, configuration)]
    limits = {("home_unit", h, NONE): n for h, n in enumerate(market.quotas.tolist())}
    limits |= {("industry", h, i): n for h, i, n in market.industry_caps}
    limits |= {("region", NONE, r): n for r, n in market.region_caps}

    def members(assignment: np.ndarray) -> dict[Any, list[tuple[int, int]]]:
        found: dict[Any, list[tuple[int, int]]] = {one: [] for one in limits}
        for project, home in enumerate(assignment.tolist()):
            for one in sets_of(market, project, home) if home != NONE else ():
                found[one].append((int(keys[project, home]), home))
        return found

    def places(assignment: np.ndarray) -> list[int]:
        return [[*homes, NONE].index(home) for homes, home in zip(lists, assignment.tolist(), strict=True)]

    def blocks(project: int, home: int, held: dict[Any, list[tuple[int, int]]]) -> bool:
        full = [one for one in sets_of(market, project, home) if len(held[one]) >= limits[one]]
        return not full or (int(keys[project, home]), home) < max(held[full[0]], default=(NONE, NONE))

    def is_stable(assignment: np.ndarray) -> bool:
        if any(h not in [*homes, NONE] for homes, h in zip(lists, assignment.tolist(), strict=True)):
            return False
        held, liked = members(assignment), enumerate(places(assignment))
        return not any(blocks(p, home, held) for p, place in liked for home in lists[p][:place])

    if at is None:
        at = min(filter(is_stable, assignments(market)), key=lambda one: sum(places(one)))
    at = np.array(at, np.int64)
    cutoffs = [
        {"set": kind, "home_unit": h, "industry": other if kind == "industry" else NONE}
        | {"region": other if kind == "region" else NONE, "limit": limits[kind, h, other], "used": len(held)}
        | {"cutoff": max(held, default=(NONE,))[0] if len(held) >= limits[kind, h, other] else NONE}
        for (kind, h, other), held in members(at).items()
    ]
    asked = [min(place + 1, len(homes)) for homes, place in zip(lists, _places(lists, at), strict=True)]
    proof = {"kind": "stability", "cutoffs": cutoffs, "blocking_pairs": 0, "blocking_by": "key"}
    proof |= {"proposals": sum(asked), "short_of_lower_quotas": short_of_lower_quotas(market, at)}
    return published(market, configuration, seed, at, {**proof, "lower_quotas_possible": True})


def _places(lists: list[list[int]], at: np.ndarray) -> list[int]:
    return [homes.index(h) if h in homes else len(homes) for homes, h in zip(lists, at.tolist(), strict=True)]


def best_value(market: Market, configuration: Configuration) -> tuple[int, np.ndarray]:
    """The greatest sum of pair weights, and an assignment that has it."""
    weights = np.append(pair_weights(market, configuration), np.zeros((market.shape[0], 1), np.int64), axis=1)
    rows = np.arange(market.shape[0])
    return max(((int(weights[rows, one].sum()), one) for one in assignments(market)), key=lambda one: one[0])


def optimal(market: Market, configuration: Configuration, places: list[int]) -> Document:
    """The best assignment; the price of a place is what would be lost without it (Leonard 1983)."""
    value, at = best_value(market, configuration)
    prices = []
    for home in range(market.shape[1]):
        fewer = [count - (n == home) for n, count in enumerate(places)]
        prices.append(value - best_value(quotas_only(quotas=fewer), configuration)[0])
    proof = {"kind": "optimality", "prices": prices, "price_scale": 1}
    return published(market, configuration, SEED, at, proof)


def bounded(market: Market, configuration: Configuration, multipliers: list[int], scale: int) -> Document:
    """The best assignment, with the bound that these multipliers give."""
    value, at = best_value(market, configuration)
    weights, rows = pair_weights(market, configuration), table(market, at)
    fixed = {one.project: one.home for one in market.commitments if one.kind == "fixed"}
    most = sum(price * row["limit"] for price, row in zip(multipliers, rows, strict=True))
    for project in range(market.shape[0]):
        worth = []
        for home in range(market.shape[1]):
            alone = np.full(market.shape[0], NONE, np.int64)
            alone[project] = home
            price = sum(m * row["used"] for m, row in zip(multipliers, table(market, alone), strict=True))
            if home == fixed.get(project, home) and (project in fixed or market.u[project, home] != NONE):
                worth.append(scale * int(weights[project, home]) - price)
        most += worth[0] if project in fixed else max([0, *worth])
    bound = most // scale
    gap = -((value - bound) * 10**6 // max(bound, 1))
    proof = {"kind": "bound", "multipliers": multipliers, "multiplier_scale": scale, "bound": bound}
    proof |= {"value": value, "gap_ppm": gap, "method": "milp", "claimed_optimal": True}
    return published(market, configuration, SEED, at, proof)


def published(market: Market, rules: Configuration, seed: str, at: Any, proof: Document) -> Document:
    """The document of a round, as its reader has it."""
    at = np.array(at, np.int64)
    proof = {**proof, "feasibility": table(market, at)}
    document = Result(market, rules, seed, at, proof, figures_of(market, rules, at)).document()
    return dict(json.loads(json.dumps(document)))


def rehashed(document: Document) -> Document:
    """The document with hashes and commitment of what it says now."""
    for part in ("snapshot", "configuration"):
        document[f"{part}_hash"] = digest(document[part])
    document["commitment"] = sha256(str(document["seed"]) + document["snapshot_hash"])
    return ending(document)


def ending(document: Document) -> Document:
    """The document with the hash of what it says now, and no other."""
    document["result_hash"] = digest({k: v for k, v in document.items() if k != "result_hash"})
    return document
