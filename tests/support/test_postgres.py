import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support import postgres
from tests.support.postgres import PostgresCluster, PostgresUnavailable

ROOT = Path(__file__).parents[2]


def connect(url: str) -> psycopg.Connection:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def names_on(cluster: PostgresCluster) -> set[str]:
    with connect(cluster.url_of("postgres")) as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


async def test_a_new_database_answers_over_asyncpg(postgres_cluster: PostgresCluster) -> None:
    url = postgres_cluster.create_database()
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT current_database()")) == make_url(url).database
    await engine.dispose()
    postgres_cluster.drop_database(url)
    assert make_url(url).database not in names_on(postgres_cluster)


def test_a_template_is_built_once_and_cloned(postgres_cluster: PostgresCluster) -> None:
    builds = []

    def build(url: str) -> None:
        builds.append(url)
        with connect(url) as connection:
            connection.execute("CREATE TABLE seeded AS SELECT 1 AS id")

    def ensure(_: int) -> str:
        return postgres_cluster.ensure_template("test_template_once", build)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ensure, range(4))) == {"test_template_once"}
    assert len(builds) == 1
    clones = [postgres_cluster.create_database(template="test_template_once") for _ in range(2)]
    with connect(clones[0]) as first, connect(clones[1]) as second:
        first.execute("DELETE FROM seeded")
        assert second.execute("SELECT id FROM seeded").fetchall() == [(1,)]
    for name in [*clones, "test_template_once"]:
        postgres_cluster.drop_database(name)


def test_a_template_that_failed_is_built_anew(postgres_cluster: PostgresCluster) -> None:
    def fails(url: str) -> None:
        with connect(url) as connection:
            connection.execute("CREATE TABLE half ()")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        postgres_cluster.ensure_template("test_template_half", fails)
    postgres_cluster.ensure_template("test_template_half", lambda _: None)
    clone = postgres_cluster.create_database(template="test_template_half")
    with connect(clone) as connection:
        assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
    for name in (clone, "test_template_half"):
        postgres_cluster.drop_database(name)


def test_a_server_of_others_keeps_only_what_was_there(postgres_cluster: PostgresCluster) -> None:
    theirs = make_url(postgres_cluster.create_database()).database
    guest = PostgresCluster(postgres_cluster.url_of("postgres"), prefix="test_guest_")
    guest.ensure_template("registry", lambda _: None)
    guest.create_database("used", template="registry")
    assert names_on(postgres_cluster) >= {theirs, "test_guest_registry", "test_guest_used"}
    guest.stop()
    after = names_on(postgres_cluster)
    assert theirs in after
    assert not any(name.startswith("test_guest_") for name in after)
    postgres_cluster.drop_database(theirs or "")


def test_no_trace_is_left_when_the_owner_is_killed() -> None:
    program = (
        "import time; from tests.support.postgres import PostgresCluster; cluster = PostgresCluster();"
        "directory = cluster.launch(); cluster.start(); print(directory, flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout
    directory = Path(owner.stdout.readline().strip())
    server = int((directory / "data" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    deadline = time.monotonic() + 20
    while directory.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


def test_without_any_postgresql_the_run_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres, "SYSTEM_BINARIES", tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(PostgresUnavailable, match="TEST_DATABASE_URL"):
        PostgresCluster().start()


def test_a_server_that_cannot_start_says_why() -> None:
    cluster = PostgresCluster(settings={"no_such_setting": "1"})
    with pytest.raises(PostgresUnavailable, match="no_such_setting"):
        cluster.start()
    cluster.stop()
