"""Whether what the model says of later cohorts came true: fitted on the earlier, judged on the later."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.evaluation.cohorts import PPM, Cohort
from services.matching.engine.evaluation.landing_probability import MIN_NETWORK, fit

ECE_LIMIT = 50_000
FITTED_SHARE = 60
"""Per cent of the admissions on whose days the model is fitted; it is judged on all later days."""

PER_BIN, MIN_BINS, MAX_BINS = 200, 2, 10
"""With fewer per bin, chance alone makes a calibrated model miss the limit."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Judged admissions with like predictions: how many, what was said and what happened, in millionths."""

    count: int
    predicted: int
    landed: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """The verdict ``publish`` or ``abstain`` with its reasons, and the figures it rests on, in millionths.

    ``base_brier`` is of one and the same prediction for everybody: the rate of the cohorts fitted on.
    """

    verdict: str
    reasons: tuple[str, ...]
    split_day: int | None
    fitted: int
    judged: int
    censored: int
    ece: int | None
    brier: int | None
    base_brier: int | None
    base_rate: int | None
    bins: tuple[Bin, ...]


def calibrate(cohort: Cohort, min_fitted: int = MIN_NETWORK, min_judged: int = MIN_NETWORK) -> Calibration:
    """Return the out-of-time calibration of the landing model on a matured cohort."""
    split = _split_day(cohort)
    if split is None:
        return _nothing(cohort, ("no_later_cohort",))
    earlier, later = cohort.part(cohort.admitted_day < split), cohort.part(cohort.admitted_day >= split)
    too_few = {
        "too_few_fitted": len(earlier) < min_fitted,
        "too_few_judged": len(later) < min_judged,
    }
    reasons = tuple(reason for reason, short in too_few.items() if short)
    if reasons:
        return _nothing(cohort, reasons, split, len(earlier), len(later))
    predicted = fit(earlier).predictions()[later.home]
    base = int(earlier.landed.sum()) * PPM // len(earlier)
    return judge(predicted, later, base, split, len(earlier), cohort.censored)


def judge(
    predicted: NDArray[np.int64], later: Cohort, base: int, split: int | None, fitted: int, censored: int
) -> Calibration:
    """Return the verdict on predictions in millionths for a cohort, against one rate ``base`` for all."""
    bins = _bins(predicted, later)
    ece = sum(abs(entry.predicted - entry.landed) * entry.count for entry in bins) // len(later)
    brier, base_brier = _brier(predicted, later), _brier(np.full(len(later), base, np.int64), later)
    checks = {"ece_above_limit": ece <= ECE_LIMIT, "no_better_than_base_rate": brier < base_brier}
    reasons = tuple(reason for reason, holds in checks.items() if not holds)
    return Calibration(
        "abstain" if reasons else "publish",
        reasons,
        split,
        fitted,
        len(later),
        censored,
        ece,
        brier,
        base_brier,
        base,
        bins,
    )


def _split_day(cohort: Cohort) -> int | None:
    """The day that leaves about the share to fit before it; admissions of one day are never parted."""
    if not len(cohort):
        return None
    day = int(cohort.admitted_day[len(cohort) * FITTED_SHARE // 100])
    return day if day > int(cohort.admitted_day[0]) else None


def _bins(predicted: NDArray[np.int64], cohort: Cohort) -> tuple[Bin, ...]:
    count = min(MAX_BINS, max(MIN_BINS, len(cohort) // PER_BIN))
    order = sorted(range(len(cohort)), key=lambda row: (int(predicted[row]), cohort.project_ids[row]))
    parts = (part for part in np.array_split(np.array(order, np.int64), count) if len(part))
    return tuple(
        Bin(
            len(rows),
            int(predicted[rows].sum()) // len(rows),
            int(cohort.landed[rows].sum()) * PPM // len(rows),
        )
        for rows in parts
    )


def _brier(predicted: NDArray[np.int64], cohort: Cohort) -> int:
    """The mean squared distance in millionths, exact up to the last division."""
    missed = predicted - cohort.landed * PPM
    return int((missed * missed).sum()) // (len(cohort) * PPM)


def _nothing(
    cohort: Cohort, reasons: tuple[str, ...], split: int | None = None, fitted: int = 0, judged: int = 0
) -> Calibration:
    return Calibration("abstain", reasons, split, fitted, judged, cohort.censored, None, None, None, None, ())
