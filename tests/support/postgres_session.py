"""pytest plugin: one PostgreSQL per run, shared by all of its processes.

The controller launches it without waiting, so that it starts while tests are being collected.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import PostgresCluster, PostgresUnavailable

GIVEN_URL = "TEST_DATABASE_URL"
DIRECTORY = "FEIDI_TEST_POSTGRES_DIRECTORY"
PREFIX = "FEIDI_TEST_POSTGRES_PREFIX"
CLUSTER = pytest.StashKey[PostgresCluster]()


def is_controller(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    if not is_controller(config) or config.option.collectonly:
        return
    if url := os.environ.get(GIVEN_URL):
        os.environ[PREFIX] = f"feidi_{secrets.token_hex(4)}_"
        config.stash[CLUSTER] = PostgresCluster(url, prefix=os.environ[PREFIX])
        return
    cluster = PostgresCluster()
    try:
        os.environ[DIRECTORY] = str(cluster.launch())
    except PostgresUnavailable:
        # The tests that need it fail with this very message; the others may still be run alone.
        os.environ.pop(DIRECTORY, None)
        return
    config.stash[CLUSTER] = cluster


def pytest_unconfigure(config: pytest.Config) -> None:
    if cluster := config.stash.get(CLUSTER, None):
        cluster.stop()


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """The run's PostgreSQL; each test makes and drops its own databases on it."""
    if url := os.environ.get(GIVEN_URL):
        yield PostgresCluster(url, prefix=os.environ[PREFIX])
    elif directory := os.environ.get(DIRECTORY):
        yield PostgresCluster.attach(Path(directory))
    else:
        with PostgresCluster() as cluster:
            yield cluster
