"""Replays on the wire."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.registry.deliveries.schemas import DeliveryState
from services.registry.webhooks.schemas import EventTypes
from shared.db.keyset import Filter, ListSpec
from shared.types import Id, Input, Instant, Output

Sequence = Annotated[int, Field(ge=1, le=2**53 - 1)]


class ReplayMode(StrEnum):
    """``deliveries`` sends again what was sent; ``snapshot`` sends the latest event of every record."""

    DELIVERIES = "deliveries"
    SNAPSHOT = "snapshot"


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
            raise PydanticCustomError("not_together", "a snapshot is of what is now")
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


REPLAY_LIST = ListSpec(
    filters={"endpoint_id": Filter(str, ("eq",)), "state": Filter(str, ("eq", "in"))}, sorts=("created_at",)
)
