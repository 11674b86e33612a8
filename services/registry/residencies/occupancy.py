"""Space by day: what tenants hold of an enclave, and whether one more fits for a whole term."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Load:
    """Seats and floor area taken at one time."""

    seats: int = 0
    area_m2: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Holding:
    """Space held from the first day to the last, both included."""

    first: date
    last: date
    seats: int
    area_m2: Decimal = Decimal(0)

    def load(self) -> Load:
        return Load(self.seats, self.area_m2)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What an enclave lets in all; None is unknown, which is not unlimited."""

    seats: int | None
    area_m2: Decimal | None


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a request fits beside the peak of what others hold during its term."""

    requested: Load
    peak: Load
    capacity: Capacity
    unknown: tuple[str, ...]
    lacking: tuple[str, ...]

    @property
    def free(self) -> bool:
        """Whether the space is free for the whole term; an unknown capacity is not a pass."""
        return not self.unknown and not self.lacking


def peak(holdings: Iterable[Holding], first: date, last: date) -> Load:
    """Return the most that is held on any one day of a term, seats and area each for itself."""
    seats, area_m2 = 0, Decimal(0)
    for _, load in _steps(holdings, first, last):
        seats, area_m2 = max(seats, load.seats), max(area_m2, load.area_m2)
    return Load(seats, area_m2)


def by_day(holdings: Iterable[Holding], first: date, last: date) -> list[tuple[date, Load]]:
    """Return what is held on each day of a term."""
    steps = list(_steps(holdings, first, last))
    ends = [*(start for start, _ in steps[1:]), None]
    days: list[tuple[date, Load]] = []
    for (start, load), end in zip(steps, ends, strict=True):
        count = ((end or last) - start).days + (0 if end else 1)
        days.extend((start + timedelta(days=offset), load) for offset in range(count))
    return days


def fit(request: Holding, others: Iterable[Holding], capacity: Capacity) -> Fit:
    """Tell whether a request fits; what it does not ask for needs no capacity."""
    wanted, held = request.load(), peak(others, request.first, request.last)
    measures = (
        ("seats", wanted.seats, held.seats, capacity.seats),
        ("area_m2", wanted.area_m2, held.area_m2, capacity.area_m2),
    )
    asked = [(name, asks, taken, limit) for name, asks, taken, limit in measures if asks > 0]
    return Fit(
        requested=wanted,
        peak=held,
        capacity=capacity,
        unknown=tuple(name for name, _, _, limit in asked if limit is None),
        lacking=tuple(
            name for name, asks, taken, limit in asked if limit is not None and asks + taken > limit
        ),
    )


def _steps(holdings: Iterable[Holding], first: date, last: date) -> Iterator[tuple[date, Load]]:
    """Yield each day of the term on which the load changes, with the load from then on."""
    changes = [(first, 0, Decimal(0))]
    for holding in holdings:
        if holding.first > holding.last or holding.last < first or holding.first > last:
            continue
        changes.append((max(holding.first, first), holding.seats, holding.area_m2))
        if holding.last < last:
            changes.append((holding.last + _DAY, -holding.seats, -holding.area_m2))
    seats, area_m2 = 0, Decimal(0)
    for day, group in groupby(sorted(changes), key=lambda change: change[0]):
        for _, more_seats, more_area in group:
            seats, area_m2 = seats + more_seats, area_m2 + more_area
        yield day, Load(seats, area_m2)
