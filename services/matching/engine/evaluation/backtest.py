"""Which rank today's scoring gives the home unit that a project of the past went to.

The scoring of that day cannot be had again: profiles, weights and facts are those of today, and the track
record has counted the very outcome. So this tells how far the scoring agrees with what was done, and nothing
of what would have happened otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.evaluation.cohorts import PPM

DEPTHS = (1, 3, 10)
RESAMPLES = 1_000
TAIL_PERCENT = 5


@dataclass(frozen=True, slots=True)
class Share:
    """A mean in millionths and its 90 % bootstrap interval."""

    value: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of ``n`` projects: how often the home unit was among the first 1, 3, 10, and the mean of 1/rank.

    ``refused`` of them fail a gate of their home unit today; they count as not found. Figures are None
    of nobody.
    """

    n: int
    refused: int
    hits: dict[int, Share] | None
    mean_reciprocal_rank: Share | None


@dataclass(frozen=True, slots=True)
class Backtest:
    """The agreement for projects that landed in time and for those that did not, side by side.

    A scoring that knows nothing of landing agrees with both alike.
    """

    landed: Agreement
    not_landed: Agreement
    censored: int
    left_out: int


def backtest(
    ranks: Sequence[int | None], landed: NDArray[np.bool_], censored: int, left_out: int, seed: int
) -> Backtest:
    """Return the agreement of ranks from 1, None for a home unit that is refused, with what was done.

    ``left_out`` says how many admissions with known outcome were not ranked at all. Raises ValueError for a
    rank below 1.
    """
    known = np.array([0 if rank is None else rank for rank in ranks], np.int64)
    if any(rank is not None and rank < 1 for rank in ranks):
        raise ValueError("ranks count from 1")
    random = np.random.default_rng(seed)
    return Backtest(_agreement(known[landed], random), _agreement(known[~landed], random), censored, left_out)


def _agreement(ranks: NDArray[np.int64], random: np.random.Generator) -> Agreement:
    """``ranks`` with 0 for a home unit that is refused."""
    if not len(ranks):
        return Agreement(0, 0, None, None)
    values, counts = np.unique(ranks, return_counts=True)
    drawn = random.multinomial(len(ranks), counts / len(ranks), RESAMPLES)
    found = values > 0
    hits = {depth: _share(found & (values <= depth), counts, drawn) for depth in DEPTHS}
    reciprocal = np.where(found, 1.0 / np.maximum(values, 1), 0.0)
    return Agreement(len(ranks), int(np.count_nonzero(ranks == 0)), hits, _share(reciprocal, counts, drawn))


def _share(worth: NDArray[np.generic], counts: NDArray[np.int64], drawn: NDArray[np.int64]) -> Share:
    """The mean worth of the ranks seen, and of those drawn again with replacement."""
    scaled = np.rint(np.asarray(worth, np.float64) * PPM).astype(np.int64)
    total = int(counts.sum())
    again = np.sort(drawn @ scaled // total)
    cut = RESAMPLES * TAIL_PERCENT // 100
    return Share(int(counts @ scaled) // total, int(again[cut]), int(again[-1 - cut]))
