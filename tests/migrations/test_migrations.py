"""One tree of migrations per service: up, down and up again, and nothing the tables have beyond it."""

import importlib
import logging
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from sqlalchemy import Column, Integer, MetaData, create_engine, inspect, make_url, text

from services.registry.deliveries.partitions import is_partition
from shared.db.migrate import (
    SchemaOutdated,
    alembic_config,
    downgrade,
    prepare,
    revisions,
    sync_url,
    upgrade,
)

ROOT = Path(__file__).parents[2] / "services"
SERVICES = ("registry", "matching", "metrics")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store without any table."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'store' / 'empty.db'}"
        return
    cluster = request.getfixturevalue("postgres_cluster")
    created = cluster.create_database()
    yield created
    cluster.drop_database(str(make_url(created).database))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    yield
    logging.getLogger("alembic").setLevel(logging.NOTSET)


def tables_of(service: str) -> MetaData:
    metadata: MetaData = importlib.import_module(f"services.{service}.tables").metadata
    return metadata


def app_of(service: str, url: str, **changes: Any) -> FastAPI:
    settings = getattr(
        importlib.import_module(f"services.{service}.settings"), f"{service.capitalize()}Settings"
    )
    values = {
        "environment": "development",
        "database_url": url,
        "secret": "of the tests",
        "run_workers": False,
    }
    app: FastAPI = importlib.import_module(f"services.{service}.app").create_app(
        settings(**values, **changes)
    )
    return app


def schema_of(url: str) -> dict[str, Any]:
    """Everything a database can say about its own schema."""
    engine = create_engine(sync_url(url))
    inspector = inspect(engine)
    found = {
        name: {
            "columns": {c["name"]: (str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)},
            "primary_key": inspector.get_pk_constraint(name)["constrained_columns"],
            "foreign_keys": sorted(str(key) for key in inspector.get_foreign_keys(name)),
            "unique": sorted(
                str(sorted(key["column_names"])) for key in inspector.get_unique_constraints(name)
            ),
            "indexes": sorted(str(index["name"]) for index in inspector.get_indexes(name)),
            "checks": sorted(check["sqltext"] for check in inspector.get_check_constraints(name)),
        }
        for name in sorted(inspector.get_table_names())
    }
    engine.dispose()
    return found


def differences(url: str, metadata: MetaData) -> list[Any]:
    """What a new migration would have to do."""
    engine = create_engine(sync_url(url))
    with engine.connect() as connection:
        options = {"compare_type": True, "render_as_batch": True, "include_name": is_no_partition}
        context = MigrationContext.configure(connection, opts=options)
        found: list[Any] = compare_metadata(context, metadata)
    engine.dispose()
    return found


def is_no_partition(name: str | None, kind: str, _parents: Any) -> bool:
    return not (kind == "table" and is_partition(name))


def make_store(url: str) -> None:
    """An embedded store's directory is made by whoever prepares it."""
    if url.startswith("sqlite"):
        Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize("service", SERVICES)
def test_up_down_and_up_again(service: str, url: str) -> None:
    make_store(url)
    script = ScriptDirectory.from_config(alembic_config(ROOT / service, url))
    steps = [script_revision.revision for script_revision in reversed(list(script.walk_revisions()))]
    for before, revision in zip(["base", *steps], steps, strict=False):
        upgrade(ROOT / service, url, revision)
        first = schema_of(url)
        downgrade(ROOT / service, url, before)
        if before == "base":
            assert schema_of(url).keys() <= {"alembic_version"}
        upgrade(ROOT / service, url, revision)
        assert schema_of(url) == first
    assert revisions(ROOT / service, url) == (steps[-1], steps[-1])


@pytest.mark.parametrize("service", SERVICES)
def test_the_migrations_make_the_tables_of_the_code(service: str, url: str) -> None:
    make_store(url)
    upgrade(ROOT / service, url)
    assert differences(url, tables_of(service)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_migrations_make_what_tests_create(service: str, url: str, tmp_path: Path) -> None:
    """Alembic compares neither checks nor foreign keys on every database; the databases themselves do."""
    make_store(url)
    upgrade(ROOT / service, url)
    migrated = schema_of(url)
    migrated.pop("alembic_version")
    downgrade(ROOT / service, url)
    with_engine(url, tables_of(service).create_all)
    created = schema_of(url)
    created.pop("alembic_version")
    assert migrated == created


def with_engine(url: str, run: Any) -> None:
    engine = create_engine(sync_url(url))
    with engine.begin() as connection:
        run(connection)
    engine.dispose()


def test_a_forgotten_migration_is_noticed(url: str) -> None:
    make_store(url)
    upgrade(ROOT / "metrics", url)
    ahead = MetaData(naming_convention=tables_of("metrics").naming_convention)
    for table in tables_of("metrics").sorted_tables:
        table.to_metadata(ahead)
    ahead.sorted_tables[0].append_column(Column("forgotten", Integer))
    assert "forgotten" in str(differences(url, ahead))


def test_matching_reads_the_feed_again_for_the_history_of_landings(url: str) -> None:
    make_store(url)
    upgrade(ROOT / "matching", url, "0004")
    tables = tables_of("matching").tables
    state = {"name": "registry", "cursor": "c", "epoch": "e", "position": 9, "head": 9}
    letter = {"consumer": "registry", "sequence": 3, "subject_id": "x", "reason": "", "payload": "{}"}
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def fill(connection: Any) -> None:
        for other in ("registry", "another"):
            mine = {**state, "name": other, "caught_up_at": noon, "updated_at": noon}
            connection.execute(tables["consumers"].insert(), mine)
            connection.execute(
                tables["dead_letters"].insert(), {**letter, "consumer": other, "recorded_at": noon}
            )

    def check(connection: Any) -> None:
        rows = connection.execute(text("SELECT name, cursor, epoch, position FROM consumers ORDER BY name"))
        assert [tuple(row) for row in rows] == [("another", "c", "e", 9), ("registry", None, "", 0)]
        letters = connection.execute(text("SELECT consumer FROM dead_letters"))
        assert [tuple(row) for row in letters] == [("another",)]

    with_engine(url, fill)
    upgrade(ROOT / "matching", url)
    with_engine(url, check)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_an_embedded_store_is_migrated_at_the_start(service: str, url: str) -> None:
    app = app_of(service, url, **authentication(service))
    async with app.router.lifespan_context(app):
        current, head = revisions(ROOT / service, url)
    assert current == head is not None


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_service_refuses_a_server_store_behind_its_head(service: str, url: str) -> None:
    app = app_of(service, url, **authentication(service))
    with pytest.raises(SchemaOutdated, match=r"no revision.*dev migrate"):
        async with app.router.lifespan_context(app):
            pass
    assert schema_of(url) == {}


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_store_of_a_later_version_is_refused_too(url: str) -> None:
    upgrade(ROOT / "metrics", url)
    with_engine(
        url, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    )
    with pytest.raises(SchemaOutdated, match="at 9999"):
        prepare(ROOT / "metrics", url)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_service_starts_on_a_migrated_server_store(service: str, url: str) -> None:
    upgrade(ROOT / service, url)
    app = app_of(service, url, **authentication(service))
    async with app.router.lifespan_context(app):
        assert app.state.probe.stopping is False


def authentication(service: str) -> dict[str, Any]:
    own = {
        "bootstrap_client_id": "cli_admin",
        "bootstrap_client_secret": "an administrator of these tests only",
    }
    return own if service == "registry" else {}


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_migration_gives_up_its_wait_for_a_lock(url: str) -> None:
    """A reader must not queue behind a migration that itself waits for a long transaction."""
    upgrade(ROOT / "metrics", url)
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg.connect(plain)) as other:
        other.execute("LOCK TABLE organisations IN ACCESS SHARE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            downgrade(ROOT / "metrics", url)
    assert revisions(ROOT / "metrics", url)[0] is not None
