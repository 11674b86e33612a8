"""The sandbox's clock on the wire."""

from typing import Annotated

from pydantic import ConfigDict, Field

from shared.types import Input, Instant, Output

LONGEST_MOVE_S = 366 * 86_400
FURTHEST_S = 10 * LONGEST_MOVE_S


class ClockAdvance(Input):
    """By how many seconds the clock goes forward."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"advance_s": 270_000}]})

    advance_s: Annotated[int, Field(ge=1, le=LONGEST_MOVE_S)]


class ClockRead(Output):
    """What time it is in registry, and on the wall; ``offset_s`` is what lies between."""

    movable: bool
    now: Instant
    real_now: Instant
    offset_s: int
