"""Deliveries, attempts, replays and reconciliation on the wire."""

from enum import StrEnum

from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Instant, Output


class DeliveryState(StrEnum):
    """A delivery is ``pending`` until it is delivered, dead after its last attempt, or cancelled."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    CANCELLED = "cancelled"


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

DELIVERY_EXHAUSTED = EventType(
    "webhook.delivery_exhausted",
    DeliveryRead,
    "A delivery failed for the last time",
    "一次推送最终失败",
    description_en="All attempts of a delivery failed. It can be sent again from the log or by a replay.",
    description_zh="一次推送的全部尝试均失败；可从日志重试或重放。",
    subject="webhook_delivery",
)
