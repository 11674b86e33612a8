"""The registry as matching sees it: its feed and its token keys."""

from collections.abc import Callable
from typing import Any

from services.matching.clients import key_cache
from services.matching.settings import MatchingSettings
from shared.db.engine import Database
from shared.http import ServiceClient, TransportError
from shared.logging import get_logger
from shared.messaging.received import HttpFeedSource
from shared.web.auth import Issuer, KeySet
from shared.web.remote_auth import RemoteAuthenticator
from shared.web.token_source import ClientCredentials

KEYS_PATH = "/.well-known/jwks.json"

_log = get_logger(__name__)


class RegistryUnavailable(RuntimeError):
    """The registry did not answer as it should, and there is nothing to fall back on."""


class RegistryClient:
    """Calls the registry with this service's own credential."""

    def __init__(self, settings: MatchingSettings, database: Database, transport: Any = None) -> None:
        url = settings.registry_url
        self._settings = settings
        self._database = database
        self._public = ServiceClient(url, timeout_s=2.0, retries=1, transport=transport)
        self._credentials = _credentials(settings, transport)
        self._own = (
            ServiceClient(url, token=self._credentials, transport=transport) if self._credentials else None
        )

    def feed(self, types: tuple[str, ...]) -> HttpFeedSource | None:
        """Return the registry's feed, or None when this service has no credential to read it with."""
        return None if self._own is None else HttpFeedSource(self._own, types=types)

    def issuer(self) -> Issuer:
        """Return the registry as the issuer of access tokens."""
        return Issuer(self._settings.issuer, self._settings.audience, self._load_keys)

    def authenticator(self, is_revoked: Callable[[str], bool]) -> RemoteAuthenticator:
        """Return what verifies the credentials that the registry gave out."""
        return RemoteAuthenticator(self.issuer(), self._public, self._own, is_revoked=is_revoked)

    async def close(self) -> None:
        """Close the connections."""
        await self._public.close()
        if self._own is not None:
            await self._own.close()
        if self._credentials is not None:
            await self._credentials.close()

    async def _load_keys(self) -> KeySet:
        issuer = self._settings.issuer
        try:
            key_set = await self._read_keys()
        except (TransportError, RegistryUnavailable) as error:
            kept = await key_cache.recall(self._database, issuer)
            if kept is None:
                raise RegistryUnavailable(str(error)) from error
            _log.warning("issuer_keys_from_store", reason=str(error))
            return kept
        await key_cache.remember(self._database, issuer, key_set)
        return key_set

    async def _read_keys(self) -> KeySet:
        response = await self._public.get(KEYS_PATH)
        if response.status_code != 200:
            raise RegistryUnavailable(f"the key set answered {response.status_code}")
        key_set: KeySet = response.json()
        return key_set


def _credentials(settings: MatchingSettings, transport: Any) -> ClientCredentials | None:
    if settings.client_id is None or settings.client_secret is None:
        return None
    url, secret = settings.registry_url, settings.client_secret
    return ClientCredentials(url, settings.client_id, secret, transport=transport)
