"""What delivers the webhooks of one application, put together once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.registry.deliveries.dispatcher import Dispatcher
from services.registry.deliveries.fanout import FanOut
from services.registry.deliveries.retention import forget_deliveries
from services.registry.egress.client import EgressClient
from services.registry.egress.policy import policy_of
from services.registry.settings import RegistrySettings
from services.registry.webhooks.parts import WebhookParts
from shared.db.engine import Database
from shared.messaging.timer import periodic

_FORGOTTEN_AT_ONCE = 1000


@dataclass(frozen=True)
class DeliveryParts:
    """The endpoints' secrets and egress, the fan-out of the sequencer, and the workers."""

    database: Database
    webhooks: WebhookParts
    client: EgressClient
    fan_out: FanOut
    dispatcher: Dispatcher
    tasks: tuple[Callable[..., Any], ...]

    @classmethod
    def of(cls, settings: RegistrySettings, database: Database) -> "DeliveryParts":
        """Build the parts; nothing is read or sent yet."""
        webhooks = WebhookParts.of(settings.secret_key, policy_of(settings))
        client = EgressClient(webhooks.egress)
        dispatcher = Dispatcher(database, client, webhooks, lease_s=settings.webhook_lease_s)
        forgetting = periodic(database, forget_deliveries, batch=_FORGOTTEN_AT_ONCE)
        return cls(database, webhooks, client, FanOut(), dispatcher, (dispatcher.run, forgetting))

    async def start(self) -> None:
        """Free what a process that died held, and make the partitions of the next weeks."""
        await self.dispatcher.start()
        async with self.database.write() as tx:
            await forget_deliveries(tx, _FORGOTTEN_AT_ONCE)

    async def close(self) -> None:
        """Close the connections to receivers."""
        await self.client.close()
