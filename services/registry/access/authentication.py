"""Bearer credentials of registry: its own access tokens and API keys, both bounded by what holds now."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.registry.access import repository
from services.registry.access.credentials import API_KEY_PREFIX, common_scopes, hash_secret, is_well_formed
from services.registry.access.schemas import ClientStatus, Reach
from services.registry.access.service import ACCESS_CHANGED
from services.registry.access.usage import Usage
from shared import clock
from shared.db.engine import Database, Row
from shared.db.signal import Signal
from shared.errors import Unauthenticated, Unavailable
from shared.identity import Principal
from shared.web.auth import TokenVerifier, unauthenticated

BELIEVED_S = 5.0
"""How long what was read of a credential is believed without looking again."""

_REFUSE_AFTER_S = 20.0
_CACHE_SIZE = 10_000

Clock = Callable[[], float]


class Standings:
    """What changed lately about clients whose tokens may still be valid.

    A token outlives the change of its client by at most its own term, so only clients changed within it
    matter. In this process a change is known at once; those of other processes after ``BELIEVED_S``.
    """

    def __init__(self, database: Database, token_ttl_s: int, time_source: Clock) -> None:
        self._database = database
        self._window = timedelta(seconds=token_ttl_s + 60)
        self._now = time_source
        self._changed = database.signal(ACCESS_CHANGED)
        self._seen = -1
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._standing: dict[str, Row] = {}

    async def limit(self, principal: Principal) -> Principal:
        """Return the principal with the scopes its client still has; 401 when the client was disabled."""
        if self._is_stale():
            async with self._reading:
                if self._is_stale():
                    await self._read()
        standing = self._standing.get(principal.id)
        if standing is None:
            return principal
        if standing["status"] != ClientStatus.ACTIVE:
            raise revoked()
        return replace(principal, scopes=common_scopes(principal.scopes, standing["scopes"]))

    def _is_stale(self) -> bool:
        return self._seen != self._changed.count or self._now() - self._read_at > BELIEVED_S

    async def _read(self) -> None:
        seen, started = self._changed.count, self._now()
        try:
            async with self._database.read() as session:
                rows = await repository.clients_changed_since(session, clock.now() - self._window)
        except Exception as error:
            if started - self._read_at > _REFUSE_AFTER_S or seen != self._seen:
                raise Unavailable(headers={"Retry-After": "2"}) from error
            return
        self._standing = {row["id"]: row for row in rows}
        self._seen, self._read_at = seen, started


@dataclass(frozen=True)
class _KnownKey:
    principal: Principal
    expires_at: datetime
    read_at: float
    seen: int


class RegistryAuthenticator:
    """Turns a bearer credential into a principal: an API key by its hash, else an access token."""

    def __init__(
        self,
        database: Database,
        verifier: TokenVerifier,
        usage: Usage,
        *,
        token_ttl_s: int,
        time_source: Clock = time.monotonic,
    ) -> None:
        self._database = database
        self._verifier = verifier
        self._usage = usage
        self._now = time_source
        self._standings = Standings(database, token_ttl_s, time_source)
        self._changed: Signal = database.signal(ACCESS_CHANGED)
        self._keys: dict[str, _KnownKey] = {}

    async def authenticate(self, credential: str) -> Principal:
        """Return the principal of a valid credential."""
        if credential.startswith(API_KEY_PREFIX):
            return await self._by_key(credential)
        return await self._standings.limit(await self._verifier.authenticate(credential))

    async def _by_key(self, credential: str) -> Principal:
        if not is_well_formed(API_KEY_PREFIX, credential):
            raise _unknown_key()
        secret_hash = hash_secret(credential)
        known = self._keys.get(secret_hash)
        if known is None or known.seen != self._changed.count or self._now() - known.read_at > BELIEVED_S:
            known = await self._read_key(secret_hash)
        if known.expires_at <= clock.now():
            raise unauthenticated("key_expired", "The API key has expired.", "API 密钥已过期。")
        self._usage.note_key(known.principal.id)
        return known.principal

    async def _read_key(self, secret_hash: str) -> _KnownKey:
        self._keys.pop(secret_hash, None)
        seen, started = self._changed.count, self._now()
        async with self._database.read() as session:
            row = await repository.find_key_by_hash(session, secret_hash)
        if row is None:
            raise _unknown_key()
        if row["revoked_at"] is not None or (
            row["client_id"] is not None and row["client_status"] != ClientStatus.ACTIVE
        ):
            raise revoked()
        known = _KnownKey(principal_of_key(row), row["expires_at"], started, seen)
        if len(self._keys) >= _CACHE_SIZE:
            self._keys.clear()
        self._keys[secret_hash] = known
        return known


def principal_of_key(row: Row) -> Principal:
    """Return the caller an API key stands for, never more than its client is now."""
    bound = row["client_id"] is not None
    scopes = common_scopes(row["scopes"], row["client_scopes"]) if bound else frozenset(row["scopes"])
    return Principal(
        kind="api_key",
        id=row["id"],
        organisation_id=row["organisation_id"],
        scopes=scopes,
        sees_network=bound and row["client_reach"] == Reach.NETWORK,
    )


def revoked() -> Unauthenticated:
    """Return the 401 of a credential that was good once."""
    return unauthenticated("token_revoked", "The credential was revoked.", "凭证已被吊销。")


def _unknown_key() -> Unauthenticated:
    return unauthenticated("invalid_token", "The API key is not valid.", "API 密钥无效。")
