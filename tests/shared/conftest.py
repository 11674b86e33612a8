import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import make_url

from tests.shared.messaging_world import World, new_store, opened


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> None:
    """Errors that tests cause on purpose need no rendered tracebacks."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty store on each database."""
    cluster = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    url = new_store(request.param, tmp_path, cluster)
    yield url
    if cluster is not None:
        cluster.drop_database(str(make_url(url).database))


@pytest.fixture
async def world(store_url: str) -> AsyncIterator[World]:
    async with opened(store_url) as world:
        yield world
