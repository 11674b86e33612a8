"""Organisations on the wire: the parties of a network."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from services.registry.reference.schemas import Place
from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Adcode, ExternalId, Input, Instant, Name, Output


class OrganisationKind(StrEnum):
    """What an organisation is in the network."""

    HOME_UNIT = "home_unit"
    PLATFORM_COMPANY = "platform_company"
    OPERATOR = "operator"
    HOST_PARK = "host_park"
    FUND = "fund"
    INSTITUTION = "institution"
    PROJECT_TEAM = "project_team"
    OBSERVER = "observer"
    NETWORK_ADMINISTRATION = "network_administration"


class UnitType(StrEnum):
    """What kind of place a home unit is; zones and towns have no code of their own in GB/T 2260."""

    CITY = "city"
    COUNTY = "county"
    DEVELOPMENT_ZONE = "development_zone"
    TOWN = "town"


class OperatorClass(StrEnum):
    """Which business a commissioned operator comes from."""

    TECHNOLOGY_TRANSFER = "technology_transfer"
    INCUBATION_SERVICE = "incubation_service"
    INDUSTRIAL_PROPERTY = "industrial_property"


Uscc = Annotated[str, Field(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$", description="统一社会信用代码")]


class OrganisationCreate(Input):
    """A new party."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "home_unit",
                    "name": "丽水经济技术开发区",
                    "unit_type": "development_zone",
                    "adcode": "331100",
                }
            ]
        }
    )

    kind: OrganisationKind
    name: Name
    unit_type: UnitType | None = None
    adcode: Adcode | None = None
    operator_class: OperatorClass | None = None
    uscc: Uscc | None = None
    external_id: ExternalId | None = None
    synthetic: bool = False


class OrganisationUpdate(Input):
    """A merge patch: only the fields sent are changed."""

    name: Name = ""
    unit_type: UnitType | None = None
    adcode: Adcode | None = None
    operator_class: OperatorClass | None = None
    uscc: Uscc | None = None


class OrganisationRead(Output):
    """A party of the network. Every member of the network may read this directory."""

    id: str
    kind: str
    name: str
    unit_type: str | None
    adcode: str | None
    place: Place | None
    operator_class: str | None
    uscc: str | None
    external_id: str | None
    synthetic: bool
    version: int
    created_at: Instant
    updated_at: Instant


ORGANISATION_LIST = ListSpec(
    filters={
        "kind": Filter(choices=tuple(OrganisationKind)),
        "name": Filter(operators=("eq", "contains")),
        "adcode": Filter(),
        "external_id": Filter(),
        "synthetic": Filter(bool, ("eq",)),
    },
    sorts=("created_at", "name"),
)

ORGANISATION_CREATED = EventType(
    "organisation.created",
    OrganisationRead,
    "An organisation joined",
    "组织加入",
    description_en="A home unit, an operator, a host park or another party joined the directory.",
    description_zh="网络名录新增一家参与方，如飞出地、运营方或承载园区。",
)
ORGANISATION_UPDATED = EventType(
    "organisation.updated",
    OrganisationRead,
    "An organisation changed",
    "组织信息变更",
    description_en="A party's name, place or class changed.",
    description_zh="参与方的名称、所在地或类别发生变更。",
)
