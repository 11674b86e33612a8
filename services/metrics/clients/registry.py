"""The registry as metrics sees it: its feed and its token keys."""

from services.metrics.settings import MetricsSettings
from shared.http import ServiceClient
from shared.messaging.received import HttpFeedSource
from shared.web.auth import Issuer, KeySet
from shared.web.remote_auth import RemoteAuthenticator
from shared.web.token_source import ClientCredentials

KEYS_PATH = "/.well-known/jwks.json"


class RegistryUnavailable(RuntimeError):
    """The registry did not answer as it should."""


class RegistryClient:
    """Calls the registry with this service's own credential."""

    def __init__(self, settings: MetricsSettings) -> None:
        self._settings = settings
        self._public = ServiceClient(settings.registry_url)
        self._credentials = self._read_credentials()
        self._own = None
        if self._credentials is not None:
            self._own = ServiceClient(settings.registry_url, token=self._credentials)

    def feed(self, types: tuple[str, ...]) -> HttpFeedSource | None:
        """Return the registry's feed, or None when this service has no credential to read it with."""
        return None if self._own is None else HttpFeedSource(self._own, types=types)

    def issuer(self) -> Issuer:
        """Return the registry as the issuer of access tokens."""
        return Issuer(self._settings.issuer, self._settings.audience, self._load_keys)

    def authenticator(self) -> RemoteAuthenticator:
        """Return what verifies the credentials that the registry gave out."""
        return RemoteAuthenticator(self.issuer(), self._public, self._own)

    async def close(self) -> None:
        """Close the connections."""
        await self._public.close()
        if self._own is not None:
            await self._own.close()
        if self._credentials is not None:
            await self._credentials.close()

    async def _load_keys(self) -> KeySet:
        response = await self._public.get(KEYS_PATH)
        if response.status_code != 200:
            raise RegistryUnavailable(f"the key set answered {response.status_code}")
        keys: KeySet = response.json()
        return keys

    def _read_credentials(self) -> ClientCredentials | None:
        settings = self._settings
        if settings.client_id is None or settings.client_secret is None:
            return None
        return ClientCredentials(settings.registry_url, settings.client_id, settings.client_secret)
