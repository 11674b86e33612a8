"""From features to one row of integers and the sets that pairs are computed from."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from services.matching.engine.scoring import criteria, industries
from services.matching.engine.scoring.columns import LARGE_MAX, NONE, SMALL_MAX, HomeColumns, ProjectColumns
from services.matching.engine.scoring.features import (
    PLANT_CLASSES,
    STAGES,
    HomeUnitFeatures,
    Number,
    ProjectFeatures,
    Source,
)
from services.matching.engine.scoring.gates import FAIL, UNKNOWN
from services.matching.engine.scoring.grams import Grams
from services.matching.engine.scoring.text import bigrams

STAGE_BIT = {stage: 1 << place for place, stage in enumerate(STAGES)}
PLANT_BIT = {plant: 1 << place for place, plant in enumerate(PLANT_CLASSES)}
AMOUNT_LIMIT_CNY = 10**13
SPACE_LIMIT_M2 = 10**9

Place = tuple[float, float] | None
Sources = tuple[tuple[Source, ...], ...]

HOME_FIELDS = (
    ("leading_industries",),
    ("description",),
    ("available_space_m2",),
    ("max_fund_amount_cny", "remaining_budget_cny"),
    ("lon", "lat"),
    ("cluster_ids",),
    ("landed_count", "admitted_count"),
    (),
    ("talent_count",),
    (),
)
PROJECT_FIELDS = (
    ("industry_codes", "strategic_fields"),
    ("title", "summary"),
    ("plant_class", "space_m2"),
    ("fund_amount_cny",),
    ("host_lon", "host_lat"),
    ("host_cluster_ids",),
    (),
    ("preferred_home_unit_ids",),
    (),
    ("enclave_home_unit_id",),
)


class Codes:
    """Small integers for names, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def get(self, name: str) -> int | None:
        """The code of a name that was seen, else None."""
        return self._codes.get(name)

    def __len__(self) -> int:
        return len(self._codes)

    def sorted(self, names: Iterable[str]) -> Grams:
        return np.array(sorted(self(name) for name in names), np.int32)

    def mask(self, names: Iterable[str]) -> int:
        bits = 0
        for name in names:
            code = self(name)
            if code > 62:
                raise ValueError("at most 63 city clusters can be told apart")
            bits |= 1 << code
        return bits


class Overlay(Codes):
    """Codes that go on where others end; those others never learn the names first seen here."""

    def __init__(self, below: Codes) -> None:
        super().__init__()
        self._below = below

    def __call__(self, name: str) -> int:
        known = self._below.get(name)
        return len(self._below) + super().__call__(name) if known is None else known


@dataclass(frozen=True, slots=True)
class CompiledHome:
    features: HomeUnitFeatures
    row: HomeColumns
    weights: tuple[int, ...]
    nodes: frozenset[str]
    policy_nodes: frozenset[str]
    grams: Grams
    place: Place
    sources: Sources


@dataclass(frozen=True, slots=True)
class CompiledProject:
    features: ProjectFeatures
    row: ProjectColumns
    keys: tuple[str, ...]
    grams: Grams
    place: Place


def compile_home(
    home: HomeUnitFeatures, organisations: Codes, clusters: Codes, vocabulary: Codes
) -> CompiledHome:
    space = _whole(home.available_space_m2, ROUND_FLOOR, SPACE_LIMIT_M2)
    caps = [
        _whole(cap, ROUND_FLOOR, AMOUNT_LIMIT_CNY)
        for cap in (home.max_fund_amount_cny, home.remaining_budget_cny)
    ]
    known_caps = [cap for cap in caps if cap is not None]
    nodes, grams = industries.ancestors(home.leading_industries), vocabulary.sorted(bigrams(home.description))
    row = HomeColumns(
        code=organisations(home.id),
        accepted_stages=_mask(home.accepted_stages or (), STAGE_BIT),
        stage_refusal=_refusal(home.accepted_stages is not None),
        accepted_plants=_mask({"none"} | (home.accepted_plant_classes or set()), PLANT_BIT),
        plant_refusal=_refusal(home.accepted_plant_classes is not None),
        space_sure_m2=NONE if space is None else space,
        space_at_most_m2=SMALL_MAX if space is None else space,
        fund_sure_cny=NONE if len(known_caps) < len(caps) else min(known_caps),
        fund_at_most_cny=min(known_caps, default=LARGE_MAX),
        policy_refusal=_refusal(home.policy_supported_fields is not None),
        clusters=clusters.mask(home.cluster_ids or ()),
        clusters_known=int(home.cluster_ids is not None),
        gram_count=len(grams),
        track_record=criteria.track_record(home.landed_count, home.admitted_count),
        talent_count=NONE if home.talent_count is None else home.talent_count,
        talent=criteria.talent(home.talent_count),
        has_industries=int(bool(nodes)),
    )
    return CompiledHome(
        home,
        row,
        criteria.normalised(home.weights),
        nodes,
        frozenset(industries.node(key) for key in home.policy_supported_fields or ()),
        grams,
        place_of(home.lon, home.lat),
        sources_of(home, HOME_FIELDS),
    )


def compile_project(
    project: ProjectFeatures,
    organisations: Codes,
    clusters: Codes,
    vocabulary: Codes,
    pattern: Callable[[tuple[str, ...]], int],
    host: Callable[[Place], int],
) -> CompiledProject:
    without_plant = project.plant_class == "none"
    space = 0 if without_plant else _whole(project.space_m2, ROUND_CEILING, SPACE_LIMIT_M2)
    amount = _whole(project.fund_amount_cny, ROUND_CEILING, AMOUNT_LIMIT_CNY)
    keys = tuple(
        sorted({industries.node(key) for key in (*project.industry_codes, *project.strategic_fields)})
    )
    grams = vocabulary.sorted(bigrams(f"{project.title}\n{project.summary}"))
    place = place_of(project.host_lon, project.host_lat)
    lock, enclave = project.legal_lock_home_unit_id, project.enclave_home_unit_id
    limit = project.max_distance_km
    row = ProjectColumns(
        stage_bit=STAGE_BIT[project.stage],
        plant_bit=0 if project.plant_class is None else PLANT_BIT[project.plant_class],
        plant_refusal=_refusal(project.plant_class is not None),
        space_at_most_m2=SMALL_MAX if space is None else space or NONE,
        space_at_least_m2=space or NONE,
        fund_at_most_cny=LARGE_MAX if amount is None else amount or NONE,
        fund_at_least_cny=amount or NONE,
        policy_refusal=_refusal(bool(keys) and amount is not None),
        max_distance_m=SMALL_MAX if limit is None else min(int(Decimal(limit) * 1000), SMALL_MAX),
        clusters=clusters.mask(project.host_cluster_ids or ()),
        lock_code=NONE if lock is None else organisations(lock),
        enclave_code=NONE if enclave is None else organisations(enclave),
        gram_count=len(grams),
        pattern=pattern(keys),
        host=host(place),
    )
    return CompiledProject(project, row, keys, grams, place)


def sources_of(features: HomeUnitFeatures | ProjectFeatures, names: tuple[tuple[str, ...], ...]) -> Sources:
    """Per criterion the sources of its facts; a fact without its own is of the record itself."""
    own, record_id, as_of = features.sources, features.id, features.as_of
    return tuple([tuple([own.get(n) or Source(record_id, n, as_of) for n in group]) for group in names])


def place_of(lon: float | None, lat: float | None) -> Place:
    return None if lon is None or lat is None else (float(lon), float(lat))


def _refusal(both_known: bool) -> int:
    return FAIL if both_known else UNKNOWN


def _mask(names: Collection[str], bits: dict[str, int]) -> int:
    return sum(bits[name] for name in set(names))


def _whole(value: Number | None, rounding: str, limit: int) -> int | None:
    """Needs round up and capacities down, so that a fit in whole units is a fit."""
    if value is None:
        return None
    whole = int(Decimal(value).to_integral_value(rounding))
    if not 0 <= whole <= limit:
        raise ValueError(f"{value} is not between 0 and {limit}")
    return whole
