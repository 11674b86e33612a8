"""How an endpoint is doing, decided from its attempts alone. Pure: a standing and an attempt give the next.

The breaker opens at nine failures of ten among at least ten attempts of five minutes. While it is open one
probe a minute is sent, and what waits spends no attempts; one success closes it. An endpoint without one
success for 120 hours, after at least 20 failures over at least 12 hours, is disabled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

WINDOW = timedelta(minutes=5)
PROBE_EVERY = timedelta(minutes=1)
MIN_ATTEMPTS = 10
FAILED_SHARE = 0.9
DISABLE_AFTER = timedelta(hours=120)
DISABLE_FAILURES = 20
DISABLE_SPAN = timedelta(hours=12)

_SLICE_S = 30
_SLICES = int(WINDOW.total_seconds()) // _SLICE_S

Slice = tuple[int, int, int]
"""Number of half minutes since 1970, attempts, failures."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is kept of an endpoint's attempts, and until when none may be made."""

    recent: tuple[Slice, ...] = ()
    breaker_open: bool = False
    closed_until: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    last_success_at: datetime | None = None
    enabled_at: datetime | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Standing":
        """Read it from the columns of a lane."""
        names = ("breaker_open", "closed_until", "failures", "failing_since", "last_success_at", "enabled_at")
        recent = tuple((at, attempts, failed) for at, attempts, failed in row["recent"])
        return cls(recent, *[row[name] for name in names])

    def columns(self) -> dict[str, Any]:
        """Return it as columns of a lane."""
        return {
            "recent": [list(part) for part in self.recent],
            "breaker_open": self.breaker_open,
            "closed_until": self.closed_until,
            "failures": self.failures,
            "failing_since": self.failing_since,
            "last_success_at": self.last_success_at,
        }

    def is_closed(self, now: datetime) -> bool:
        """Tell whether no attempt may be made now."""
        return self.closed_until is not None and self.closed_until > now

    def succeeded(self, now: datetime) -> "Standing":
        """Return the standing after a success."""
        if self.breaker_open:
            return replace(
                self,
                recent=(),
                breaker_open=False,
                closed_until=None,
                failures=0,
                failing_since=None,
                last_success_at=now,
            )
        recent = _counted(self.recent, now, failed=False)
        return replace(self, recent=recent, failures=0, failing_since=None, last_success_at=now)

    def failed(self, now: datetime, closed_until: datetime | None = None) -> "Standing":
        """Return the standing after a failure; ``closed_until`` is what the receiver asked for."""
        recent = _counted(self.recent, now, failed=True)
        since = self.failing_since or now
        opens = self.breaker_open or _opens(recent)
        until = [moment for moment in (self.closed_until, closed_until) if moment is not None]
        if opens:
            until.append(now + PROBE_EVERY)
        return replace(
            self,
            recent=recent,
            breaker_open=opens,
            closed_until=max(until, default=None),
            failures=self.failures + 1,
            failing_since=since,
        )

    def is_beyond_hope(self, now: datetime) -> bool:
        """Tell whether the endpoint is to be disabled."""
        if self.failing_since is None or self.failures < DISABLE_FAILURES:
            return False
        quiet_since = max(filter(None, (self.last_success_at, self.enabled_at)), default=self.failing_since)
        return now - quiet_since >= DISABLE_AFTER and now - self.failing_since >= DISABLE_SPAN


def _counted(recent: tuple[Slice, ...], now: datetime, *, failed: bool) -> tuple[Slice, ...]:
    current = int(now.astimezone(UTC).timestamp()) // _SLICE_S
    if recent and recent[-1][0] == current:
        _, attempts, failures = recent[-1]
        return (*recent[:-1], (current, attempts + 1, failures + failed))
    kept = tuple(part for part in recent if part[0] > current - _SLICES)
    return (*kept, (current, 1, int(failed)))


def _opens(recent: tuple[Slice, ...]) -> bool:
    newest = recent[-1][0]
    within = [part for part in recent if part[0] > newest - _SLICES]
    attempts = sum(part[1] for part in within)
    return attempts >= MIN_ATTEMPTS and sum(part[2] for part in within) >= FAILED_SHARE * attempts
