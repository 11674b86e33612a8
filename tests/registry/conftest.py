from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.registry import tables
from services.registry.app import create_app
from services.registry.base import messaging
from services.registry.settings import RegistrySettings
from tests.registry.webhook_receiver import receiving
from tests.registry.webhook_world import Partners, build_partners
from tests.support.services import ISSUER, ServiceUnderTest, create_schema, empty_store, running, verifier


@pytest.fixture(params=["sqlite", "postgresql"])
def registry_url(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An empty store of registry on each database."""
    cluster = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    shared = tmp_path_factory.getbasetemp()
    with empty_store(
        request.param, "registry", create_schema(tables.metadata), tmp_path, shared, cluster
    ) as url:
        yield url


@pytest.fixture
async def registry(registry_url: str) -> AsyncIterator[ServiceUnderTest]:
    """Registry on an empty store, without background workers."""
    settings = RegistrySettings(
        environment="test",
        database_url=registry_url,
        secret="a secret for tests",
        issuer=ISSUER,
        run_workers=False,
        sqlite_synchronous="OFF",
    )
    app = create_app(settings, authenticator=verifier())
    async with running("registry", app, messaging) as service:
        yield service


@pytest.fixture
async def partners(registry_url: str) -> AsyncIterator[Partners]:
    """Registry and a real receiver on loopback, to which the operator of this deployment lets it send."""
    settings = RegistrySettings(
        environment="test",
        database_url=registry_url,
        secret="a secret for tests",
        issuer=ISSUER,
        run_workers=False,
        sqlite_synchronous="OFF",
        clock="movable",
        webhook_allow_http=True,
        webhook_allowed_networks=["127.0.0.0/8"],
    )
    app = create_app(settings, authenticator=verifier())
    async with receiving() as receiver, running("registry", app, messaging) as service:
        yield await build_partners(service, receiver)
