"""Small random markets by a seed, with unknowns, ties and duplicates; quicker than drawing them."""

import random
from typing import Any

from services.matching.engine.scoring.criteria import CRITERIA
from services.matching.engine.scoring.features import (
    PLANT_CLASSES,
    STAGES,
    HomeUnitFeatures,
    ProjectFeatures,
)
from tests.matching.ranking_markets import CLUSTERS, CODES, FIELDS, HOMES, PHRASES, PLACES


def some(chance: random.Random, values: tuple[str, ...], most: int = 3) -> tuple[str, ...]:
    return tuple(chance.sample(values, chance.randrange(most + 1)))


def maybe(chance: random.Random, value: Any, share: float = 0.15) -> Any:
    return None if chance.random() < share else value


def a_home(chance: random.Random, home_id: str) -> HomeUnitFeatures:
    """Large amounts among the small, so that both ways of dividing are taken."""
    lon, lat = maybe(chance, chance.choice(PLACES)) or (None, None)
    large = chance.choice((1, 1, 10**5))
    return HomeUnitFeatures(
        id=home_id,
        name=home_id,
        description="，".join(some(chance, PHRASES, 5)),
        lon=lon,
        lat=lat,
        cluster_ids=maybe(chance, frozenset(some(chance, CLUSTERS))),
        leading_industries=some(chance, CODES + FIELDS),
        accepted_plant_classes=maybe(chance, frozenset(some(chance, PLANT_CLASSES, 7))),
        available_space_m2=maybe(chance, chance.randrange(5_000)),
        accepted_stages=maybe(chance, frozenset(STAGES[:9])),
        max_fund_amount_cny=maybe(chance, chance.randrange(10_000_000) * large),
        remaining_budget_cny=maybe(chance, chance.randrange(20_000_000) * large),
        policy_supported_fields=maybe(chance, frozenset(some(chance, CODES + FIELDS, 8))),
        talent_count=maybe(chance, chance.randrange(1_000)),
        landed_count=3,
        admitted_count=chance.randrange(3, 9),
        weights=maybe(chance, {name: chance.randrange(1, 50) for name in CRITERIA}, 0.5),
    )


def a_project(chance: random.Random, project_id: str) -> ProjectFeatures:
    lon, lat = maybe(chance, chance.choice(PLACES)) or (None, None)
    return ProjectFeatures(
        id=project_id,
        title=chance.choice(PHRASES),
        summary="，".join(some(chance, PHRASES, 4)),
        stage=chance.choice(STAGES[:9]),
        industry_codes=some(chance, CODES),
        strategic_fields=some(chance, FIELDS, 1),
        plant_class=maybe(chance, chance.choice(PLANT_CLASSES), 0.05),
        space_m2=maybe(chance, chance.randrange(3_000), 0.05),
        fund_amount_cny=maybe(chance, chance.choice((0, chance.randrange(8_000_000))), 0.05),
        max_distance_km=chance.choice((None, None, 3_000, 500)),
        preferred_home_unit_ids=tuple(chance.choices(HOMES, k=chance.randrange(4))),
        host_lon=lon,
        host_lat=lat,
        host_cluster_ids=maybe(chance, frozenset(some(chance, CLUSTERS))),
        legal_lock_home_unit_id=chance.choice((None,) * 9 + HOMES[:1]),
        enclave_home_unit_id=maybe(chance, chance.choice(HOMES)),
    )
