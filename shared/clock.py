"""The one place that reads the wall clock, so that a test can hold it still."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Protocol

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Civil dates and reporting periods are in China Standard Time, which has had no DST since 1991."""


class Clock(Protocol):
    """Anything that returns the current instant as an aware UTC datetime."""

    def __call__(self) -> datetime: ...


def now() -> datetime:
    """Return the current instant, aware, in UTC, with microseconds."""
    return datetime.now(UTC)


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
