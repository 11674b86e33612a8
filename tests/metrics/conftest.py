import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from services.metrics import tables
from services.metrics.app import create_app
from services.metrics.base import messaging
from services.metrics.settings import MetricsSettings
from tests.metrics.feed import HandmadeFeed
from tests.support.services import ISSUER, ServiceUnderTest, create_schema, empty_store, running, verifier


class Metrics(ServiceUnderTest):
    """Metrics beside a feed the test writes."""

    feed: HandmadeFeed

    async def read_feed(self) -> None:
        consumer = self.app.state.service.extra["consumer"]
        while self.feed.behind(await self._position()):
            await consumer.run_once()

    async def _position(self) -> tuple[str, str]:
        consumers = self.tables.consumers
        async with self.database.read() as session:
            row = await session.row(select(consumers.c.epoch, consumers.c.cursor))
        return (row["epoch"], row["cursor"] or "") if row else ("", "")


@pytest.fixture(params=["sqlite", "postgresql"])
def metrics_url(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An empty store of metrics on each database."""
    cluster = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    shared = tmp_path_factory.getbasetemp()
    with empty_store(
        request.param, "metrics", create_schema(tables.metadata), tmp_path, shared, cluster
    ) as url:
        yield url


@contextlib.asynccontextmanager
async def metrics_on(url: str, feed: HandmadeFeed) -> AsyncIterator[Metrics]:
    """Metrics on a store and a feed, without background workers."""
    settings = MetricsSettings(
        environment="test",
        database_url=url,
        secret="a secret for tests",
        issuer=ISSUER,
        run_workers=False,
        sqlite_synchronous="OFF",
        feed_wait_s=0,
    )
    app = create_app(settings, authenticator=verifier(), feed_source=feed)
    async with running("metrics", app, messaging) as service:
        world = Metrics(service.name, service.app, service.tables)
        world.feed = feed
        yield world
        await world.close()


@pytest.fixture
async def metrics(metrics_url: str) -> AsyncIterator[Metrics]:
    """Metrics on an empty store beside an empty feed."""
    async with metrics_on(metrics_url, HandmadeFeed()) as world:
        yield world
