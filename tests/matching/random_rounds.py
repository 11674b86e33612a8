"""Small random rounds of every kind by a seed: markets, and what a round may be asked to do with them."""

import random
from typing import Any

import numpy as np

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import NONE, Market

SEED = "5e" * 32
_MILLION = 1_000_000


def a_configuration(chance: random.Random) -> Configuration:
    """Stable and welfare by turns, each with all it can be asked for."""
    if chance.random() < 0.6:
        policy = chance.choice(["report", "soft", "fewest_blocking"])
        ties = chance.choice(["lottery", "promotion"]) if policy == "report" else "lottery"
        return Configuration(
            "stable",
            priority_step=chance.choice([1, 250_000]),
            list_length=chance.choice([0, 0, 2]) if policy == "report" else 0,
            ties=ties,  # type: ignore[arg-type]
            lower_quotas=policy,  # type: ignore[arg-type]
        )
    return Configuration(
        "welfare",
        iterations=200,
        fairness=chance.choice(["none", "none", "max_min", "alpha"]),  # type: ignore[arg-type]
        move_penalty=chance.choice([0, 1_000]),
        match_bonus=chance.choice([0, 50_000]),
    )


def a_market(chance: random.Random, configuration: Configuration, **changed: Any) -> Market:
    """Up to seven projects and four home units, with what the mechanism can keep; now and then none."""
    projects, homes = chance.randint(0, 7), chance.choice([0, 1, 2, 3, 3, 4, 4])
    permitted = [[chance.random() < 0.8 for _ in range(homes)] for _ in range(projects)]
    quotas = [chance.randint(0, 3) for _ in range(homes)]
    levels = chance.choice([2, 5, _MILLION + 1])

    def scores() -> Any:
        step = _MILLION // (levels - 1)
        rows = [[chance.randrange(levels) * step if passes else NONE for passes in row] for row in permitted]
        return np.array(rows, np.int64).reshape(projects, homes)

    content: dict[str, Any] = {
        "project_ids": [f"p{number}" for number in range(projects)],
        "home_unit_ids": [f"h{number}" for number in range(homes)],
        "u": scores(),
        "v": scores(),
        "quotas": quotas,
        "commitments": _commitments(chance, projects, homes),
    }
    if chance.random() < 0.5:
        content |= _caps(chance, projects, homes)
    if configuration.lower_quotas != "report" or chance.random() < 0.3:
        content["lower_quotas"] = [min(chance.randint(0, 2), most) for most in quotas]
    if configuration.mechanism == "welfare":
        content |= _welfare_only(chance, projects, homes)
    return market_of(**{**content, **changed})


def _caps(chance: random.Random, projects: int, homes: int) -> dict[str, Any]:
    return {
        "industries": ["27", "36"],
        "project_industry": [chance.randint(NONE, 1) for _ in range(projects)],
        "regions": ["330000"],
        "home_region": [chance.randint(NONE, 0) for _ in range(homes)],
        "industry_caps": [(home, 0, chance.randint(0, 2)) for home in range(homes) if chance.random() < 0.5],
        "region_caps": [(0, chance.randint(0, 4))] if chance.random() < 0.6 else [],
    }


def _welfare_only(chance: random.Random, projects: int, homes: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if chance.random() < 0.5:
        found["demand_names"] = ["space_m2"]
        found["demands"] = [[chance.randint(0, 5) for _ in range(projects)]]
        found["resources"] = [
            (home, 0, chance.randint(0, 8)) for home in range(homes) if chance.random() < 0.6
        ]
    if chance.random() < 0.3:
        found["previous"] = [chance.randint(NONE, homes - 1) for _ in range(projects)]
    return found


def _commitments(chance: random.Random, projects: int, homes: int) -> list[tuple[int, int, str, int, str]]:
    if not projects or not homes or chance.random() < 0.6:
        return []
    kind = chance.choice(["fixed", "first_refusal", "weight"])
    value = chance.randint(-100_000, 100_000) if kind == "weight" else 0
    return [(chance.randrange(projects), chance.randrange(homes), kind, value, "org_network")]
