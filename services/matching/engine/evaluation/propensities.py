"""How likely each project gets each home unit when only the lottery is drawn again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.evaluation.cohorts import PPM

Z = 1.6448536269514722
"""The 95th percentile of the normal distribution, for 90 % intervals."""

Assignment = NDArray[np.int32]
"""The home unit of each project by number, −1 for none."""

Replay = Callable[[int], Assignment]
"""Runs a round with the lottery of this number and everything else as it was."""


@dataclass(frozen=True, slots=True)
class Propensities:
    """``counts[p, h]``: in how many of ``replays`` project p got home unit h; the last column is none."""

    counts: NDArray[np.int32]
    replays: int

    def of(self, project: int, home: int) -> tuple[int, int, int]:
        """Return the probability of a pair and its 90 % interval in millionths; home −1 is none."""
        count = int(self.counts[project, home])
        low, high = wilson(np.array([count]), self.replays)
        return count * PPM // self.replays, int(low[0]), int(high[0])


def replayed(replay: Replay, replays: int, homes: int) -> Propensities:
    """Run a round ``replays`` times, each with another lottery, and count."""
    return propensities((replay(number) for number in range(replays)), homes)


def propensities(assignments: Iterable[Assignment], homes: int) -> Propensities:
    """Count assignments of the same projects. Raises ValueError without any, or for a home unit unknown."""
    counts: NDArray[np.int32] | None = None
    replays = 0
    for assignment in assignments:
        if counts is None:
            counts = np.zeros((len(assignment), homes + 1), np.int32)
        if len(assignment) != len(counts) or not _within(assignment, homes):
            raise ValueError("every replay assigns the same projects to the same home units")
        counts[np.arange(len(assignment)), assignment] += 1
        replays += 1
    if counts is None:
        raise ValueError("propensities need at least one replay")
    return Propensities(counts, replays)


def wilson(counts: NDArray[Any], trials: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the 90 % Wilson interval of counts out of ``trials`` in millionths, rounded outwards."""
    share, square = counts / trials, Z * Z
    middle = share + square / (2 * trials)
    half = Z * np.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    low, high = (middle - half) / (1 + square / trials), (middle + half) / (1 + square / trials)
    return (
        np.clip(np.floor(low * PPM), 0, PPM).astype(np.int64),
        np.clip(np.ceil(high * PPM), 0, PPM).astype(np.int64),
    )


def _within(assignment: Assignment, homes: int) -> bool:
    return not len(assignment) or (int(assignment.min()) >= -1 and int(assignment.max()) < homes)
