"""Metrics: the yardsticks of a network, for any slice and any time, from the registry's events."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI

from services.metrics.base import idempotency_keys, messaging, parties
from services.metrics.clients.registry import RegistryClient
from services.metrics.kpis import rollup
from services.metrics.kpis.routes import router as kpis_router
from services.metrics.ledger.service import EVENT_TYPES, REGISTRY_FEED
from services.metrics.settings import MetricsSettings
from shared.db.engine import Database
from shared.db.keyset import CursorSigner
from shared.messaging.consumer import FeedConsumer, lag
from shared.messaging.feed import Feed
from shared.messaging.received import FeedSource
from shared.messaging.sequencer import Sequencer
from shared.web.auth import Authenticator
from shared.web.consumer_routes import consumer_router
from shared.web.factory import ServiceParts, Task, create_service, open_database
from shared.web.feed_routes import feed_router
from shared.web.state import ServiceState


def create_app(
    settings: MetricsSettings | None = None,
    *,
    authenticator: Authenticator | None = None,
    feed_source: FeedSource | None = None,
    registry_transport: Any = None,
) -> FastAPI:
    """Build metrics.

    ``authenticator`` and ``feed_source`` replace those that call the registry; ``registry_transport``
    replaces the network on the way there.
    """
    settings = settings or MetricsSettings()
    database = open_database(settings)
    registry = RegistryClient(settings, database, registry_transport)
    state = ServiceState(
        name="metrics",
        settings=settings,
        database=database,
        authenticator=authenticator or registry.authenticator(),
        signer=CursorSigner(settings.secret_key),
        feed=Feed(database, messaging, parties),
        idempotency_keys=idempotency_keys,
    )
    tasks: list[Task] = [Sequencer(database, messaging).run]
    source = feed_source or registry.feed(EVENT_TYPES)
    if source is not None:
        state.extra["consumer"] = consumer = follow(database, settings, source)
        tasks.append(consumer.run)

    async def read_lag() -> dict[str, int | None]:
        async with database.read() as session:
            behind = await lag(session, messaging, REGISTRY_FEED)
        return {REGISTRY_FEED: behind.events}

    return create_service(
        ServiceParts(
            title="Feidi metrics",
            summary="Projects incubated, reserve projects, landing rate: for any slice, as of any time.",
            directory=Path(__file__).parent,
            state=state,
            routers=[kpis_router, feed_router("metrics:events:read"), consumer_router("metrics")],
            tasks=tasks,
            on_stop=[registry.close],
            read_lag=read_lag,
        )
    )


def follow(database: Database, settings: MetricsSettings, source: FeedSource) -> FeedConsumer:
    """Return the consumer that keeps the ledger in step with the registry."""
    return FeedConsumer(
        REGISTRY_FEED,
        database,
        messaging,
        source,
        rollup.apply_events,
        rollup.reset,
        page_size=settings.feed_page_size,
        wait_s=settings.feed_wait_s,
    )
