"""Bearer tokens and policies: who calls, and whether the operation's scope was granted."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from shared.errors import InsufficientScope, Unauthenticated, Unavailable
from shared.identity import Principal

_CACHE_SIZE = 10_000
_REFRESH_PAUSE_S = 5.0

KeySet = dict[str, Any]
"""A JSON Web Key Set: ``{"keys": [...]}``."""


class Authenticator(Protocol):
    """Turns a bearer credential into a principal, or raises ``Unauthenticated``."""

    async def authenticate(self, credential: str) -> Principal: ...


@dataclass(frozen=True)
class Issuer:
    """A token issuer this service trusts, and where its keys come from."""

    name: str
    audience: str
    load_keys: Callable[[], Awaitable[KeySet]]


class TokenVerifier:
    """Verifies EdDSA access tokens (RFC 9068) and remembers a verified token until it expires.

    ``is_revoked`` is asked on every request, so that a revocation takes effect as soon as this service
    knows of it.
    """

    def __init__(
        self,
        issuer: Issuer,
        *,
        is_revoked: Callable[[str], bool] | None = None,
        time_source: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._is_revoked = is_revoked or (lambda _client_id: False)
        self._now = time_source
        self._keys: dict[str, jwt.PyJWK] = {}
        self._refreshed_at = float("-inf")
        self._refreshing = asyncio.Lock()
        self._cache: dict[str, tuple[Principal, float]] = {}

    async def authenticate(self, credential: str) -> Principal:
        """Return the principal of a valid token."""
        cached = self._cache.get(credential)
        if cached is None or cached[1] <= self._now():
            cached = await self._verify(credential)
            self._remember(credential, cached)
        principal = cached[0]
        if self._is_revoked(principal.id):
            raise unauthenticated("token_revoked", "The credential was revoked.", "凭证已被吊销。")
        return principal

    def _remember(self, credential: str, entry: tuple[Principal, float]) -> None:
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[credential] = entry

    async def _verify(self, credential: str) -> tuple[Principal, float]:
        self._cache.pop(credential, None)
        try:
            header = jwt.get_unverified_header(credential)
            if str(header.get("typ")).lower() != "at+jwt" or header.get("alg") != "EdDSA":
                raise jwt.InvalidTokenError
            key = await self._key(str(header.get("kid", "")))
            claims = jwt.decode(
                credential,
                key.key,
                algorithms=["EdDSA"],
                audience=self._issuer.audience,
                issuer=self._issuer.name,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
            if claims["exp"] <= self._now():
                raise jwt.ExpiredSignatureError
        except jwt.ExpiredSignatureError:
            raise unauthenticated("token_expired", "The token has expired.", "令牌已过期。") from None
        except (jwt.InvalidTokenError, UnicodeError, ValueError):
            raise unauthenticated("invalid_token", "The token is not valid.", "令牌无效。") from None
        return principal_of(claims), float(claims["exp"])

    async def _key(self, identifier: str) -> jwt.PyJWK:
        if identifier not in self._keys:
            async with self._refreshing:
                if identifier not in self._keys and self._now() - self._refreshed_at > _REFRESH_PAUSE_S:
                    await self._refresh()
        try:
            return self._keys[identifier]
        except KeyError:
            raise jwt.InvalidTokenError("unknown key") from None

    async def _refresh(self) -> None:
        try:
            key_set = await self._issuer.load_keys()
        except Exception as error:
            raise Unavailable(
                "The issuer's keys cannot be read now.",
                "暂时无法读取签发方的密钥。",
                headers={"Retry-After": "2"},
            ) from error
        self._refreshed_at = self._now()
        self._keys = {entry["kid"]: jwt.PyJWK(entry) for entry in key_set["keys"]}


def principal_of(claims: dict[str, Any]) -> Principal:
    """Return the principal that verified claims describe."""
    return Principal(
        kind=str(claims.get("kind", "client")),
        id=str(claims["sub"]),
        organisation_id=claims.get("org"),
        scopes=frozenset(str(claims.get("scope", "")).split()),
        sees_network=claims.get("reach") == "network",
    )


def unauthenticated(code: str, detail_en: str, detail_zh: str) -> Unauthenticated:
    """Return a 401 with its ``WWW-Authenticate`` challenge."""
    challenge = (
        "Bearer" if code == "unauthenticated" else f'Bearer error="invalid_token", error_description="{code}"'
    )
    kind = type("CredentialProblem", (Unauthenticated,), {"code": code})
    problem: Unauthenticated = kind(detail_en, detail_zh, headers={"WWW-Authenticate": challenge})
    return problem


def bearer_of(header: str | None) -> str:
    """Return the credential of an ``Authorization`` header or raise a 401."""
    scheme, _, credential = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise unauthenticated("unauthenticated", "Send a bearer token.", "请提供 Bearer 令牌。")
    return credential.strip()


def require_scope(principal: Principal, scope: str) -> None:
    """Raise a 403 unless the scope was granted."""
    if not principal.has(scope):
        raise InsufficientScope(
            f"This operation needs the scope {scope}.",
            f"该操作需要权限 {scope}。",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            required_scope=scope,
        )
