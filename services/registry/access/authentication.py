"""Bearer credentials of registry: its own access tokens and API keys, both bounded by what holds now."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.registry.access import repository
from services.registry.access.schemas import ClientStatus, Reach
from services.registry.access.service import ACCESS_CHANGED
from services.registry.access.usage import Usage
from shared import clock
from shared.credentials import API_KEY_PREFIX, hash_secret, is_well_formed
from shared.db.engine import Database, Row
from shared.errors import Unauthenticated
from shared.identity import Principal
from shared.scopes import common_scopes
from shared.web.auth import TokenVerifier, unauthenticated
from shared.web.standing import Standing, Standings, revoked

BELIEVED_S = 5.0
"""How long what was read of a credential is believed without looking again."""

_REFUSE_AFTER_S = 20.0
_CACHE_SIZE = 10_000


@dataclass(frozen=True)
class _KnownKey:
    principal: Principal
    expires_at: datetime
    read_at: float
    seen: int


class RegistryAuthenticator:
    """Turns a bearer credential into a principal: an API key by its hash, else an access token.

    What changes in this process is known at once, what other processes change after ``BELIEVED_S``.
    """

    def __init__(
        self,
        database: Database,
        verifier: TokenVerifier,
        usage: Usage,
        *,
        token_ttl_s: int,
        time_source: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._verifier = verifier
        self._usage = usage
        self._now = time_source
        self._window = timedelta(seconds=token_ttl_s + 60)
        self._changed = database.signal(ACCESS_CHANGED)
        self._standings = Standings(
            self._load_standings,
            believed_s=BELIEVED_S,
            refuse_after_s=_REFUSE_AFTER_S,
            changed=self._changed,
            time_source=time_source,
        )
        self._keys: dict[str, _KnownKey] = {}

    async def authenticate(self, credential: str) -> Principal:
        """Return the principal of a valid credential."""
        if credential.startswith(API_KEY_PREFIX):
            return await self.authenticate_key(credential)
        return await self._standings.limit(await self._verifier.authenticate(credential))

    async def authenticate_key(self, credential: str) -> Principal:
        """Return the principal of a valid API key."""
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
        if row["revoked_at"] is not None or _client_is_off(row):
            raise revoked()
        known = _KnownKey(principal_of_key(row), row["expires_at"], started, seen)
        if len(self._keys) >= _CACHE_SIZE:
            self._keys.clear()
        self._keys[secret_hash] = known
        return known

    async def _load_standings(self) -> Mapping[str, Standing]:
        async with self._database.read() as session:
            rows = await repository.clients_changed_since(session, clock.real() - self._window)
        return {
            row["id"]: Standing(row["status"] == ClientStatus.ACTIVE, frozenset(row["scopes"]))
            for row in rows
        }


def _client_is_off(row: Row) -> bool:
    return row["client_id"] is not None and row["client_status"] != ClientStatus.ACTIVE


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


def _unknown_key() -> Unauthenticated:
    return unauthenticated("invalid_token", "The API key is not valid.", "API 密钥无效。")
