"""Residencies and the occupancy of enclaves on the wire."""

from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field

from services.registry.residencies.state import ResidencyState
from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Area, Id, Input, Instant, Output, Text

Seats = Annotated[int, Field(ge=0, le=100_000)]


class ResidencyCreate(Input):
    """An application for space; without an enclave, in the project's own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"seats": 6, "area_m2": 60, "starts_on": "2026-12-01", "ends_on": "2028-11-30"}]
        }
    )

    enclave_id: Id | None = None
    seats: Seats = 0
    area_m2: Area | None = None
    starts_on: date
    ends_on: date


class ResidencyUpdate(Input):
    """A merge patch of what was applied for or let; more space must be free."""

    seats: Seats = 0
    area_m2: Area | None = None
    starts_on: date = date(2000, 1, 1)
    ends_on: date = date(2000, 1, 1)


class ResidencyTransition(Input):
    """One step of the residency track. Without `effective_at` it happens now."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"to": "resident", "effective_at": "2026-12-01T01:00:00Z"}]}
    )

    to: ResidencyState
    effective_at: Instant | None = None
    reason: Text | None = None
    evidence_ids: Annotated[list[Id], Field(max_length=50)] = Field(default_factory=list)


class ResidencyRead(Output):
    """The stay of a project in an enclave.

    It holds its space from `starts_on` to `ends_on`, both days included; `left_on` is the first day on which
    the space is free again.
    """

    id: str
    project_id: str
    enclave_id: str
    state: str
    seats: int
    area_m2: float | None
    starts_on: date
    ends_on: date
    left_on: date | None
    version: int
    created_at: Instant
    updated_at: Instant


class OccupancyDay(Output):
    """Space held on one day."""

    on: date
    seats: int
    area_m2: float


class OccupancyRead(Output):
    """Space held in an enclave by day, beside what it lets.

    A rate is null while the capacity is unknown, and never 0 for that.
    """

    enclave_id: str
    from_on: date
    to_on: date
    seat_capacity: int | None
    area_capacity_m2: float | None
    seat_days: int
    seat_occupancy: float | None
    area_m2_days: float
    area_occupancy: float | None
    days: list[OccupancyDay]


RESIDENCY_LIST = ListSpec(
    filters={
        "project_id": Filter(),
        "enclave_id": Filter(),
        "state": Filter(choices=tuple(ResidencyState)),
        "starts_on": Filter(date, ("gte", "lte")),
        "ends_on": Filter(date, ("gte", "lte")),
    },
    sorts=("created_at", "ends_on"),
)

RESIDENCY_CREATED = EventType(
    "residency.created",
    ResidencyRead,
    "A project applied for space",
    "入驻申请",
    description_en="A project applied for space in an enclave.",
    description_zh="项目申请入驻科创飞地。",
)
RESIDENCY_UPDATED = EventType(
    "residency.updated",
    ResidencyRead,
    "A residency changed",
    "入驻信息变更",
    description_en="The space or the period of a stay changed.",
    description_zh="入驻的面积、工位或期限变更。",
)
RESIDENCY_STATE_CHANGED = EventType(
    "residency.state_changed",
    ResidencyRead,
    "A residency changed its state",
    "入驻状态变更",
    description_en="A stay was approved, begun, given notice or ended.",
    description_zh="入驻获批、开始、到期预警或结束。",
)
