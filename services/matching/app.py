"""Matching: which home unit suits a project, and why."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI

from services.matching.base import idempotency_keys, messaging, parties
from services.matching.clients.registry import RegistryClient
from services.matching.directory import service as directory
from services.matching.directory.revocations import Revocations
from services.matching.evaluation.routes import router as evaluation_router
from services.matching.profiles.routes import router as profiles_router
from services.matching.recommendations.follower import Follower
from services.matching.recommendations.live import LiveEngine
from services.matching.recommendations.routes import router as recommendations_router
from services.matching.rounds.offer_routes import router as offers_router
from services.matching.rounds.question_routes import router as questions_router
from services.matching.rounds.routes import router as rounds_router
from services.matching.rounds.workers import SIGNALS, RoundWorkers
from services.matching.settings import MatchingSettings
from shared.db.engine import Database
from shared.db.keyset import CursorSigner
from shared.logging import get_logger
from shared.messaging.consumer import FeedConsumer, lag
from shared.messaging.feed import Feed
from shared.messaging.received import FeedSource
from shared.messaging.sequencer import Sequencer
from shared.web.auth import Authenticator
from shared.web.consumer_routes import consumer_router
from shared.web.factory import ServiceParts, Task, create_service, open_database
from shared.web.feed_routes import feed_router
from shared.web.state import ServiceState

_log = get_logger(__name__)


def create_app(
    settings: MatchingSettings | None = None,
    *,
    authenticator: Authenticator | None = None,
    feed_source: FeedSource | None = None,
    registry_transport: Any = None,
) -> FastAPI:
    """Build matching.

    ``authenticator`` and ``feed_source`` replace those that call the registry; ``registry_transport``
    replaces the network on the way there.
    """
    settings = settings or MatchingSettings()
    database = open_database(settings)
    registry = RegistryClient(settings, database, registry_transport)
    revocations = Revocations(database)
    engine = LiveEngine(database)
    rounds = RoundWorkers(settings, database, engine, registry)
    source = feed_source or registry.feed(directory.EVENT_TYPES)
    consumer = None if source is None else _consumer(settings, database, source, revocations)
    follower = Follower(database, engine, follows=consumer is not None)
    state = ServiceState(
        name="matching",
        settings=settings,
        database=database,
        authenticator=authenticator or registry.authenticator(revocations.is_revoked),
        signer=CursorSigner(settings.secret_key),
        feed=Feed(database, messaging, parties),
        idempotency_keys=idempotency_keys,
        data_age=engine.data_age,
        extra={
            "engine": engine,
            "consumer": consumer,
            "revocations": revocations,
            "follower": follower,
            "rounds": rounds,
        },
    )
    tasks: list[Task] = [Sequencer(database, messaging).run, engine.run, follower.run, revocations.run]
    tasks += rounds.tasks
    tasks.append(_say_not_followed if consumer is None else consumer.run)
    return create_service(
        ServiceParts(
            title="Feidi matching",
            summary="Which home unit suits a project, which projects suit a home unit, and why.",
            directory=Path(__file__).parent,
            state=state,
            routers=_routers(),
            tasks=tasks,
            on_start=[revocations.load, engine.refresh, rounds.load_prices],
            on_stop=[rounds.close, registry.close],
            signals=SIGNALS,
            read_lag=partial(_lag_events, database),
        )
    )


def _routers() -> list[APIRouter]:
    """By how often they are called."""
    return [
        recommendations_router,
        profiles_router,
        offers_router,
        rounds_router,
        questions_router,
        evaluation_router,
        feed_router("matching:events:read"),
        consumer_router("matching"),
    ]


def _consumer(
    settings: MatchingSettings, database: Database, source: FeedSource, revocations: Revocations
) -> FeedConsumer:
    return FeedConsumer(
        directory.CONSUMER,
        database,
        messaging,
        source,
        partial(directory.apply_events, on_revocation=revocations.note),
        directory.reset,
        page_size=settings.feed_page_size,
        wait_s=settings.feed_wait_s,
    )


async def _lag_events(database: Database) -> dict[str, int | None]:
    async with database.read() as session:
        behind = await lag(session, messaging, directory.CONSUMER)
    return {directory.CONSUMER: behind.events}


async def _say_not_followed(stop: asyncio.Event) -> None:
    _log.warning("registry_not_followed", reason="no client_id and client_secret")
    await stop.wait()
