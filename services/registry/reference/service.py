"""Lookups of reference data in the shapes the API answers with."""

import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeVar

from services.registry.reference.catalogue import load_catalogue
from services.registry.reference.pager import Matcher
from services.registry.reference.schemas import (
    ClusterRead,
    DivisionRead,
    IndustryRead,
    Place,
    StrategicFieldRead,
)
from shared.errors import NotFound
from shared.types import Output

Record = TypeVar("Record", bound=Output)


@lru_cache(maxsize=4096)
def place_of(adcode: str | None) -> Place | None:
    """Return where a division is, or None when the code is unknown or absent."""
    if adcode is None:
        return None
    catalogue = load_catalogue()
    division, province = catalogue.division(adcode), catalogue.province_of(adcode)
    if division is None or province is None:
        return None
    city = catalogue.city_of(adcode)
    return Place(
        adcode=division.code,
        name=division.name,
        lon=division.lon,
        lat=division.lat,
        city_adcode=city.code if city else None,
        province_adcode=province.code,
        cluster_ids=[cluster.id for cluster in catalogue.clusters_of(adcode)],
    )


@cache
def divisions() -> Mapping[str, DivisionRead]:
    """Return every division by code."""
    return {division.code: _division(division.code) for division in load_catalogue().divisions}


def _division(code: str) -> DivisionRead:
    division, place = load_catalogue().division(code), place_of(code)
    assert division is not None
    assert place is not None
    above = {
        "city_code": place.city_adcode,
        "province_code": place.province_adcode,
        "cluster_ids": place.cluster_ids,
    }
    return DivisionRead.of(asdict(division) | above)


@cache
def industries() -> Mapping[str, IndustryRead]:
    """Return every industry by code."""
    catalogue, found = load_catalogue(), {}
    for industry in catalogue.industries:
        section = catalogue.section_of(industry.code)
        fields = [field.id for field in catalogue.strategic_fields_of(industry.code)]
        derived = {"section": section.code if section else None, "strategic_fields": fields}
        found[industry.code] = IndustryRead.of(asdict(industry) | derived)
    return found


@cache
def strategic_fields() -> Mapping[str, StrategicFieldRead]:
    """Return every strategic field by id."""
    return {field.id: StrategicFieldRead.of(asdict(field)) for field in load_catalogue().strategic_fields}


@cache
def clusters() -> Mapping[str, ClusterRead]:
    """Return every cluster by id."""
    return {cluster.id: ClusterRead.of(asdict(cluster)) for cluster in load_catalogue().clusters}


def found(records: Mapping[str, Record], identifier: str) -> Record:
    """Return one record or raise a 404."""
    try:
        return records[identifier]
    except KeyError:
        raise NotFound("No such entry.", "没有该条目。") from None


@cache
def data_version() -> int:
    """Return a number that changes with the reference data, for ETags."""
    return _checksum(sorted((Path(__file__).parent / "data").glob("*.*")))


def _checksum(paths: Iterable[Path]) -> int:
    checksum = 0
    for path in paths:
        checksum = zlib.crc32(path.read_bytes(), checksum)
    return checksum


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _mentions(record: IndustryRead, text: str) -> bool:
    needle = _folded(text)
    return needle in _folded(record.name) or record.code.casefold().startswith(needle)


def _lies_in(record: ClusterRead, adcode: str) -> bool:
    place = place_of(adcode)
    return place is not None and record.id in place.cluster_ids


def _is_inside(record: DivisionRead, cluster_id: str) -> bool:
    return cluster_id in record.cluster_ids


def _can_belong(record: IndustryRead, field_id: str) -> bool:
    return field_id in record.strategic_fields


DIVISION_MATCHERS: Mapping[str, Matcher] = {"cluster_id": _is_inside}
INDUSTRY_MATCHERS: Mapping[str, Matcher] = {"q": _mentions, "strategic_field": _can_belong}
CLUSTER_MATCHERS: Mapping[str, Matcher] = {"member": _lies_in}
