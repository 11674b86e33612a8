"""Administrative divisions, industries, strategic fields and city clusters, read once from data files."""

import csv
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

ClusterKind = Literal["cluster", "corridor"]
CoordinatePrecision = Literal["own", "parent", "province"]
IndustryLevel = Literal["section", "division", "class"]
SitingPattern = Literal["intra_cluster", "inter_cluster"]

_DATA = Path(__file__).parent / "data"
_PRECISIONS: dict[str, CoordinatePrecision] = {"own": "own", "parent": "parent", "province": "province"}
_INDUSTRY_LEVELS: dict[str, IndustryLevel] = {"section": "section", "division": "division", "class": "class"}
_MUNICIPALITIES_AND_SARS = frozenset({"110000", "120000", "310000", "500000", "810000", "820000"})


@dataclass(frozen=True, slots=True)
class Division:
    """An administrative division; level 1 province, 2 prefecture, 3 county; degrees for lon and lat."""

    code: str
    name: str
    level: int
    parent: str | None
    lon: float
    lat: float
    coord_precision: CoordinatePrecision


@dataclass(frozen=True, slots=True)
class Industry:
    code: str
    name: str
    level: IndustryLevel
    parent: str | None


@dataclass(frozen=True, slots=True)
class StrategicField:
    id: str
    name_zh: str
    name_en: str
    industry_prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    id: str
    kind: ClusterKind
    name_zh: str
    name_en: str
    aliases_zh: tuple[str, ...]
    basis: str
    core_codes: tuple[str, ...]
    member_codes: tuple[str, ...]


class Catalogue:
    """Lookups over the four reference lists; an unknown code answers None or an empty tuple."""

    def __init__(
        self,
        divisions: tuple[Division, ...],
        industries: tuple[Industry, ...],
        strategic_fields: tuple[StrategicField, ...],
        clusters: tuple[Cluster, ...],
    ) -> None:
        self.divisions = divisions
        self.industries = industries
        self.strategic_fields = strategic_fields
        self.clusters = clusters
        self._divisions = {division.code: division for division in divisions}
        self._industries = {industry.code: industry for industry in industries}
        self._clusters = {cluster.id: cluster for cluster in clusters}
        self._clusters_by_member: dict[str, tuple[Cluster, ...]] = {}
        for cluster in clusters:
            for code in cluster.member_codes:
                self._clusters_by_member[code] = (*self._clusters_by_member.get(code, ()), cluster)
        self._children: dict[str, tuple[Division, ...]] = {}
        for division in divisions:
            if division.parent:
                siblings = self._children.get(division.parent, ())
                self._children[division.parent] = (*siblings, division)

    @classmethod
    def load(cls) -> "Catalogue":
        return load_catalogue()

    def division(self, code: str) -> Division | None:
        return self._divisions.get(code)

    def children_of(self, code: str) -> tuple[Division, ...]:
        return self._children.get(code, ())

    def province_of(self, code: str) -> Division | None:
        return next((item for item in self._upwards(code) if item.level == 1), None)

    def city_of(self, code: str) -> Division | None:
        """The prefecture, the municipality itself, or a county its province administers directly."""
        chain = tuple(self._upwards(code))
        for item in chain:
            if item.level == 2 or item.code in _MUNICIPALITIES_AND_SARS:
                return item
        return chain[0] if chain and chain[0].level == 3 else None

    def is_within(self, code: str, ancestor_code: str) -> bool:
        return any(item.code == ancestor_code for item in self._upwards(code))

    def cluster(self, cluster_id: str) -> Cluster | None:
        return self._clusters.get(cluster_id)

    def clusters_of(self, code: str, kind: ClusterKind | None = None) -> tuple[Cluster, ...]:
        """Clusters that name the division or one above it: most lists name cities, some name counties."""
        found: dict[str, Cluster] = {}
        for item in self._upwards(code):
            for cluster in self._clusters_by_member.get(item.code, ()):
                if kind is None or cluster.kind == kind:
                    found[cluster.id] = cluster
        return tuple(found.values())

    def siting_pattern(self, home_code: str | None, host_code: str | None) -> SitingPattern | None:
        if not (home_code and host_code and self.city_of(home_code) and self.city_of(host_code)):
            return None
        home = {cluster.id for cluster in self.clusters_of(home_code, "cluster")}
        host = {cluster.id for cluster in self.clusters_of(host_code, "cluster")}
        return "intra_cluster" if home & host else "inter_cluster"

    def industry(self, code: str) -> Industry | None:
        return self._industries.get(code)

    def section_of(self, code: str) -> Industry | None:
        item = self.industry(code)
        while item is not None and item.parent:
            item = self.industry(item.parent)
        return item

    def strategic_fields_of(self, industry_code: str) -> tuple[StrategicField, ...]:
        if industry_code not in self._industries:
            return ()
        return tuple(
            field for field in self.strategic_fields if industry_code.startswith(field.industry_prefixes)
        )

    def search_divisions(self, q: str, limit: int = 20) -> tuple[Division, ...]:
        ranked = [(rank, d.level, d.code, d) for d in self.divisions if (rank := _rank(q, d.code, d.name))]
        return tuple(row[3] for row in sorted(ranked)[:limit])

    def search_industries(self, q: str, limit: int = 20) -> tuple[Industry, ...]:
        ranked = [(rank, i.code, i) for i in self.industries if (rank := _rank(q, i.code, i.name))]
        return tuple(row[2] for row in sorted(ranked, key=lambda row: row[:2])[:limit])

    def search(self, q: str, limit: int = 20) -> tuple[Division | Industry, ...]:
        """Divisions first, then industries; each list by exact, leading, then inner match."""
        hits: tuple[Division | Industry, ...] = self.search_divisions(q, limit)
        return (*hits, *self.search_industries(q, limit))[:limit]

    def _upwards(self, code: str) -> Iterator[Division]:
        item = self._divisions.get(code)
        while item is not None:
            yield item
            item = self._divisions.get(item.parent) if item.parent else None


@cache
def load_catalogue() -> Catalogue:
    return Catalogue(
        divisions=tuple(_division(row) for row in _rows("divisions.csv")),
        industries=tuple(_industry(row) for row in _rows("industries.csv")),
        strategic_fields=tuple(
            StrategicField(field["id"], field["name_zh"], field["name_en"], tuple(field["industry_prefixes"]))
            for field in _document("strategic_industries.json")["fields"]
        ),
        clusters=tuple(_cluster(item) for item in _document("clusters.json")["clusters"]),
    )


def _rank(q: str, code: str, name: str) -> int:
    """0 is no match; less is better otherwise."""
    needle = unicodedata.normalize("NFKC", q).casefold().strip()
    # NFKC turns the full-width comma and brackets of official names into ASCII; both sides must agree.
    hay = unicodedata.normalize("NFKC", name).casefold()
    if not needle:
        return 0
    if needle in (code.casefold(), hay):
        return 1
    if hay.startswith(needle) or code.casefold().startswith(needle):
        return 2
    return 3 if needle in hay else 0


def _division(row: dict[str, str]) -> Division:
    return Division(
        code=row["code"],
        name=row["name"],
        level=int(row["level"]),
        parent=row["parent"] or None,
        lon=float(row["lon"]),
        lat=float(row["lat"]),
        coord_precision=_PRECISIONS[row["coord_precision"]],
    )


def _industry(row: dict[str, str]) -> Industry:
    return Industry(row["code"], row["name"], _INDUSTRY_LEVELS[row["level"]], row["parent"] or None)


def _cluster(item: dict[str, Any]) -> Cluster:
    return Cluster(
        id=item["id"],
        kind=item["kind"],
        name_zh=item["name_zh"],
        name_en=item["name_en"],
        aliases_zh=tuple(item["aliases_zh"]),
        basis=item["basis"],
        core_codes=tuple(item["core_codes"]),
        member_codes=tuple(item["member_codes"]),
    )


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (_DATA / name).open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle)


def _document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((_DATA / name).read_text(encoding="utf-8"))
    return document
