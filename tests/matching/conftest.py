from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.matching import tables
from services.matching.app import create_app
from services.matching.base import messaging
from services.matching.settings import MatchingSettings
from shared.messaging.consumer import FeedConsumer
from tests.matching.registry_double import RegistryDouble
from tests.support.services import (
    ISSUER,
    ServiceUnderTest,
    create_schema,
    empty_store,
    load_test_keys,
    running,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def matching_url(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An empty store of matching on each database."""
    cluster = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    shared = tmp_path_factory.getbasetemp()
    schema = create_schema(tables.metadata)
    with empty_store(request.param, "matching", schema, tmp_path, shared, cluster) as url:
        yield url


def settings_for(url: str) -> MatchingSettings:
    return MatchingSettings(
        environment="test",
        database_url=url,
        secret="a secret for tests",
        issuer=ISSUER,
        run_workers=False,
        sqlite_synchronous="OFF",
        feed_wait_s=0,
        feed_page_size=7,
        client_id="cli_matching",
        client_secret="of matching",
    )


@dataclass
class MatchingUnderTest:
    """Matching, and the registry it follows."""

    service: ServiceUnderTest
    registry: RegistryDouble

    async def follow(self) -> int:
        """Read the registry's feed to its end; return how many events it had."""
        consumer: FeedConsumer = self.service.app.state.service.extra["consumer"]
        count = 0
        while (consumed := await consumer.run_once()) or await self._starts_over(consumer):
            count += consumed
        return count

    async def _starts_over(self, consumer: FeedConsumer) -> bool:
        return (await consumer._state())["cursor"] is None and bool(self.registry.events)

    def as_org(self, organisation_id: str, *scopes: str) -> httpx2.AsyncClient:
        return self.service.as_org(organisation_id, *scopes)

    def as_admin(self) -> httpx2.AsyncClient:
        return self.service.as_admin()

    async def recommend(self, project_id: str, query: str = "", **options: Any) -> dict[str, Any]:
        """The home units recommended for a project, as the network's administration sees them."""
        answer = await self.as_admin().get(f"/v1/projects/{project_id}/recommendations{query}", **options)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    async def put_profile(self, home_unit_id: str, profile: dict[str, Any]) -> httpx2.Response:
        """Set a home unit's profile as itself, whatever version it has now."""
        client, url = self.as_org(home_unit_id), f"/v1/home-units/{home_unit_id}/profile"
        current = await client.get(url)
        headers = {"if-match": current.headers["etag"]} if current.status_code == 200 else {}
        answer = await client.put(url, json=profile, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        return answer


@asynccontextmanager
async def matching_beside(registry: RegistryDouble, url: str) -> AsyncIterator[MatchingUnderTest]:
    """Matching without background workers, calling this registry."""
    transport = httpx2.MockTransport(registry.answer)
    app = create_app(settings_for(url), registry_transport=transport)
    async with running("matching", app, messaging) as service:
        yield MatchingUnderTest(service, registry)


@pytest.fixture
async def registry() -> RegistryDouble:
    return RegistryDouble(await load_test_keys())


@pytest.fixture
async def matching(matching_url: str, registry: RegistryDouble) -> AsyncIterator[MatchingUnderTest]:
    """Matching on an empty store."""
    async with matching_beside(registry, matching_url) as world:
        yield world
