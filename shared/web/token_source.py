"""A service's own access token for calling the others: fetched from registry, remembered, renewed in time."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from shared.errors import Unavailable
from shared.http import ServiceClient, TransportError
from shared.ids import new_id

RENEW_BEFORE_S = 120.0
_RETRY_AFTER_S = 5.0


class TokenRefused(Unavailable):
    """Registry does not accept this service's own credentials: its configuration is wrong."""

    code = "service_credentials_refused"
    title_en = "The service's own credentials are refused"
    title_zh = "本服务的凭证被拒绝"


class ClientCredentials:
    """Await it for a bearer token; pass it to ``ServiceClient`` as ``token``.

    One caller at a time fetches. A token is renewed before it expires; when that fails, the old one serves
    until it does.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        secret: SecretStr | str,
        *,
        transport: Any = None,
        time_source: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = ServiceClient(base_url, transport=transport)
        self._secret = secret if isinstance(secret, SecretStr) else SecretStr(secret)
        self._client_id = client_id
        self._now = time_source
        self._token = ""
        self._renew_at = float("-inf")
        self._expires_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def __call__(self) -> str:
        """Return a token that is valid now."""
        if self._now() >= self._renew_at:
            async with self._fetching:
                if self._now() >= self._renew_at:
                    await self._renew()
        return self._token

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _renew(self) -> None:
        started = self._now()
        try:
            issued = await self._fetch()
        except Unavailable:
            if started >= self._expires_at:
                raise
            self._renew_at = started + _RETRY_AFTER_S
            return
        self._token = issued["access_token"]
        term = float(issued["expires_in"])
        self._expires_at = started + term
        self._renew_at = started + max(term - RENEW_BEFORE_S, term / 2)

    async def _fetch(self) -> dict[str, Any]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._secret.get_secret_value(),
        }
        # Two tokens instead of one do no harm: the key only tells the client that it may try again.
        headers = {"idempotency-key": new_id("tok")}
        try:
            response = await self._client.post("/oauth2/token", data=form, headers=headers)
        except TransportError as error:
            raise _unreachable() from error
        if response.status_code in (400, 401):
            raise TokenRefused(
                f"Registry refuses the client id {self._client_id} or its secret.",
                f"注册服务拒绝客户端 {self._client_id} 或其密钥。",
            )
        if response.status_code != 200:
            raise _unreachable()
        issued: dict[str, Any] = response.json()
        return issued


def _unreachable() -> Unavailable:
    return Unavailable(
        "Registry gives out no token now.", "注册服务暂时无法签发令牌。", headers={"Retry-After": "2"}
    )
