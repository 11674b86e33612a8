"""The short forms of the crash tests; ``./dev torture`` is the long one."""

from pathlib import Path

import pytest

from tests.crash.__main__ import run_on, run_partners_on
from tests.support.postgres import PostgresCluster


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_nothing_is_lost_when_services_are_killed(
    store: str, tmp_path: Path, postgres_cluster: PostgresCluster
) -> None:
    report = run_on(store, tmp_path, kills=5, seed=20261123, cluster=postgres_cluster)
    assert report.problems == []
    assert report.writes > 10


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_partners_get_every_event_when_registry_is_killed(
    store: str, tmp_path: Path, postgres_cluster: PostgresCluster
) -> None:
    report = run_partners_on(store, tmp_path, kills=6, seed=20261126, cluster=postgres_cluster)
    assert report.problems == []
    assert report.deliveries > 20
