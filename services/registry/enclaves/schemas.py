"""Enclaves and their networks on the wire."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from services.registry.reference.schemas import Place
from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Adcode, Area, Count, ExternalId, Id, Input, Instant, Name, Output


class OperatingMode(StrEnum):
    """Who runs an enclave: 自主运营 or 委托运营."""

    SELF_OPERATED = "self_operated"
    COMMISSIONED = "commissioned"


class CarrierType(StrEnum):
    """离岸孵化器, 离岸创新中心, 飞地孵化创新工作站 or 云飞地."""

    OFFSHORE_INCUBATOR = "offshore_incubator"
    OFFSHORE_INNOVATION_CENTRE = "offshore_innovation_centre"
    WORKSTATION = "workstation"
    CLOUD = "cloud"


class SitingPattern(StrEnum):
    """圈层式 when home and host share a city cluster, else 跨区域."""

    INTRA_CLUSTER = "intra_cluster"
    INTER_CLUSTER = "inter_cluster"


class NetworkRole(StrEnum):
    """The one centre of a 1+N network, or one of its N cloud enclaves."""

    CENTRE = "centre"
    CLOUD = "cloud"


Industries = Annotated[list[Name], Field(max_length=50, description="Industries as their source words them.")]
Facility = Annotated[int, Field(ge=0, le=1_000_000)]


class EnclaveCreate(Input):
    """A new enclave. Whatever is unknown stays null.

    `workstations`, `area_m2` and the like are facts about the building; `seat_capacity` and
    `area_capacity_m2` are what may be let, and what an admission is checked against.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "丽水经开区(上海)科创飞地",
                    "home_unit_id": "org_01jd3v9w8xk4m7q2r5t6y8z0ab",
                    "host_adcode": "310115",
                    "host_site": "上海浦东张江科学城",
                    "area_m2": 21000,
                    "industries_stated": ["生物医药"],
                }
            ]
        }
    )

    name: Name
    home_unit_id: Id
    host_adcode: Adcode | None = None
    host_site: Name | None = None
    operator_id: Id | None = None
    host_park_id: Id | None = None
    operating_mode: OperatingMode | None = None
    carrier_type: CarrierType | None = None
    area_m2: Area | None = None
    site_area_m2: Area | None = None
    offices: Facility | None = None
    open_areas: Facility | None = None
    workstations: Facility | None = None
    meeting_rooms: Facility | None = None
    roadshow_hall: bool | None = None
    terrace_m2: Area | None = None
    seat_capacity: Count | None = None
    area_capacity_m2: Area | None = None
    capacity_synthetic: bool = False
    industries_stated: Industries = Field(default_factory=list)
    opened_on: date | None = None
    closed_on: date | None = None
    external_id: ExternalId | None = None
    synthetic: bool = False


class EnclaveUpdate(Input):
    """A merge patch: only the fields sent are changed. Null means unknown again."""

    name: Name = ""
    home_unit_id: Id = ""
    host_adcode: Adcode | None = None
    host_site: Name | None = None
    operator_id: Id | None = None
    host_park_id: Id | None = None
    operating_mode: OperatingMode | None = None
    carrier_type: CarrierType | None = None
    area_m2: Area | None = None
    site_area_m2: Area | None = None
    offices: Facility | None = None
    open_areas: Facility | None = None
    workstations: Facility | None = None
    meeting_rooms: Facility | None = None
    roadshow_hall: bool | None = None
    terrace_m2: Area | None = None
    seat_capacity: Count | None = None
    area_capacity_m2: Area | None = None
    capacity_synthetic: bool = False
    industries_stated: Industries = Field(default_factory=list)
    opened_on: date | None = None
    closed_on: date | None = None


class EnclaveRead(Output):
    """A carrier that a home unit opens in a host city, as its parties see it."""

    id: str
    name: str
    home_unit_id: str
    home_place: Place | None
    host_adcode: str | None
    host_place: Place | None
    host_site: str | None
    operator_id: str | None
    host_park_id: str | None
    operating_mode: str | None
    carrier_type: str | None
    siting_pattern: str | None
    network_id: str | None
    network_role: str | None
    area_m2: float | None
    site_area_m2: float | None
    offices: int | None
    open_areas: int | None
    workstations: int | None
    meeting_rooms: int | None
    roadshow_hall: bool | None
    terrace_m2: float | None
    seat_capacity: int | None
    area_capacity_m2: float | None
    capacity_synthetic: bool
    industries_stated: list[str]
    opened_on: date | None
    closed_on: date | None
    external_id: str | None
    party_ids: list[str]
    synthetic: bool
    version: int
    created_at: Instant
    updated_at: Instant


class NetworkCreate(Input):
    """A new 1+N network; members may be added later."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "长三角云飞地网络", "centre_enclave_id": "enc_01jd3v9w8xk4m7q2r5t6y8z0ab"}]
        }
    )

    name: Name
    operator_id: Id | None = None
    centre_enclave_id: Id | None = None
    external_id: ExternalId | None = None
    synthetic: bool = False


class NetworkUpdate(Input):
    """A merge patch of a network's own fields."""

    name: Name = ""
    operator_id: Id | None = None


class MemberAdd(Input):
    """An enclave that joins a network."""

    enclave_id: Id
    role: NetworkRole = NetworkRole.CLOUD


class MemberRemove(Input):
    """An enclave that leaves a network."""

    enclave_id: Id


class NetworkRead(Output):
    """One centre enclave and N cloud enclaves, seen by its operator and by the parties of every member."""

    id: str
    name: str
    operator_id: str | None
    centre_enclave_id: str | None
    cloud_enclave_ids: list[str]
    external_id: str | None
    party_ids: list[str]
    synthetic: bool
    version: int
    created_at: Instant
    updated_at: Instant


ENCLAVE_LIST = ListSpec(
    filters={
        "home_unit_id": Filter(),
        "host_city_adcode": Filter(description="Code of the host's prefecture or municipality."),
        "operator_id": Filter(),
        "host_park_id": Filter(),
        "operating_mode": Filter(choices=tuple(OperatingMode)),
        "carrier_type": Filter(choices=tuple(CarrierType)),
        "siting_pattern": Filter(choices=tuple(SitingPattern)),
        "network_id": Filter(),
        "name": Filter(operators=("eq", "contains")),
        "external_id": Filter(),
        "synthetic": Filter(bool, ("eq",)),
    },
    sorts=("created_at", "name"),
)

NETWORK_LIST = ListSpec(
    filters={
        "operator_id": Filter(),
        "name": Filter(operators=("eq", "contains")),
        "external_id": Filter(),
        "synthetic": Filter(bool, ("eq",)),
    },
    sorts=("created_at", "name"),
)

ENCLAVE_CREATED = EventType(
    "enclave.created",
    EnclaveRead,
    "An enclave was recorded",
    "科创飞地登记",
    description_en="A carrier of a home unit in a host city was recorded; `party_ids` are those who see it.",
    description_zh="登记了飞出地在飞入地设立的载体；`party_ids` 为可见的当事方。",
)
ENCLAVE_UPDATED = EventType(
    "enclave.updated",
    EnclaveRead,
    "An enclave changed",
    "科创飞地信息变更",
    description_en="An enclave's parties, facilities, capacity, network or dates changed.",
    description_zh="科创飞地的当事方、设施、容量、所属网络或日期变更。",
)
NETWORK_CREATED = EventType(
    "network.created",
    NetworkRead,
    "A 1+N network was formed",
    "飞地网络组建",
    description_en="A centre enclave and its cloud enclaves form a network.",
    description_zh="一个中心飞地与若干云飞地组成网络。",
)
NETWORK_UPDATED = EventType(
    "network.updated",
    NetworkRead,
    "A 1+N network changed",
    "飞地网络变更",
    description_en="A network's name, operator or members changed.",
    description_zh="网络的名称、运营方或成员变更。",
)
