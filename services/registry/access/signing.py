"""The keys that sign access tokens: kept encrypted, rotated by age, the old one published until its last
token has expired, the new one before its first is signed."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, insert, or_, select, update

from services.registry.access.models import signing_keys
from shared import clock
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.ids import new_id
from shared.logging import get_logger
from shared.sealing import Sealer, Unsealable
from shared.web.auth import KeySet

PUBLISHED_AHEAD = timedelta(seconds=60)
"""How long a new key is published before it signs, so that caches of the key set never lack it."""

_SKEW = timedelta(seconds=60)
_REMEMBER_S = 5.0
_LOCK_KEY = int.from_bytes(b"feidikey")

_log = get_logger(__name__)


@dataclass(frozen=True)
class SigningKey:
    """A key this process can sign with."""

    kid: str
    private_key: Ed25519PrivateKey
    created_at: datetime


class KeyCipher:
    """Encrypts private keys at rest with AES-256-GCM, bound to their identifier."""

    def __init__(self, secret_key: bytes) -> None:
        self._sealer = Sealer(secret_key, "signing keys")

    def encrypt(self, kid: str, private_key: Ed25519PrivateKey) -> bytes:
        """Return the key sealed for its identifier."""
        return self._sealer.seal(kid, private_key.private_bytes_raw())

    def decrypt(self, kid: str, stored: bytes) -> Ed25519PrivateKey | None:
        """Return the key, or None when it was encrypted under another secret."""
        try:
            return Ed25519PrivateKey.from_private_bytes(self._sealer.open(kid, stored))
        except Unsealable:
            return None


class KeyRing:
    """The signing keys of one store. Any process that finds none, or only an old one, adds the next."""

    def __init__(
        self,
        database: Database,
        secret_key: bytes,
        *,
        token_ttl_s: int,
        max_age_days: int,
        time_source: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._cipher = KeyCipher(secret_key)
        self._overlap = PUBLISHED_AHEAD + timedelta(seconds=token_ttl_s) + _SKEW
        self._max_age = timedelta(days=max_age_days)
        self._monotonic = time_source
        self._keys: dict[str, SigningKey] = {}
        self._loaded_at = float("-inf")
        self._loading = asyncio.Lock()

    async def signing_key(self) -> SigningKey:
        """Return the key to sign with now; call it outside of transactions."""
        if self._monotonic() - self._loaded_at > _REMEMBER_S:
            async with self._loading:
                if self._monotonic() - self._loaded_at > _REMEMBER_S:
                    await self._load()
        known = sorted(self._keys.values(), key=lambda key: (key.created_at, key.kid))
        seasoned = [key for key in known if key.created_at <= clock.real() - PUBLISHED_AHEAD]
        return seasoned[-1] if seasoned else known[0]

    async def published(self) -> KeySet:
        """Return the public keys as they are in the store now."""
        async with self._database.read() as session:
            rows = await _current(session)
        return {"keys": [row["public_jwk"] for row in rows]}

    async def rotate(self) -> str:
        """Add the next key now and return its identifier."""
        async with self._database.write() as tx:
            await _lock(tx)
            kid = await self._add(tx)
        self._loaded_at = float("-inf")
        return kid

    async def _load(self) -> None:
        async with self._database.read() as session:
            rows = await _current(session)
        if self._needs_next(rows):
            rows = await self._add_if_needed()
        self._keys = {
            key.kid: key
            for row in rows
            if (key := self._keys.get(row["kid"]) or self._opened(row)) is not None
        }
        self._loaded_at = self._monotonic()

    async def _add_if_needed(self) -> Sequence[Row]:
        async with self._database.write() as tx:
            await _lock(tx)
            if self._needs_next(await _current(tx)):
                await self._add(tx)
            return await _current(tx)

    def _needs_next(self, rows: Sequence[Row]) -> bool:
        active = [row for row in rows if row["retired_at"] is None and self._opened(row) is not None]
        return not active or max(row["created_at"] for row in active) < clock.real() - self._max_age

    def _opened(self, row: Row) -> SigningKey | None:
        private_key = self._cipher.decrypt(row["kid"], row["private_key"])
        if private_key is None:
            _log.error("signing_key_unreadable", kid=row["kid"])
            return None
        return SigningKey(row["kid"], private_key, row["created_at"])

    async def _add(self, tx: WriteSession) -> str:
        now, kid, private_key = clock.real(), new_id("kid"), Ed25519PrivateKey.generate()
        jwk: dict[str, Any] = jwt.algorithms.OKPAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
        retired = update(signing_keys).where(signing_keys.c.retired_at.is_(None))
        await tx.execute(retired.values(retired_at=now + self._overlap))
        await tx.execute(
            insert(signing_keys).values(
                kid=kid,
                private_key=self._cipher.encrypt(kid, private_key),
                public_jwk={**jwk, "kid": kid, "alg": "EdDSA", "use": "sig"},
                created_at=now,
                retired_at=None,
            )
        )
        return kid


async def _lock(tx: WriteSession) -> None:
    if tx.dialect == "postgresql":
        await tx.scalar(select(func.pg_advisory_xact_lock(_LOCK_KEY)))


async def _current(session: ReadSession) -> Sequence[Row]:
    retired_at = signing_keys.c.retired_at
    statement = select(signing_keys).where(or_(retired_at.is_(None), retired_at > clock.real()))
    return await session.rows(statement.order_by(signing_keys.c.created_at.desc(), signing_keys.c.kid))
