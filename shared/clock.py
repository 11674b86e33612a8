"""The one place that reads the wall clock, so that a test can hold it still and a sandbox can move it."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Protocol

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Civil dates and reporting periods are in China Standard Time, which has had no DST since 1991."""


class Clock(Protocol):
    """Anything that returns the current instant as an aware UTC datetime."""

    def __call__(self) -> datetime: ...


_moved_by = timedelta(0)


def real() -> datetime:
    """Return the instant of the wall clock, aware, in UTC, which no sandbox moves.

    It is for what holds between this process and others: credentials, and how long a request may be repeated.
    """
    return datetime.now(UTC)


def now() -> datetime:
    """Return the current instant of this service, aware, in UTC, with microseconds."""
    return datetime.now(UTC) + _moved_by


def moved_by() -> timedelta:
    """Return how far ahead of the wall clock this process is; zero unless a sandbox moved it."""
    return _moved_by


def move_to(offset: timedelta) -> bool:
    """Put this process ``offset`` ahead of the wall clock and say whether it moved; never back."""
    global _moved_by
    moves = offset > _moved_by
    if moves:
        _moved_by = offset
    return moves


def stop_moving() -> None:
    """Return to the wall clock, as the last thing before a sandbox ends."""
    global _moved_by
    _moved_by = timedelta(0)


def today() -> date:
    """Return the current civil date in China."""
    return now().astimezone(CHINA).date()


def civil_date(instant: datetime) -> date:
    """Return the civil date in China on which an aware instant falls."""
    return instant.astimezone(CHINA).date()


def to_rfc3339(instant: datetime) -> str:
    """Return an aware instant as RFC 3339 in UTC with milliseconds and a ``Z``."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def start_of_day(day: date) -> datetime:
    """Return the instant at which a civil date begins in China."""
    return datetime.combine(day, time(), CHINA).astimezone(UTC)
