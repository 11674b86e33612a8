"""When a track first reached a state that no later move took back; days are numbers YYYYMMDD.

A year is 10,000, so that a horizon is added to a day in every database alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.clock import civil_date

STAGES = (
    "lead",
    "screening",
    "reserve",
    "admitted",
    "incubation",
    "acceleration",
    "rnd",
    "pilot",
    "industrialisation",
    "completed",
)
LANDING_STATES = ("intent", "signed", "registered", "started", "producing", "honoured")
ADMITTED, LANDED = "admitted", "registered"
"""A project counts as landed once its company is registered at the home unit."""


@dataclass(frozen=True, slots=True)
class Move:
    """A state of a track from a moment on; ``initial`` is the state a record was entered with."""

    version: int
    state: str
    initial: bool
    effective_at: datetime
    sequence: int
    enclave_id: str | None = None


def first_reached(moves: Iterable[Move], ladder: Sequence[str], goal: str) -> Move | None:
    """Return the earliest move to ``goal`` or beyond since the last step back below it, or None.

    An exit or a failure leaves what was reached: who landed and moved away has landed. The state a record was
    entered with takes nothing back, because a record may be entered long after its history began.
    """
    rank = {state: place for place, state in enumerate(ladder)}
    since: Move | None = None
    for move in sorted(moves, key=lambda move: (move.effective_at, move.sequence)):
        place = rank.get(move.state)
        if place is None:
            continue
        if place >= rank[goal]:
            since = since or move
        elif not move.initial:
            since = None
    return since


def latest_state(moves: Iterable[Move]) -> str:
    """Return the state after the newest version."""
    return max(moves, key=lambda move: move.version).state


def day_of(instant: datetime) -> int:
    """Return the civil date in China of an instant as the number YYYYMMDD."""
    day = civil_date(instant)
    return day.year * 10_000 + day.month * 100 + day.day
