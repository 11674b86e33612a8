"""The keys that sign for endpoints: kept sealed, each under its own id."""

from services.registry.signatures.standard_webhooks import key_of, new_secret
from services.registry.webhooks import repository
from shared import clock
from shared.db.engine import ReadSession, WriteSession
from shared.ids import new_id
from shared.sealing import Sealer

SEALED_FOR = "webhook secrets"
"""What the sealer of secrets is derived for."""


async def live_keys(session: ReadSession, endpoint_id: str, sealer: Sealer) -> list[bytes]:
    """Return the keys that sign for an endpoint now, the newest first."""
    rows = await repository.live_secrets(session, endpoint_id, clock.now())
    return [key_of(sealer.open(row["id"], row["sealed"]).decode()) for row in rows]


async def keys_at(session: ReadSession, url: str, organisation_id: str, sealer: Sealer) -> list[bytes]:
    """Return the keys of an organisation's endpoints that point to this address."""
    rows = await repository.at_url(session, url, organisation_id)
    return [key for row in rows for key in await live_keys(session, row["id"], sealer)]


async def add_secret(tx: WriteSession, endpoint_id: str, sealer: Sealer) -> str:
    """Give an endpoint one more secret and return it."""
    secret, secret_id = new_secret(), new_id("whs")
    sealed = sealer.seal(secret_id, secret.encode())
    await repository.add_secret(
        tx,
        {
            "id": secret_id,
            "endpoint_id": endpoint_id,
            "sealed": sealed,
            "created_at": clock.now(),
            "expires_at": None,
        },
    )
    return secret
