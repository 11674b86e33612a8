"""The registry as metrics sees it: its feed and its token keys."""

from typing import Any

from services.metrics.base import issuer_keys
from services.metrics.settings import MetricsSettings
from shared.db.engine import Database
from shared.http import ServiceClient
from shared.messaging.received import HttpFeedSource
from shared.web.issuer_keys import StoredKeys
from shared.web.remote_auth import RemoteAuthenticator
from shared.web.token_source import ClientCredentials


class RegistryClient:
    """Calls the registry with this service's own credential."""

    def __init__(self, settings: MetricsSettings, database: Database, transport: Any = None) -> None:
        url = settings.registry_url
        self._settings = settings
        self._public = ServiceClient(url, timeout_s=2.0, retries=1, transport=transport)
        self._keys = StoredKeys(settings.issuer, self._public, database, issuer_keys)
        self._credentials = _credentials(settings, transport)
        self._own = (
            ServiceClient(url, token=self._credentials, transport=transport) if self._credentials else None
        )

    def feed(self, types: tuple[str, ...]) -> HttpFeedSource | None:
        """Return the registry's feed, or None when this service has no credential to read it with."""
        return None if self._own is None else HttpFeedSource(self._own, types=types)

    def authenticator(self) -> RemoteAuthenticator:
        """Return what verifies the credentials that the registry gave out."""
        return RemoteAuthenticator(self._keys.issuer(self._settings.audience), self._public, self._own)

    async def close(self) -> None:
        """Close the connections."""
        await self._public.close()
        if self._own is not None:
            await self._own.close()
        if self._credentials is not None:
            await self._credentials.close()


def _credentials(settings: MetricsSettings, transport: Any) -> ClientCredentials | None:
    if settings.client_id is None or settings.client_secret is None:
        return None
    url, secret = settings.registry_url, settings.client_secret
    return ClientCredentials(url, settings.client_id, secret, transport=transport)
