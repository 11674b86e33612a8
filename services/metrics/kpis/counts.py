"""What was counted in one group, whichever way it was counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Duration(NamedTuple):
    """How many admitted projects landed so many days after admission, or had not when last seen.

    ``days`` is None of those who passed the horizon without landing.
    """

    days: int | None
    landed: bool
    projects: int


@dataclass
class Counts:
    """All records, the records of each set, and how long landings took."""

    n: int = 0
    sets: Mapping[str, int] = field(default_factory=dict)
    durations: list[Duration] = field(default_factory=list)


Groups = dict[str | None, Counts]
"""By value of the grouping dimension; under one key without a grouping."""
