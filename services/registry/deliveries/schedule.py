"""When a delivery that failed is tried again. Pure: instants in, instants out."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

HOUR_S = 3600
DELAYS_S = (5, 30, 120, 600, 1800, HOUR_S, 2 * HOUR_S, 4 * HOUR_S, 8 * HOUR_S, *(12 * HOUR_S,) * 5)
"""The time after each failure; a failure after the last of them is final."""

MAX_TRIES = len(DELAYS_S) + 1
JITTER = 0.2
MAX_RETRY_AFTER = timedelta(hours=12)
CLOSING_STATUSES = frozenset({429, 503})
"""With a Retry-After these speak for the whole receiver, not for one message."""

GONE = 410


def next_try(
    tries: int,
    now: datetime,
    retry_after: timedelta | None = None,
    chance: Callable[[], float] = random.random,
) -> datetime | None:
    """Return when to try again after ``tries`` failures, or None when they were the last.

    Jitter only ever adds, up to a fifth, and a Retry-After is never undercut.
    """
    if tries >= MAX_TRIES:
        return None
    delay = timedelta(seconds=DELAYS_S[tries - 1])
    if retry_after is not None:
        delay = max(delay, retry_after)
    return now + delay * (1 + JITTER * chance())


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read a Retry-After of seconds or an HTTP date, at most 12 hours; None for what is neither."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=min(int(text[:12]), 10**9)), MAX_RETRY_AFTER)
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    wait = instant.replace(tzinfo=instant.tzinfo or UTC) - now
    return min(max(wait, timedelta()), MAX_RETRY_AFTER)
