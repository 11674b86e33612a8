"""What changed lately about the clients whose access tokens may still be valid.

A token outlives a change of its client by at most its own term, so only clients changed within that term
matter: those that were disabled are refused, those with fewer scopes are held to them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from shared.db.signal import Signal
from shared.errors import Unauthenticated, Unavailable
from shared.identity import Principal
from shared.logging import get_logger
from shared.scopes import common_scopes
from shared.web.auth import unauthenticated

_RETRY_AFTER_S = 5.0

_log = get_logger(__name__)


@dataclass(frozen=True)
class Standing:
    """What a client may do now."""

    active: bool
    scopes: frozenset[str]


LoadStandings = Callable[[], Awaitable[Mapping[str, Standing]]]


class Standings:
    """Holds principals to what their client may do now, as read at most ``believed_s`` ago.

    ``changed`` tells of changes in this process at once. When nothing can be read, ``refuse_after_s`` decides
    whether requests are refused (registry, whose own store is gone) or go on with what was known (the other
    services, which must answer while registry does not).
    """

    def __init__(
        self,
        load: LoadStandings,
        *,
        believed_s: float,
        refuse_after_s: float | None = None,
        changed: Signal | None = None,
        time_source: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._believed_s = believed_s
        self._refuse_after_s = refuse_after_s
        self._changed = changed or Signal()
        self._now = time_source
        self._seen = -1
        self._read_at = float("-inf")
        self._failed_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._known: Mapping[str, Standing] = {}

    async def limit(self, principal: Principal) -> Principal:
        """Return the principal with the scopes its client still has; 401 when the client was disabled."""
        if self._is_stale():
            await self._refresh()
        standing = self._known.get(principal.id)
        if standing is None:
            return principal
        if not standing.active:
            raise revoked()
        return replace(principal, scopes=common_scopes(principal.scopes, standing.scopes))

    def _is_stale(self) -> bool:
        return self._seen != self._changed.count or self._now() - self._read_at > self._believed_s

    async def _refresh(self) -> None:
        failing = self._failed_at > self._read_at
        if self._refuse_after_s is None and failing:
            # Registry is down: look again now and then, and let nobody wait for it.
            if self._now() - self._failed_at > _RETRY_AFTER_S:
                self._start_reading()
            return
        await asyncio.shield(self._start_reading())
        if self._refuse_after_s is None or self._failed_at <= self._read_at:
            return
        if self._seen != self._changed.count or self._now() - self._read_at > self._refuse_after_s:
            raise Unavailable(headers={"Retry-After": "2"})

    def _start_reading(self) -> asyncio.Task[None]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        seen, started = self._changed.count, self._now()
        try:
            self._known = await self._load()
        except Exception as error:
            self._failed_at = self._now()
            _log.warning("standings_not_read", reason=type(error).__name__)
            return
        self._seen, self._read_at, self._failed_at = seen, started, float("-inf")


def revoked() -> Unauthenticated:
    """Return the 401 of a credential that was good once."""
    return unauthenticated("token_revoked", "The credential was revoked.", "凭证已被吊销。")
