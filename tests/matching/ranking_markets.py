"""Random markets for the ranking tests, and a scalar oracle that shares no code with the engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import asin, cos, floor, radians, sin, sqrt

from hypothesis import strategies as st

from services.matching.engine.scoring.features import (
    PLANT_CLASSES,
    STAGES,
    HomeUnitFeatures,
    ProjectFeatures,
)

SECTION_OF_DIVISION = {"26": "C", "27": "C", "36": "C", "38": "C", "39": "C", "65": "I", "73": "M"}
CODES = (
    "36",
    "361",
    "3612",
    "3611",
    "3670",
    "3841",
    "384",
    "3963",
    "397",
    "2710",
    "27",
    "6513",
    "7340",
    "C",
    "M",
)
FIELDS = ("biotech", "new_materials", "new_energy_vehicles")
CLUSTERS = ("yangtze_river_delta", "greater_bay_area", "central_plains")
HOMES = tuple(f"org_{n:02d}" for n in range(12))
PHRASES = (
    "新能源汽车电池",
    "高端装备制造",
    "生物医药研发",
    "集成电路封装",
    "光电显示材料",
    "的和与",
    "AI芯片",
    "",
)
PLACES = ((121.47, 31.23), (118.87, 28.97), (114.06, 22.55), (108.94, 34.26), (87.62, 43.79), (-58.4, -34.6))
DEFAULT = (320, 120, 120, 120, 80, 60, 100, 40, 20, 20)
CRITERIA = (
    "industry_fit",
    "text_similarity",
    "plant_and_space",
    "fund_within_caps",
    "distance",
    "city_cluster",
    "track_record",
    "team_preference",
    "talent",
    "own_enclave",
)


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


def subset(values: tuple[str, ...]) -> st.SearchStrategy:
    return st.frozensets(st.sampled_from(values), max_size=4)


texts = st.lists(st.sampled_from(PHRASES), max_size=4).map("，".join)
amounts = st.sampled_from((0, 1, 1_000_000, 5_000_000, 80_000_000)) | st.integers(0, 10**9)
areas = st.sampled_from((0, 1, 800, 2400)) | st.integers(0, 100_000)


@st.composite
def homes(draw: st.DrawFn, home_id: str) -> HomeUnitFeatures:
    lon, lat = draw(st.sampled_from(PLACES) | st.just((None, None)))
    admitted = draw(maybe(st.integers(0, 60)))
    return HomeUnitFeatures(
        id=home_id,
        name=f"{home_id} 市",
        description=draw(texts),
        lon=lon,
        lat=lat,
        cluster_ids=draw(maybe(subset(CLUSTERS))),
        leading_industries=tuple(draw(subset(CODES + FIELDS))),
        accepted_plant_classes=draw(maybe(subset(PLANT_CLASSES))),
        available_space_m2=draw(maybe(areas)),
        accepted_stages=draw(maybe(st.just(frozenset(STAGES[:10])) | subset(STAGES))),
        max_fund_amount_cny=draw(maybe(amounts)),
        remaining_budget_cny=draw(maybe(amounts)),
        policy_supported_fields=draw(maybe(subset(CODES + FIELDS))),
        talent_count=draw(maybe(st.integers(0, 5000))),
        landed_count=None if admitted is None else draw(st.integers(0, admitted)),
        admitted_count=admitted,
        weights=draw(maybe(st.dictionaries(st.sampled_from(CRITERIA), st.integers(1, 100), min_size=1))),
    )


@st.composite
def projects(draw: st.DrawFn, project_id: str = "prj_a") -> ProjectFeatures:
    lon, lat = draw(st.sampled_from(PLACES) | st.just((None, None)))
    return ProjectFeatures(
        id=project_id,
        title=draw(texts),
        summary=draw(texts),
        stage=draw(st.sampled_from(STAGES)),
        industry_codes=tuple(draw(subset(CODES))),
        strategic_fields=tuple(draw(subset(FIELDS))),
        plant_class=draw(maybe(st.sampled_from(PLANT_CLASSES))),
        space_m2=draw(maybe(areas)),
        fund_amount_cny=draw(maybe(amounts)),
        max_distance_km=draw(maybe(st.integers(0, 3000))),
        preferred_home_unit_ids=tuple(draw(st.lists(st.sampled_from(HOMES), max_size=8))),
        host_lon=lon,
        host_lat=lat,
        host_cluster_ids=draw(maybe(subset(CLUSTERS))),
        legal_lock_home_unit_id=draw(st.sampled_from((None, None, None, *HOMES[:2]))),
        enclave_home_unit_id=draw(maybe(st.sampled_from(HOMES))),
    )


def home_lists(min_size: int = 1, max_size: int = 8) -> st.SearchStrategy[list[HomeUnitFeatures]]:
    ids = st.lists(st.sampled_from(HOMES), min_size=min_size, max_size=max_size, unique=True)
    return ids.flatmap(lambda chosen: st.tuples(*(homes(i) for i in chosen)).map(list))


# -- the oracle


@dataclass(frozen=True)
class Verdict:
    gates: Mapping[str, str]
    scores: tuple[int, ...]
    weights: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(s * w for s, w in zip(self.scores, self.weights, strict=True))

    @property
    def outcome(self) -> str:
        outcomes = set(self.gates.values())
        return "fail" if "fail" in outcomes else "unknown" if "unknown" in outcomes else "pass"


def judge(home: HomeUnitFeatures, project: ProjectFeatures) -> Verdict:
    return Verdict(gates_of(home, project), scores_of(home, project), weights_of(home))


def node_path(key: str) -> list[str]:
    if key.isdigit():
        return [SECTION_OF_DIVISION[key[:2]]] + [key[:n] for n in (2, 3, 4) if n <= len(key)]
    return [key]


def closeness(a: str, b: str) -> int:
    left, right, depth = node_path(a), node_path(b), 0
    while depth < min(len(left), len(right)) and left[depth] == right[depth]:
        depth += 1
    if depth and left[0] in FIELDS:
        return 600_000
    return (0, 250_000, 600_000, 850_000, 1_000_000)[depth]


def kilometres(home: HomeUnitFeatures, project: ProjectFeatures) -> float | None:
    if None in (home.lon, home.lat, project.host_lon, project.host_lat):
        return None
    lat1, lat2 = radians(home.lat), radians(project.host_lat)
    h = sin((lat2 - lat1) / 2) ** 2
    h += cos(lat1) * cos(lat2) * sin(radians(project.host_lon - home.lon) / 2) ** 2
    return round(2 * 6_371_008.8 * asin(sqrt(min(h, 1.0)))) / 1000


def decide(passes: bool | None) -> str:
    return "unknown" if passes is None else "pass" if passes else "fail"


def within(need: int | None, caps: list[int | None]) -> bool | None:
    if need == 0:
        return True
    if need is None:
        return None
    if any(cap is not None and need > cap for cap in caps):
        return False
    return None if None in caps else True


def gates_of(home: HomeUnitFeatures, project: ProjectFeatures) -> dict[str, str]:
    plants, plant = home.accepted_plant_classes, project.plant_class
    plant_ok = True if plant == "none" else None if plant is None or plants is None else plant in plants
    distance, limit = kilometres(home, project), project.max_distance_km
    lock = project.legal_lock_home_unit_id
    return {
        "stage": decide(None if home.accepted_stages is None else project.stage in home.accepted_stages),
        "plant_class": decide(plant_ok),
        "policy": decide(policy_of(home, project)),
        "fund": decide(
            within(project.fund_amount_cny, [home.max_fund_amount_cny, home.remaining_budget_cny])
        ),
        "space": decide(within(0 if plant == "none" else project.space_m2, [home.available_space_m2])),
        "legal_lock": decide(lock is None or lock == home.id),
        "max_distance": decide(True if limit is None else None if distance is None else distance <= limit),
    }


def policy_of(home: HomeUnitFeatures, project: ProjectFeatures) -> bool | None:
    keys = project.industry_codes + project.strategic_fields
    if project.fund_amount_cny == 0:
        return True
    if any(step in (home.policy_supported_fields or ()) for key in keys for step in node_path(key)):
        return True
    if home.policy_supported_fields is None or not keys or project.fund_amount_cny is None:
        return None
    return False


def grams(text: str) -> set[str]:
    found, run = set(), ""
    for character in [*text.lower(), "，"]:
        if character.isascii() and character.isalnum():
            run += character
            continue
        if len(run) > 1:
            found.add(run)
        run = ""
    stop = set("的了和与及等在是为以对于其之并将或由该本个项目")
    for a, b in pairwise(text):
        if all("\u3400" <= c <= "\u9fff" and c not in stop for c in (a, b)):
            found.add(a + b)
    return found


def scores_of(home: HomeUnitFeatures, project: ProjectFeatures) -> tuple[int, ...]:
    keys = project.industry_codes + project.strategic_fields
    industry = max((closeness(a, b) for a in keys for b in home.leading_industries), default=0)
    a, b = grams(home.description), grams(f"{project.title}\n{project.summary}")
    text = min(1_000_000, floor(len(a & b) * 2_500_000 / sqrt(len(a) * len(b)))) if a and b else 0
    distance = kilometres(home, project)
    near = 0 if distance is None else max(0, (2_000_000 - round(distance * 1000)) // 2)
    wishes = project.preferred_home_unit_ids
    wish = max(500_000, 1_000_000 - 100_000 * wishes.index(home.id)) if home.id in wishes else 0
    known = home.landed_count is not None
    record = (home.landed_count + 2) * 1_000_000 // (home.admitted_count + 10) if known else 0
    talent = home.talent_count * 1_000_000 // (home.talent_count + 200) if home.talent_count else 0
    return (
        industry,
        text,
        space_of(home.available_space_m2, 0 if project.plant_class == "none" else project.space_m2),
        fund_of([home.max_fund_amount_cny, home.remaining_budget_cny], project.fund_amount_cny),
        near,
        1_000_000 if set(home.cluster_ids or ()) & set(project.host_cluster_ids or ()) else 0,
        record,
        wish,
        talent,
        1_000_000 if project.enclave_home_unit_id == home.id else 0,
    )


def space_of(available: int | None, need: int | None) -> int:
    if need == 0:
        return 1_000_000
    if need is None or available is None:
        return 0
    return min(1_000_000, max(0, (available - need) * 500_000 // need))


def fund_of(caps: list[int | None], amount: int | None) -> int:
    if amount == 0:
        return 1_000_000
    if amount is None or None in caps or min(caps) == 0:
        return 0
    return max(0, (min(caps) - amount) * 1_000_000 // min(caps))


def weights_of(home: HomeUnitFeatures) -> tuple[int, ...]:
    if home.weights is None:
        return DEFAULT
    raw = [home.weights.get(name, 0) for name in CRITERIA]
    shares = [1000 * w // sum(raw) for w in raw]
    order = sorted(range(10), key=lambda i: (-(1000 * raw[i] % sum(raw)), i))
    for i in order[: 1000 - sum(shares)]:
        shares[i] += 1
    return tuple(shares)
