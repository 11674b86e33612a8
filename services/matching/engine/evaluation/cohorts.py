"""Who was admitted, who landed in time, and of whom nothing can be said yet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PPM = 1_000_000
"""Shares and probabilities are whole millionths."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A project of a home unit, admitted on a day YYYYMMDD, and the day on which it landed there, if it did.

    Not landed by some day is not a failure before the horizon has passed.
    """

    project_id: str
    home_unit_id: str
    admitted_day: int
    landed_day: int | None


@dataclass(frozen=True, slots=True)
class Cohort:
    """The admissions whose horizon has passed, by day of admission and project id, as columns.

    ``homes[home[i]]`` is the home unit of the i-th. ``censored`` admissions are too young to be judged,
    landed or not: taking in the early landings alone would only ever raise the rate.
    """

    homes: tuple[str, ...]
    project_ids: tuple[str, ...]
    home: NDArray[np.int64]
    landed: NDArray[np.bool_]
    admitted_day: NDArray[np.int64]
    censored: int

    def __len__(self) -> int:
        return len(self.project_ids)

    def part(self, rows: NDArray[np.bool_]) -> "Cohort":
        """Return the cohort of the rows marked; its home units keep their numbers."""
        ids = tuple(name for name, kept in zip(self.project_ids, rows.tolist(), strict=True) if kept)
        return Cohort(self.homes, ids, self.home[rows], self.landed[rows], self.admitted_day[rows], 0)

    def by_home(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many were admitted and how many landed, per home unit."""
        size = len(self.homes)
        return np.bincount(self.home, minlength=size), np.bincount(self.home[self.landed], minlength=size)


def matured(admissions: Iterable[Admission], as_of: int, months: int) -> Cohort:
    """Return the admissions judged on a day YYYYMMDD: landed within ``months`` or not.

    ``months`` are whole years. Admissions after the day are not counted at all. Raises ValueError for a
    project that is admitted twice.
    """
    if months <= 0 or months % 12:
        raise ValueError("the horizon is a number of whole years in months")
    horizon = months // 12 * 10_000
    known = sorted(
        (entry for entry in admissions if entry.admitted_day <= as_of),
        key=lambda entry: (entry.admitted_day, entry.project_id),
    )
    if len({entry.project_id for entry in known}) != len(known):
        raise ValueError("a project is admitted twice")
    judged = [entry for entry in known if entry.admitted_day + horizon <= as_of]
    return _columns(judged, horizon, len(known) - len(judged))


def _columns(judged: Sequence[Admission], horizon: int, censored: int) -> Cohort:
    homes = tuple(sorted({entry.home_unit_id for entry in judged}))
    number = {home: place for place, home in enumerate(homes)}
    landed = (e.landed_day is not None and e.landed_day <= e.admitted_day + horizon for e in judged)
    return Cohort(
        homes,
        tuple(entry.project_id for entry in judged),
        np.array([number[entry.home_unit_id] for entry in judged], np.int64),
        np.fromiter(landed, np.bool_, len(judged)),
        np.array([entry.admitted_day for entry in judged], np.int64),
        censored,
    )
