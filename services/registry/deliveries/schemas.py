"""Deliveries, attempts, replays and reconciliation on the wire."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from services.registry.webhooks.schemas import EventTypes
from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Id, Input, Instant, Output


class DeliveryState(StrEnum):
    """A delivery is ``pending`` until it is delivered, dead after its last attempt, or cancelled."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    CANCELLED = "cancelled"


class ReplayMode(StrEnum):
    """``deliveries`` sends again what was sent; ``snapshot`` sends the latest event of every record."""

    DELIVERIES = "deliveries"
    SNAPSHOT = "snapshot"


class DeliveryRead(Output):
    """One event on its way to one endpoint. ``sequence`` is the endpoint's own, without gaps;
    ``tries`` counts failures of the current round, ``attempts`` all attempts ever made.
    """

    id: str
    endpoint_id: str
    sequence: int
    event_id: str
    event_type: str
    event_sequence: int
    subject_id: str
    state: str
    attempts: int
    tries: int
    due_at: Instant | None
    created_at: Instant
    finished_at: Instant | None


class AttemptRead(Output):
    """One attempt: the answer's status, or why there was none; the address dialled; what was answered."""

    number: int
    started_at: Instant
    duration_ms: int
    status: int | None
    error: str | None
    address: str | None
    response: str | None


class Attempts(Output):
    """All attempts of one delivery, the first one first."""

    items: list[AttemptRead]


Sequence = Annotated[int, Field(ge=1, le=2**53 - 1)]


class ReplayCreate(Input):
    """Which deliveries to send again; what is absent does not limit. A dry run only counts them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"endpoint_id": "whe_01jd3v9w8xk4m7q2r5t6y8z0ab", "states": ["dead"], "dry_run": True}
            ]
        }
    )

    endpoint_id: Id
    mode: ReplayMode = ReplayMode.DELIVERIES
    from_time: Instant | None = Field(None, description="Created at or after.")
    to_time: Instant | None = Field(None, description="Created before.")
    from_sequence: Sequence | None = None
    to_sequence: Sequence | None = None
    event_types: EventTypes | None = None
    states: Annotated[list[DeliveryState], Field(min_length=1, max_length=4)] | None = None
    subject_id: Id | None = None
    dry_run: bool = False

    @model_validator(mode="after")
    def _snapshots_have_no_past(self) -> Self:
        past = (self.from_time, self.to_time, self.from_sequence, self.to_sequence, self.states)
        if self.mode == ReplayMode.SNAPSHOT and any(value is not None for value in past):
            raise ValueError("a snapshot is limited by `event_types` and `subject_id` only")
        return self


class ReplayRead(Output):
    """A replay. ``sent`` counts what it has made pending so far; of a dry run, what it would have."""

    id: str | None
    endpoint_id: str
    mode: str
    criteria: dict[str, Any]
    state: Literal["running", "done", "cancelled", "dry_run"]
    sent: int
    version: int | None
    created_at: Instant | None
    finished_at: Instant | None


class Run(Output):
    """Deliveries of consecutive sequences in one state. ``expired`` are past the retention."""

    from_sequence: int
    to_sequence: int
    state: str


class Reconciliation(Output):
    """The states of the sequences ``from_sequence`` to ``to_sequence``, run by run.

    ``digest`` is the SHA-256, in hexadecimal, over a line ``{sequence}:{event id}`` and a line feed for each
    of them that is not expired, ascending: who received them all computes the same.
    """

    endpoint_id: str
    head: int
    from_sequence: int
    to_sequence: int
    counts: dict[str, int]
    runs: list[Run]
    digest: str


DELIVERY_LIST = ListSpec(
    filters={
        "state": Filter(str, ("eq", "in"), choices=tuple(DeliveryState)),
        "event_type": Filter(str, ("eq", "in")),
        "subject_id": Filter(str, ("eq",)),
        "sequence": Filter(int, ("eq", "gte", "lte")),
    },
    sorts=("sequence",),
    default_sort="-sequence",
)
REPLAY_LIST = ListSpec(
    filters={"endpoint_id": Filter(str, ("eq",)), "state": Filter(str, ("eq", "in"))}, sorts=("created_at",)
)

DELIVERY_EXHAUSTED = EventType(
    "webhook.delivery_exhausted",
    DeliveryRead,
    "A delivery failed for the last time",
    "一次推送最终失败",
    description_en="All attempts of a delivery failed. It can be sent again from the log or by a replay.",
    description_zh="一次推送的全部尝试均失败；可从日志重试或重放。",
    subject="webhook_delivery",
)
