"""Access tokens: the client credentials grant, and registry's own token for calling other services."""

import time
from dataclasses import dataclass

import jwt

from services.registry.access import repository
from services.registry.access.credentials import covers, matches
from services.registry.access.errors import InvalidClient, InvalidScope
from services.registry.access.schemas import ClientStatus, Reach, TokenResponse
from services.registry.access.signing import KeyRing
from services.registry.access.usage import Usage
from shared.db.engine import Database
from shared.ids import new_id

REGISTRY_CLIENT_ID = "cli_registry"
_SERVICE_SCOPES = ("matching:*:read", "matching:*:write", "metrics:*:read")
_RENEW_BEFORE_S = 60


@dataclass(frozen=True)
class TokenRequest:
    """A client's credentials as they came, and the scopes it asks for (None: all it has)."""

    client_id: str
    client_secret: str
    scopes: tuple[str, ...] | None


class TokenIssuer:
    """Signs access tokens (RFC 9068)."""

    def __init__(self, keys: KeyRing, *, issuer: str, audience: str, ttl_s: int) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._ttl_s = ttl_s
        self._own: tuple[str, float] | None = None

    async def issue(
        self, client_id: str, organisation_id: str | None, scopes: list[str], reach: str
    ) -> TokenResponse:
        """Return a token for a client that was authenticated."""
        key = await self._keys.signing_key()
        now, scope = int(time.time()), " ".join(scopes)
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": client_id,
            "client_id": client_id,
            "jti": new_id("tok"),
            "iat": now,
            "exp": now + self._ttl_s,
            "kind": "client",
            "org": organisation_id,
            "scope": scope,
            "reach": reach,
        }
        token = jwt.encode(
            claims, key.private_key, algorithm="EdDSA", headers={"kid": key.kid, "typ": "at+jwt"}
        )
        return TokenResponse(access_token=token, token_type="Bearer", expires_in=self._ttl_s, scope=scope)  # noqa: S106

    async def service_token(self) -> str:
        """Return registry's own token, for its calls to the other services."""
        if self._own is None or self._own[1] <= time.monotonic():
            issued = await self.issue(REGISTRY_CLIENT_ID, None, list(_SERVICE_SCOPES), Reach.NETWORK)
            self._own = issued.access_token, time.monotonic() + self._ttl_s - _RENEW_BEFORE_S
        return self._own[0]


async def grant_token(
    database: Database, issuer: TokenIssuer, usage: Usage, request: TokenRequest
) -> TokenResponse:
    """Check a client's credentials and return a token for the scopes it asked for."""
    async with database.read() as session:
        client = await repository.find_client(session, request.client_id)
    known = matches(request.client_secret, client["secret_hash"] if client else None)
    if client is None or not known or client["status"] != ClientStatus.ACTIVE:
        raise InvalidClient(
            "The client is unknown or disabled, or its secret is wrong.",
            "客户端不存在、已停用或密钥错误。",
            {"WWW-Authenticate": 'Basic realm="feidi", charset="UTF-8"'},
        )
    scopes = list(client["scopes"]) if request.scopes is None else sorted(set(request.scopes))
    if not scopes or not all(covers(client["scopes"], scope) for scope in scopes):
        raise InvalidScope("The client lacks some scope it asks for.", "客户端没有所请求的全部权限。")
    usage.note_client(client["id"])
    return await issuer.issue(client["id"], client["organisation_id"], scopes, client["reach"])
