"""What the source article states, as typed records ready to be registered.

None is "not stated". `inferred` names the fields that the article does not say in so many words.
The workstations of 启迪之星 stay one network with five homes and three bases: which home is in which base
is not stated, so no enclave row pairs them. The carrier type of the five Shanghai examples is that of the
sentence that introduces them.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

OrganisationKind = Literal["home_unit", "operator", "host_park", "institution"]
UnitType = Literal["city", "county", "development_zone", "town"]
OperatorClass = Literal["technology_transfer", "incubation_service", "industrial_property"]
CarrierType = Literal["offshore_incubator", "offshore_innovation_centre", "workstation", "cloud"]
OperatingMode = Literal["self_operated", "commissioned"]
NetworkRole = Literal["centre", "cloud"]
ClaimSubject = Literal["enclave", "network", "home_unit", "host_place"]
Comparator = Literal["exact", "approximately", "greater_than"]

_FACTS = Path(__file__).parent / "facts.json"


@dataclass(frozen=True, slots=True)
class SeedSource:
    publisher: str
    title: str
    republished_by: str
    page_footer_year: int
    as_of: None
    note: str


@dataclass(frozen=True, slots=True)
class SeedFact:
    """One row of the source with its quotes; row is None for a heading that several rows share."""

    row: int | None
    id: str
    kind: str
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeedOrganisation:
    """A zone has no code of its own: adcode is then its parent's. A 县级市 or a district counts as county."""

    key: str
    kind: OrganisationKind
    name: str
    name_stated: str
    unit_type: UnitType | None
    adcode: str | None
    operator_class: OperatorClass | None
    fact_id: str
    inferred: tuple[str, ...]
    note: str | None


@dataclass(frozen=True, slots=True)
class SeedHostBase:
    key: str
    name: str
    adcode: str


@dataclass(frozen=True, slots=True)
class SeedNetwork:
    key: str
    name: str
    operator_key: str
    pattern: str | None
    home_unit_keys: tuple[str, ...]
    host_bases: tuple[SeedHostBase, ...]
    pairing_known: bool
    open_ended: bool
    fact_id: str
    note: str | None


@dataclass(frozen=True, slots=True)
class SeedEnclave:
    key: str
    name: str
    home_unit_key: str
    sponsor_stated: str | None
    host_adcode: str
    host_place_stated: str
    host_site: str | None
    operator_key: str | None
    operator_role_stated: str | None
    host_park_key: str | None
    operating_mode: OperatingMode | None
    carrier_type: CarrierType | None
    network_key: str | None
    network_role: NetworkRole | None
    industries_stated: tuple[str, ...] | None
    industries_open_ended: bool
    industry_umbrella_stated: str | None
    target_projects_stated: str | None
    area_m2: int | None
    private_offices: int | None
    open_office_areas: int | None
    workstations: int | None
    terrace_m2: int | None
    facilities_stated: tuple[str, ...] | None
    inferred: tuple[str, ...]
    fact_id: str
    note: str | None


@dataclass(frozen=True, slots=True)
class SeedAgreement:
    key: str
    kind: Literal["co_construction"]
    name: str
    party_keys: tuple[str, ...]
    enclave_key: str
    signed_on: None
    fact_id: str


@dataclass(frozen=True, slots=True)
class SeedPartnership:
    """Institutions an enclave works with and what was built; which built what is not stated."""

    enclave_key: str
    institution_keys: tuple[str, ...]
    built_stated: tuple[str, ...]
    pairing_known: bool
    open_ended: bool
    fact_id: str


@dataclass(frozen=True, slots=True)
class SeedClaim:
    """A figure or statement of the source.

    subject_key is a seed key, or for host_place an adcode or cluster id; place_* says
    where the claimed things are. A claim with `derived_from` is a sum the source does not state.
    """

    key: str
    subject_type: ClaimSubject
    subject_key: str
    metric: str
    value: Decimal | None
    unit: str | None
    value_text: str | None
    comparator: Comparator | None
    stated: str | None
    place_adcode: str | None
    place_cluster_id: str | None
    fact_id: str
    quote: str
    source: str
    as_of: None
    derived_from: tuple[str, ...]
    note: str | None


@dataclass(frozen=True, slots=True)
class SeedPlan:
    source: SeedSource
    facts: tuple[SeedFact, ...]
    organisations: tuple[SeedOrganisation, ...]
    networks: tuple[SeedNetwork, ...]
    enclaves: tuple[SeedEnclave, ...]
    agreements: tuple[SeedAgreement, ...]
    partnerships: tuple[SeedPartnership, ...]
    claims: tuple[SeedClaim, ...]

    def quotes_of(self, fact_id: str) -> tuple[str, ...]:
        return next(fact.quotes for fact in self.facts if fact.id == fact_id)

    def organisation(self, key: str) -> SeedOrganisation:
        return next(item for item in self.organisations if item.key == key)

    def enclave(self, key: str) -> SeedEnclave:
        return next(item for item in self.enclaves if item.key == key)


@cache
def build_plan() -> SeedPlan:
    document: dict[str, Any] = json.loads(_FACTS.read_text(encoding="utf-8"))
    return SeedPlan(
        source=SeedSource(**document["source"]),
        facts=tuple(SeedFact(**_tupled(row)) for row in document["facts"]),
        organisations=tuple(SeedOrganisation(**_tupled(row)) for row in document["organisations"]),
        networks=tuple(_network(row) for row in document["networks"]),
        enclaves=tuple(SeedEnclave(**_tupled(row)) for row in document["enclaves"]),
        agreements=tuple(SeedAgreement(**_tupled(row)) for row in document["agreements"]),
        partnerships=tuple(SeedPartnership(**_tupled(row)) for row in document["partnerships"]),
        claims=tuple(_claim(row) for row in document["claims"]),
    )


def _network(row: dict[str, Any]) -> SeedNetwork:
    bases = [SeedHostBase(**base) for base in row["host_bases"]]
    return SeedNetwork(**_tupled({**row, "host_bases": bases}))


def _claim(row: dict[str, Any]) -> SeedClaim:
    value = None if row["value"] is None else Decimal(row["value"])
    return SeedClaim(**_tupled({**row, "value": value}))


def _tupled(row: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
