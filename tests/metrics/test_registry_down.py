"""Metrics while registry does not answer: it knows its callers and says how old its figures are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from services.metrics.app import create_app
from services.metrics.base import messaging
from services.metrics.settings import MetricsSettings
from tests.matching.registry_double import RegistryDouble
from tests.metrics.conftest import Metrics
from tests.metrics.feed import HandmadeFeed
from tests.support.services import ISSUER, load_test_keys, running


@asynccontextmanager
async def metrics_beside(registry: RegistryDouble, url: str, feed: HandmadeFeed) -> AsyncIterator[Metrics]:
    """Metrics that verifies tokens with the keys of this registry."""
    settings = MetricsSettings(
        environment="test",
        database_url=url,
        secret="a secret for tests",
        issuer=ISSUER,
        run_workers=False,
        sqlite_synchronous="OFF",
        feed_wait_s=0,
        client_id="cli_metrics",
        client_secret="of metrics",
    )
    transport = httpx2.MockTransport(registry.answer)
    app = create_app(settings, feed_source=feed, registry_transport=transport)
    async with running("metrics", app, messaging) as service:
        world = Metrics(service.name, service.app, service.tables)
        world.feed = feed
        yield world
        await world.close()


async def test_a_restart_while_the_registry_is_down_keeps_answering(metrics_url: str) -> None:
    registry, feed = RegistryDouble(await load_test_keys()), HandmadeFeed()
    feed.enclave("enc_1")
    feed.project("prj_1", "2026-01-01", enclave_id="enc_1")
    async with metrics_beside(registry, metrics_url, feed) as metrics:
        await metrics.read_feed()
        before = await metrics.as_admin().get("/v1/kpis/incubating")
        assert before.status_code == 200
    registry.is_down = feed.broken = True
    async with metrics_beside(registry, metrics_url, feed) as metrics:
        answer = await metrics.as_admin().get("/v1/kpis/incubating")
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-data-as-of"] == before.headers["x-data-as-of"]
        assert answer.json()["freshness"]["lag_seconds"] > 0


async def test_without_any_key_ever_read_it_asks_to_come_back(metrics_url: str) -> None:
    registry = RegistryDouble(await load_test_keys())
    registry.is_down = True
    async with metrics_beside(registry, metrics_url, HandmadeFeed()) as metrics:
        answer = await metrics.as_admin().get("/v1/kpis/incubating")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
