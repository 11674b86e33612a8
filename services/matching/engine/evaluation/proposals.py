"""From what was accepted and refused to a proposal of weights, which never takes effect by itself.

A criterion on which accepted offers stood higher than refused ones is proposed more weight, one on which they
stood lower less, and only where that is more than chance. By how much is a rule, not an optimum: as many per
cent as the difference is of the criterion's scale, at most twenty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_DECISIONS = 10
"""Of each kind, accepted and refused, below which nothing is proposed about a criterion."""

MAX_DECISIONS = 5_000
RESAMPLES = 1_000
TAIL = 5
"""Of 1,000 on either side: 99 % intervals, so that ten criteria together mislead in less than one of ten."""

LIMIT_PERMILLE = 200
SCALE_PERMILLE = 1_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """One criterion: the mean difference accepted − refused in millionths of its scale with a 99 % interval.

    None where too few decisions have the criterion known. ``proposed`` is in the same unit as ``weight``.
    """

    criterion: str
    accepted: int
    refused: int
    difference: int | None
    low: int | None
    high: int | None
    weight: int
    proposed: int

    @property
    def moves(self) -> bool:
        """Whether another weight is proposed."""
        return self.weight != self.proposed


def propose(
    scores: Mapping[str, Sequence[int | None]],
    accepted: Sequence[bool],
    weights: Mapping[str, int],
    seed: int,
    min_decisions: int = MIN_DECISIONS,
) -> tuple[Evidence, ...]:
    """Return the evidence per criterion and the weight that follows from it, in the order of ``weights``.

    ``scores`` hold 0…1,000,000 per decided offer, None where not known; only the last 5,000 count.
    """
    decided = np.array(accepted[-MAX_DECISIONS:], np.bool_)
    random = np.random.default_rng(seed)
    found = []
    for name, weight in weights.items():
        column = scores[name][-MAX_DECISIONS:]
        known = np.array([score is not None for score in column], np.bool_)
        values = np.array([score or 0 for score in column], np.int64)
        good, bad = values[known & decided], values[known & ~decided]
        interval = _interval(good, bad, random) if min(len(good), len(bad)) >= min_decisions else None
        found.append(_evidence(name, len(good), len(bad), interval, weight))
    return tuple(found)


def _evidence(
    name: str, accepted: int, refused: int, interval: tuple[int, int, int] | None, weight: int
) -> Evidence:
    if interval is None:
        return Evidence(name, accepted, refused, None, None, None, weight, weight)
    difference, low, high = interval
    decides = low > 0 or high < 0
    return Evidence(
        name, accepted, refused, *interval, weight, _moved(weight, difference) if decides else weight
    )


def _moved(weight: int, difference: int) -> int:
    """The weight moved by the difference, at most by the limit, rounded half up."""
    permille = min(LIMIT_PERMILLE, abs(difference) // 1_000)
    moved = SCALE_PERMILLE + (permille if difference > 0 else -permille)
    return (2 * weight * moved + SCALE_PERMILLE) // (2 * SCALE_PERMILLE)


def _interval(
    good: NDArray[np.int64], bad: NDArray[np.int64], random: np.random.Generator
) -> tuple[int, int, int]:
    """The difference of the means and the bounds within which it falls when decisions are drawn again."""
    again = np.sort(_drawn_means(good, random) - _drawn_means(bad, random))
    difference = int(good.sum()) // len(good) - int(bad.sum()) // len(bad)
    return difference, int(again[TAIL]), int(again[-1 - TAIL])


def _drawn_means(values: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    distinct, counts = np.unique(values, return_counts=True)
    drawn = random.multinomial(len(values), counts / len(values), RESAMPLES)
    means: NDArray[np.int64] = drawn @ distinct // len(values)
    return means
