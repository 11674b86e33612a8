"""Working days: announced years by the announcement, other years by the weekday."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.landings.working_days import LAST_ANNOUNCED_YEAR, add_working_days, is_working_day


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 2, 17), False),  # 春节, a Tuesday
        (date(2026, 2, 14), True),  # a Saturday worked for it
        (date(2026, 2, 28), True),
        (date(2026, 10, 1), False),
        (date(2026, 10, 10), True),
        (date(2026, 11, 21), False),  # a plain Saturday
        (date(2026, 11, 23), True),  # a plain Monday
        (date(2025, 10, 8), False),
        (date(LAST_ANNOUNCED_YEAR + 1, 10, 1), True),  # not announced: a Friday counts
    ],
)
def test_announced_days_off_and_make_up_days_count(day: date, works: bool) -> None:
    assert is_working_day(day) is works


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        (date(2026, 11, 20), 1, date(2026, 11, 23)),
        (date(2026, 11, 20), 0, date(2026, 11, 20)),
        (date(2026, 2, 13), 1, date(2026, 2, 14)),
        (date(2026, 2, 14), 1, date(2026, 2, 24)),
        (date(2030, 9, 30), 5, date(2030, 10, 7)),
    ],
)
def test_grace_ends_on_a_working_day(start: date, count: int, end: date) -> None:
    assert add_working_days(start, count) == end


@given(st.dates(date(2020, 1, 1), date(2040, 12, 31)), st.integers(1, 60))
def test_exactly_so_many_working_days_lie_after_the_start(start: date, count: int) -> None:
    end = add_working_days(start, count)
    days = [start + timedelta(days=n) for n in range(1, (end - start).days + 1)]
    assert sum(is_working_day(day) for day in days) == count
    assert is_working_day(end)


def test_make_up_days_balance_the_long_holidays() -> None:
    # Of each announced year the public holidays proper take 11 to 13 weekdays away from the plain calendar.
    for year in (2023, 2024, 2025, 2026):
        days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
        plain = sum(day.weekday() < 5 for day in days)
        assert 9 <= plain - sum(map(is_working_day, days)) <= 14
