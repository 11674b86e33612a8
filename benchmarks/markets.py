"""Random markets of any size in the words of the trade, for what is measured of matching's engine."""

import random
from collections.abc import Iterator

from services.matching.engine.scoring.criteria import CRITERIA
from services.matching.engine.scoring.features import (
    PLANT_CLASSES,
    STAGES,
    HomeUnitFeatures,
    ProjectFeatures,
)

_HEADS = "新能|智能|高端|生物|光电|微纳|柔性|超导|氢燃|量子|工业|医用|车规|航空|海洋|节能|绿色|特种|精密|数字"
_MIDDLES = (
    "传感|芯片|电池|材料|药物|影像|激光|显示|机器|涂层|合金|薄膜|电极|控制|软件|检测|诊断|储能|光伏|封装"
)
_TAILS = "系统|设备|平台|器件|组件|模块|制造|研发|工艺|装置"
_DIVISIONS = ("13", "26", "27", "29", "33", "34", "35", "36", "37", "38", "39", "40", "44", "65", "73", "75")
_FIELDS = ("biotechnology", "new_materials", "new_energy_vehicles", "high_end_equipment")
_CLUSTERS = ("yangtze_river_delta", "greater_bay_area", "beijing_tianjin_hebei", "central_plains")


def _words(chance: random.Random, count: int) -> str:
    parts = [text.split("|") for text in (_HEADS, _MIDDLES, _TAILS)]
    return "，".join("".join(chance.choice(part) for part in parts) for _ in range(count))


def _industries(chance: random.Random, count: int) -> tuple[str, ...]:
    return tuple(
        f"{chance.choice(_DIVISIONS)}{chance.randrange(1, 6)}{chance.randrange(5)}" for _ in range(count)
    )


def _clusters(chance: random.Random) -> frozenset[str]:
    return frozenset(chance.sample(_CLUSTERS, chance.randrange(2)))


def homes(count: int, seed: int = 7) -> list[HomeUnitFeatures]:
    """Home units that mostly say what they take; one in ten leaves its policies open."""
    chance = random.Random(seed)
    return [
        HomeUnitFeatures(
            id=f"org_{number:06d}",
            name=f"飞出地{number}",
            description=_words(chance, 5),
            lon=chance.uniform(75, 130),
            lat=chance.uniform(20, 50),
            cluster_ids=_clusters(chance),
            leading_industries=_industries(chance, 4),
            accepted_plant_classes=frozenset(chance.sample(PLANT_CLASSES, 5)),
            available_space_m2=chance.randrange(500, 30_000),
            accepted_stages=frozenset(STAGES[:9]),
            max_fund_amount_cny=chance.randrange(1, 50) * 1_000_000,
            remaining_budget_cny=chance.randrange(10, 200) * 1_000_000,
            policy_supported_fields=frozenset([*chance.sample(_DIVISIONS, 10), "biotechnology"])
            if chance.random() < 0.9
            else None,
            talent_count=chance.randrange(600),
            weights={name: chance.randrange(1, 100) for name in CRITERIA} if number % 2 else None,
        )
        for number in range(count)
    ]


def projects(count: int, wishes: int = 340, seed: int = 11) -> Iterator[ProjectFeatures]:
    """Projects in forty enclaves; one in three wishes for one of the first home units."""
    chance = random.Random(seed)
    hosts = [(chance.uniform(110, 122), chance.uniform(22, 40), _clusters(chance)) for _ in range(40)]
    for number in range(count):
        lon, lat, clusters = chance.choice(hosts)
        yield ProjectFeatures(
            id=f"prj_{number:07d}",
            title=_words(chance, 1),
            summary=_words(chance, 2),
            stage=chance.choice(STAGES[:9]),
            industry_codes=_industries(chance, 2),
            strategic_fields=(chance.choice(_FIELDS),) if chance.random() < 0.5 else (),
            plant_class=chance.choice(PLANT_CLASSES),
            space_m2=chance.randrange(100, 5_000),
            fund_amount_cny=chance.randrange(1, 30_000) * 1_000,
            max_distance_km=chance.choice((None, 800, 2_000)),
            preferred_home_unit_ids=(f"org_{chance.randrange(wishes):06d}",) if number % 3 == 0 else (),
            host_lon=lon,
            host_lat=lat,
            host_cluster_ids=clusters,
            enclave_home_unit_id=f"org_{chance.randrange(wishes):06d}",
        )
