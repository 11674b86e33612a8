"""What registry's credentials are made of, put together once per application."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.registry.access.authentication import RegistryAuthenticator
from services.registry.access.bootstrap import ManagedClient, ensure_managed_clients, managed_clients
from services.registry.access.signing import KeyRing
from services.registry.access.tokens import TokenIssuer
from services.registry.access.usage import Usage
from services.registry.settings import RegistrySettings
from shared.db.engine import Database
from shared.web.auth import Issuer, TokenVerifier

EXTRA = "access"
"""The name of these parts among the service's own."""


@dataclass(frozen=True)
class AccessParts:
    """Keys, issuer, authenticator and usage of one application."""

    settings: RegistrySettings
    database: Database
    named: Sequence[ManagedClient]
    keys: KeyRing
    issuer: TokenIssuer
    usage: Usage
    authenticator: RegistryAuthenticator

    async def start(self) -> None:
        """Make sure that there is a key to sign with, and the clients the settings name."""
        await self.keys.signing_key()
        await ensure_managed_clients(self.database, self.named)


def build_access(settings: RegistrySettings, database: Database) -> AccessParts:
    """Build the parts, or refuse the configured clients; nothing is read or written yet."""
    named = managed_clients(
        settings.bootstrap_client_id,
        settings.bootstrap_client_secret,
        settings.service_clients,
        settings.matching_client_id,
    )
    keys = KeyRing(
        database,
        settings.secret_key,
        token_ttl_s=settings.access_token_ttl_s,
        max_age_days=settings.signing_key_max_age_days,
    )
    issuer = TokenIssuer(
        keys, issuer=settings.issuer, audience=settings.audience, ttl_s=settings.access_token_ttl_s
    )
    usage = Usage(database)
    verifier = TokenVerifier(Issuer(settings.issuer, settings.audience, keys.published))
    authenticator = RegistryAuthenticator(database, verifier, usage, token_ttl_s=settings.access_token_ttl_s)
    return AccessParts(settings, database, named, keys, issuer, usage, authenticator)
