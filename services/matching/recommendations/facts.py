"""From the directory's records and the profiles to what the engine is told, with the source of each fact."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.matching.directory.records import HomeUnit, Project
from services.matching.engine.scoring.compilation import AMOUNT_LIMIT_CNY, SPACE_LIMIT_M2
from services.matching.engine.scoring.features import (
    PLANT_CLASSES,
    HomeUnitFeatures,
    Number,
    ProjectFeatures,
    Source,
)
from services.matching.profiles.schemas import ProfileRead
from shared.clock import civil_date

CLOSED_STAGES = frozenset({"completed", "rejected", "withdrawn", "failed", "landed_elsewhere", "terminated"})
UNRECORDED_GATES = frozenset({"legal_lock"})
"""Gates on a fact that registry does not record yet: nobody is refused by them, and nobody passes them."""

_PLACE_OF_HOME = ("lon", "lat", "cluster_ids")
_PLACE_OF_HOST = ("host_lon", "host_lat", "host_cluster_ids")


def home_unit_features(home: HomeUnit, profile: ProfileRead | None) -> HomeUnitFeatures:
    """Return a home unit as the engine sees it; what its profile does not say is not known."""
    place, clusters = _place(home.place)
    place_source = Source(home.id, "place", civil_date(home.updated_at))
    known: dict[str, Any] = {} if profile is None else _offer(profile)
    record = home.track_record
    return HomeUnitFeatures(
        id=home.id,
        name=home.name,
        lon=place.get("lon"),
        lat=place.get("lat"),
        cluster_ids=clusters,
        as_of=profile.figures_as_of if profile else None,
        landed_count=record.landed if record else None,
        admitted_count=record.admitted if record else None,
        sources={**dict.fromkeys(_PLACE_OF_HOME, place_source), **_record_sources(home)},
        **known,
    )


def project_features(project: Project) -> ProjectFeatures:
    """Return a project as the engine sees it."""
    place, clusters = _place(project.host_place)
    needs, as_of = project.needs, civil_date(project.updated_at)
    plant = needs.get("plant_class")
    host_source = Source(project.host_place_from, "host_place", as_of)
    return ProjectFeatures(
        id=project.id,
        title=project.title,
        stage=project.stage,
        summary=project.summary,
        industry_codes=project.industry_codes,
        strategic_fields=project.strategic_fields,
        plant_class=plant if plant in PLANT_CLASSES else None,
        space_m2=_bounded(needs.get("space_m2"), SPACE_LIMIT_M2),
        fund_amount_cny=_bounded(needs.get("fund_amount_cny"), AMOUNT_LIMIT_CNY),
        max_distance_km=needs.get("max_distance_km"),
        preferred_home_unit_ids=tuple(dict.fromkeys(needs.get("preferred_home_unit_ids") or ())),
        host_lon=place.get("lon"),
        host_lat=place.get("lat"),
        host_cluster_ids=clusters,
        enclave_home_unit_id=project.enclave_home_unit_id,
        as_of=as_of,
        sources=dict.fromkeys(_PLACE_OF_HOST, host_source),
    )


def _record_sources(home: HomeUnit) -> dict[str, Source]:
    record = home.track_record
    if record is None:
        return {}
    return {name: Source(home.id, name, record.as_of) for name in ("landed_count", "admitted_count")}


def _offer(profile: ProfileRead) -> dict[str, Any]:
    return {
        "description": profile.description,
        "leading_industries": tuple(profile.leading_industries),
        "accepted_stages": _set(profile.accepted_stages),
        "accepted_plant_classes": _set(profile.accepted_plant_classes),
        "available_space_m2": profile.available_space_m2,
        "max_fund_amount_cny": profile.max_fund_amount_cny,
        "remaining_budget_cny": profile.remaining_budget_cny,
        "policy_supported_fields": _set(profile.policy_supported_fields),
        "talent_count": profile.talent_count,
        "weights": profile.weights.model_dump() if profile.weights else None,
    }


def _set(values: list[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def _place(place: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], frozenset[str] | None]:
    return (place, frozenset(place["cluster_ids"])) if place else ({}, None)


def _bounded(value: Any, limit: int) -> Number | None:
    """Needs beyond the engine's range count as its end: nothing on file can hold them anyway."""
    return None if value is None else min(Decimal(str(value)), Decimal(limit))
