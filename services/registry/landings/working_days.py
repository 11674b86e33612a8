"""Working days in mainland China, for grace periods counted in them.

The State Council announces the days off and the make-up days of a year at the end of the year before. The
years announced so far are kept here; any other year counts Monday to Friday.
"""

from datetime import date, timedelta

_WEEKDAYS_OFF = {
    2023: "0102 0123 0124 0125 0126 0127 0405 0501 0502 0503 0622 0623 0929 1002 1003 1004 1005 1006",
    2024: "0101 0212 0213 0214 0215 0216 0404 0405 0501 0502 0503 0610 0916 0917 1001 1002 1003 1004 1007",
    2025: "0101 0128 0129 0130 0131 0203 0204 0404 0501 0502 0505 0602 1001 1002 1003 1006 1007 1008",
    2026: "0101 0102 0216 0217 0218 0219 0220 0223 0406 0501 0504 0505 0619 0925 1001 1002 1005 1006 1007",
}
_WEEKENDS_WORKED = {
    2023: "0128 0129 0423 0506 0625 1007 1008",
    2024: "0204 0218 0407 0428 0511 0914 0929 1012",
    2025: "0126 0208 0427 0928 1011",
    2026: "0104 0214 0228 0509 0920 1010",
}


def _dates(table: dict[int, str]) -> frozenset[date]:
    return frozenset(
        date(year, int(day[:2]), int(day[2:])) for year, days in table.items() for day in days.split()
    )


_OFF = _dates(_WEEKDAYS_OFF)
_WORKED = _dates(_WEEKENDS_WORKED)
LAST_ANNOUNCED_YEAR = max(_WEEKDAYS_OFF)


def is_working_day(day: date) -> bool:
    """Tell whether people work on this day, as far as it is announced; otherwise by the weekday."""
    return day in _WORKED or (day.weekday() < 5 and day not in _OFF)


def add_working_days(day: date, count: int) -> date:
    """Return the ``count``-th working day after ``day``; with 0, ``day`` itself."""
    while count > 0:
        day += timedelta(days=1)
        count -= is_working_day(day)
    return day
