from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from deploy import migrate
from shared.db.migrate import sync_url
from tests.support.postgres import PostgresCluster


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/data/registry.db"
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    url = cluster.create_database()
    yield url
    cluster.drop_database(url)


ENVIRONMENT = """
from shared.db.base import new_metadata
from shared.db.migrate import run_migrations

run_migrations(new_metadata())
"""
REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "r1", None, None, None


def upgrade():
    op.create_table("projects", sa.Column("id", sa.String(), primary_key=True))
"""


@pytest.fixture(autouse=True)
def one_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration tree of its own, so that the schema of a service may change as it likes."""
    versions = tmp_path / "services" / "registry" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions.parent / "env.py").write_text(ENVIRONMENT)
    (versions / "r1.py").write_text(REVISION)
    monkeypatch.setattr(migrate, "SERVICES_DIRECTORY", tmp_path / "services")


def test_an_empty_store_gets_the_schema_and_a_second_run_changes_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FEIDI_REGISTRY_DATABASE_URL", url)
    monkeypatch.setenv("FEIDI_REGISTRY_SECRET", "test")
    assert migrate.main(["registry"]) == 0
    assert "empty -> r1" in capsys.readouterr().out
    engine = create_engine(sync_url(url))
    tables = inspect(engine).get_table_names()
    engine.dispose()
    assert set(tables) == {"alembic_version", "projects"}
    assert migrate.main(["registry"]) == 0
    assert "at r1" in capsys.readouterr().out


def test_an_unknown_service_is_refused() -> None:
    with pytest.raises(SystemExit):
        migrate.main(["payroll"])
