"""Small random markets, and every assignment of them: an oracle that shares no code with the engine."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.market import Market

Ints = NDArray[np.int64]
SEED = "5e" * 32


def random_market(
    chance: np.random.Generator, *, rules: bool, fixed: bool = True, lower: bool = False
) -> Market:
    """Up to five projects and three home units; scores from few values, so that there are ties."""
    projects, homes = int(chance.integers(0, 6)), int(chance.integers(0, 4))
    shape = (projects, homes)
    top = int(chance.choice([2, 8, 1_000_000]))
    u, v = chance.integers(0, top, shape), chance.integers(0, top, shape)
    refused = chance.random(shape) < 0.25
    u[refused], v[refused] = -1, -1
    quotas = chance.integers(0, 4, homes)
    given: dict[str, Any] = {
        "project_ids": [f"p{n}" for n in range(projects)],
        "home_unit_ids": [f"h{n}" for n in range(homes)],
        "u": u,
        "v": v,
        "quotas": quotas,
    }
    if lower:
        given["lower_quotas"] = np.minimum(chance.integers(0, 2, homes), quotas)
    if fixed and projects and homes and quotas[0] and chance.random() < 0.3:
        given["commitments"] = [(int(chance.integers(projects)), 0, "fixed", 0, "owner")]
    return market_of(**given, **(_rules(chance, projects, homes) if rules else {}))


def _rules(chance: np.random.Generator, projects: int, homes: int) -> dict[str, Any]:
    size = int(chance.choice([4, 1_000_000_000]))
    return {
        "industries": ["27", "36"],
        "project_industry": chance.integers(-1, 2, projects),
        "regions": ["330000", "510000"],
        "home_region": chance.integers(-1, 2, homes),
        "industry_caps": [(h, int(chance.integers(2)), int(chance.integers(1, 3))) for h in range(homes)],
        "region_caps": [(0, int(chance.integers(1, 4)))],
        "demand_names": ["space_m2", "funds_cny"],
        "demands": chance.integers(0, size, (2, projects)),
        "resources": [(h, int(d), int(size * 1.5)) for h in range(homes) for d in range(2)],
    }


@cache
def every_assignment(projects: int, homes: int) -> Ints:
    """Return all assignments, a row each."""
    rows = np.indices((homes + 1,) * projects).reshape(projects, (homes + 1) ** projects).T - 1
    return np.ascontiguousarray(rows)


def allowed(market: Market, lower: bool = False) -> Ints:
    """Return the assignments that keep every rule, and if asked those that miss lower quotas least."""
    rows = every_assignment(*market.shape)
    keep = np.ones(len(rows), bool)
    fixed = {one.project: one.home for one in market.commitments if one.kind == "fixed"}
    for project in range(market.shape[0]):
        homes = rows[:, project]
        if project in fixed:
            keep &= homes == fixed[project]
        elif market.shape[1]:
            keep &= (homes < 0) | (market.u[project, homes] >= 0)
    short = np.zeros(len(rows), int)
    for home, quota in enumerate(market.quotas):
        count = (rows == home).sum(axis=1)
        keep &= count <= quota
        short += np.maximum(market.lower_quotas[home] - count, 0)
    for home, industry, most in market.industry_caps:
        keep &= ((rows == home) & (market.project_industry == industry)).sum(axis=1) <= most
    for region, most in market.region_caps:
        keep &= (np.append(market.home_region, -9)[rows] == region).sum(axis=1) <= most
    for home, demand, capacity in market.resources:
        keep &= ((rows == home) * market.demands[demand]).sum(axis=1) <= capacity
    return rows[keep & (short == short[keep].min())] if lower and keep.any() else rows[keep]


def pair_values(market: Market) -> Ints:
    """Return the harmonic mean of both sides, rounded down, 0 where not permitted and in a last column."""
    found = np.zeros((market.shape[0], market.shape[1] + 1), np.int64)
    for project in range(market.shape[0]):
        for home in range(market.shape[1]):
            u, v = int(market.u[project, home]), int(market.v[project, home])
            found[project, home] = 2 * u * v // (u + v) if u + v > 0 else 0
    return found


def values(market: Market, rows: Ints) -> Ints:
    """Return the welfare of each assignment."""
    return pair_values(market)[np.arange(market.shape[0]), rows].sum(axis=1)


def home_values(market: Market, rows: Ints) -> Ints:
    """Return the welfare per assignment and home unit."""
    gains = pair_values(market)[np.arange(market.shape[0]), rows]
    return np.stack([(gains * (rows == home)).sum(axis=1) for home in range(market.shape[1])], axis=1)


def bound_of(document: dict[str, Any]) -> int:
    """Recompute, from a published result alone, scale × what no assignment exceeds."""
    snapshot, certificate = document["snapshot"], document["certificate"]
    rows = certificate["feasibility"]
    prices = certificate.get("multipliers", certificate.get("prices"))
    scale = certificate.get("multiplier_scale", certificate.get("price_scale"))
    fixed = {one[0]: one[1] for one in snapshot["commitments"] if one[2] == "fixed"}
    total = sum(price * row["limit"] for price, row in zip(prices, rows, strict=False))
    for project, pairs in enumerate(snapshot["pairs"]):
        worth = {home: 2 * u * v // (u + v) if u + v else 0 for home, u, v in pairs}
        homes = [fixed[project]] if project in fixed else list(worth)
        gains = []
        for home in homes:
            if project not in fixed and not _fits(snapshot, rows, fixed, project, home):
                continue
            gain = scale * worth.get(home, 0)
            for price, row in zip(prices, rows, strict=False):
                concerns = row.get("home_unit", home) == home
                if row["rule"] == "industry_cap":
                    concerns &= snapshot["project_industry"][project] == row["industry"]
                if row["rule"] == "region_cap":
                    concerns &= snapshot["home_unit_region"][home] == row["region"]
                takes = snapshot["demands"][row["demand"]][project] if row["rule"] == "resource" else 1
                gain -= price * takes if concerns else 0
            gains.append(gain)
        total += gains[0] if project in fixed else max([0, *gains])
    return int(total)


def _fits(
    snapshot: dict[str, Any], rows: list[dict[str, Any]], fixed: dict[int, int], project: int, home: int
) -> bool:
    """Tell whether what the fixed ones leave of every resource is enough for a project."""
    for row in rows:
        if row["rule"] == "resource" and row["home_unit"] == home:
            demands = snapshot["demands"][row["demand"]]
            gone = sum(demands[one] for one, at in fixed.items() if at == home)
            if demands[project] > row["limit"] - gone:
                return False
    return True
