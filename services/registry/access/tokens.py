"""Access tokens: for clients, in exchange for API keys, and registry's own for calling other services."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import jwt

from services.registry.access import repository
from services.registry.access.authentication import RegistryAuthenticator
from services.registry.access.errors import InvalidClient, InvalidGrant, InvalidScope
from services.registry.access.schemas import AuthorizationServer, ClientStatus, Reach, TokenResponse
from services.registry.access.signing import KeyRing
from services.registry.access.usage import Usage
from shared.credentials import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE, matches
from shared.db.engine import Database
from shared.errors import Unauthenticated
from shared.identity import Principal
from shared.ids import new_id
from shared.scopes import covers

REGISTRY_CLIENT_ID = "cli_registry"
EXCHANGED_TTL_S = 30
"""The term of a token given for an API key: within it a revoked key is out at every service."""

_SERVICE_SCOPES = ("matching:*:read", "matching:*:write", "metrics:*:read")
_RENEW_BEFORE_S = 30


@dataclass(frozen=True)
class ClientRequest:
    """A client's credentials as they came, and the scopes it asks for (None: all it has)."""

    client_id: str
    client_secret: str
    scopes: tuple[str, ...] | None


@dataclass(frozen=True)
class KeyRequest:
    """An API key to exchange, and the scopes asked for (None: all it has)."""

    key: str
    scopes: tuple[str, ...] | None


class TokenIssuer:
    """Signs access tokens (RFC 9068), by the wall clock: the other services verify them by theirs."""

    def __init__(self, keys: KeyRing, *, issuer: str, audience: str, ttl_s: int) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._ttl_s = ttl_s
        self._own: tuple[str, float] | None = None

    async def issue(self, principal: Principal, *, ttl_s: int | None = None) -> TokenResponse:
        """Return a token for a caller that was authenticated."""
        key = await self._keys.signing_key()
        now, term = int(time.time()), ttl_s or self._ttl_s
        scope = " ".join(sorted(principal.scopes))
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": principal.id,
            "client_id": principal.id,
            "jti": new_id("tok"),
            "iat": now,
            "exp": now + term,
            "kind": principal.kind,
            "org": principal.organisation_id,
            "scope": scope,
            "reach": Reach.NETWORK if principal.sees_network else Reach.ORGANISATION,
        }
        headers = {"kid": key.kid, "typ": "at+jwt"}
        return TokenResponse(
            access_token=jwt.encode(claims, key.private_key, algorithm="EdDSA", headers=headers),
            token_type="Bearer",  # noqa: S106 — a name
            issued_token_type=ACCESS_TOKEN_TYPE,
            expires_in=term,
            scope=scope,
        )

    async def service_token(self) -> str:
        """Return registry's own token, for its calls to the other services."""
        if self._own is None or self._own[1] <= time.monotonic():
            scopes = frozenset(_SERVICE_SCOPES)
            own = Principal("client", REGISTRY_CLIENT_ID, None, scopes, sees_network=True)
            issued = await self.issue(own)
            self._own = issued.access_token, time.monotonic() + self._ttl_s - _RENEW_BEFORE_S
        return self._own[0]


async def grant_to_client(
    database: Database, issuer: TokenIssuer, usage: Usage, request: ClientRequest
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
    usage.note_client(client["id"])
    principal = Principal(
        kind="client",
        id=client["id"],
        organisation_id=client["organisation_id"],
        scopes=_asked(request.scopes, client["scopes"]),
        sees_network=client["reach"] == Reach.NETWORK,
    )
    return await issuer.issue(principal)


async def exchange_key(
    authenticator: RegistryAuthenticator, issuer: TokenIssuer, request: KeyRequest
) -> TokenResponse:
    """Check an API key and return a short token for it, which every service can verify."""
    try:
        principal = await authenticator.authenticate_key(request.key)
    except Unauthenticated:
        raise InvalidGrant("The API key is not valid.", "API 密钥无效。") from None
    scopes = _asked(request.scopes, principal.scopes)
    narrowed = Principal(
        principal.kind, principal.id, principal.organisation_id, scopes, principal.sees_network
    )
    return await issuer.issue(narrowed, ttl_s=EXCHANGED_TTL_S)


def authorization_server(issuer: str) -> AuthorizationServer:
    """Return where tokens are issued and verified."""
    base = issuer.rstrip("/")
    return AuthorizationServer(
        issuer=issuer,
        token_endpoint=f"{base}/oauth2/token",
        jwks_uri=f"{base}/.well-known/jwks.json",
        grant_types_supported=["client_credentials", TOKEN_EXCHANGE],
        response_types_supported=[],
        token_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post"],
    )


def _asked(asked: tuple[str, ...] | None, granted: Iterable[str]) -> frozenset[str]:
    held = frozenset(granted)
    scopes = held if asked is None else frozenset(asked)
    if not all(covers(held, scope) for scope in scopes):
        raise InvalidScope("The client lacks some scope it asks for.", "客户端没有所请求的全部权限。")
    return scopes
