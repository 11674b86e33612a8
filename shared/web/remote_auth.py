"""Bearer credentials at the services that do not give them out: access tokens of registry, and its API keys.

An API key is exchanged at registry for an access token of half a minute, so a revoked key is out by then.
Access tokens are held to what their client may do now, as registry tells every ten seconds.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from shared.credentials import ACCESS_TOKEN_TYPE, API_KEY_PREFIX, TOKEN_EXCHANGE, hash_secret, is_well_formed
from shared.errors import Unauthenticated, Unavailable
from shared.http import ServiceClient, TransportError
from shared.identity import Principal
from shared.web.auth import Issuer, TokenVerifier, unauthenticated
from shared.web.standing import Standing, Standings

_BELIEVED_S = 10.0
_REFUSED_FOR_S = 10.0
_CACHE_SIZE = 10_000
_SPARE_S = 2.0


class RemoteAuthenticator:
    """Verifies credentials that registry gave out.

    ``registry`` calls registry without a credential. ``own`` calls it with this service's own; without it no
    revocation is heard of, and a disabled client's token lives until it expires. ``is_revoked`` adds what
    this service knows of its own.
    """

    def __init__(
        self,
        issuer: Issuer,
        registry: ServiceClient,
        own: ServiceClient | None,
        *,
        is_revoked: Callable[[str], bool] | None = None,
        time_source: Callable[[], float] = time.monotonic,
    ) -> None:
        self._verifier = TokenVerifier(issuer, is_revoked=is_revoked)
        self._registry = registry
        self._own = own
        self._now = time_source
        self._standings = Standings(self._load_standings, believed_s=_BELIEVED_S, time_source=time_source)
        self._tokens: dict[str, tuple[str | None, float]] = {}
        self._exchanges: dict[str, asyncio.Task[str | None]] = {}

    async def authenticate(self, credential: str) -> Principal:
        """Return the principal of a valid credential."""
        if credential.startswith(API_KEY_PREFIX):
            return await self._verifier.authenticate(await self._token_of(credential))
        principal = await self._verifier.authenticate(credential)
        return principal if self._own is None else await self._standings.limit(principal)

    async def _token_of(self, key: str) -> str:
        if not is_well_formed(API_KEY_PREFIX, key):
            raise _unknown_key()
        name = hash_secret(key)
        token, until = self._tokens.get(name, (None, float("-inf")))
        if until <= self._now():
            exchange = self._exchanges.get(name)
            if exchange is None:
                exchange = self._exchanges[name] = asyncio.create_task(self._exchange(name, key))
                exchange.add_done_callback(lambda _done: self._exchanges.pop(name, None))
            token = await asyncio.shield(exchange)
        if token is None:
            raise _unknown_key()
        return token

    async def _exchange(self, name: str, key: str) -> str | None:
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": key,
            "subject_token_type": ACCESS_TOKEN_TYPE,
        }
        asked_at = self._now()
        try:
            response = await self._registry.post("/oauth2/token", data=form, timeout_s=2.0)
        except TransportError as error:
            raise _unreachable() from error
        if response.status_code in (400, 401):
            self._remember(name, None, asked_at + _REFUSED_FOR_S)
            return None
        if response.status_code != 200:
            raise _unreachable()
        issued: dict[str, Any] = response.json()
        token = str(issued["access_token"])
        self._remember(name, token, asked_at + issued["expires_in"] - _SPARE_S)
        return token

    def _remember(self, name: str, token: str | None, until: float) -> None:
        if len(self._tokens) >= _CACHE_SIZE:
            self._tokens.clear()
        self._tokens[name] = (token, until)

    async def _load_standings(self) -> Mapping[str, Standing]:
        assert self._own is not None
        response = await self._own.get("/v1/clients:recently-changed", timeout_s=2.0)
        if response.status_code != 200:
            raise _unreachable()
        items = response.json()["items"]
        return {item["id"]: Standing(item["status"] == "active", frozenset(item["scopes"])) for item in items}


def _unknown_key() -> Unauthenticated:
    return unauthenticated("invalid_token", "The API key is not valid.", "API 密钥无效。")


def _unreachable() -> Unavailable:
    return Unavailable(
        "Registry cannot check the API key now.", "注册服务暂时无法校验密钥。", headers={"Retry-After": "2"}
    )
