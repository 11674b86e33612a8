"""Engines and the two kinds of session: reads on AUTOCOMMIT, writes in one transaction.

On SQLite every write transaction begins IMMEDIATE behind a first-in-first-out lock, because deferred
transactions fail under concurrent read-then-write whatever the busy timeout; a second process on the same
file is refused. On PostgreSQL writes run at READ COMMITTED.
"""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

from pydantic_core import from_json
from sqlalchemy import CursorResult, Executable, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.context import write_in_progress
from shared.db.driver import Driver, PostgresDriver, SqliteDriver, forget_values
from shared.db.signal import Signal
from shared.errors import CannotStart

Params = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

Row: TypeAlias = Mapping[str, Any]
"""One row of a result, by column name."""

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA temp_store=MEMORY",
)


class DatabaseInUse(CannotStart):
    """Another process has this SQLite file open."""


class ReadSession:
    """A connection for queries. Rows come back as mappings by column name."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.connection.dialect.name

    async def rows(self, statement: Executable, params: Params = None) -> Sequence[Row]:
        """Return all rows of a query."""
        result = await self._run(statement, params)
        # Plain dicts: building one from SQLAlchemy's own mapping costs several times as much.
        names = tuple(result.keys())
        return [dict(zip(names, row, strict=True)) for row in result]

    async def row(self, statement: Executable, params: Params = None) -> Row | None:
        """Return the first row of a query, or None."""
        result = await self._run(statement, params)
        row = result.first()
        return None if row is None else dict(zip(result.keys(), row, strict=True))

    async def scalar(self, statement: Executable, params: Params = None) -> Any:
        """Return the first column of the first row, or None."""
        return (await self._run(statement, params)).scalar()

    async def _run(self, statement: Executable, params: Params) -> CursorResult[Any]:
        return await self.connection.execute(statement, params)

    async def stream(self, statement: Executable, params: Params = None) -> AsyncIterator[Row]:
        """Yield rows without holding them all in memory."""
        async with self.connection.stream(statement, params) as result:
            names = tuple(result.keys())
            async for row in result:
                yield dict(zip(names, row, strict=True))


class WriteSession(ReadSession):
    """A connection inside one transaction, which its owner commits; feature code never does."""

    def __init__(self, connection: AsyncConnection, database: "Database") -> None:
        super().__init__(connection)
        self.database = database
        self._after_commit: list[Callable[[], None]] = []
        self._begun = self.dialect == "sqlite"

    def savepoint(self) -> contextlib.AbstractAsyncContextManager[Any]:
        """Return a block that rolls back alone when it raises; the transaction stays usable."""
        return self.connection.begin_nested()

    async def execute(self, statement: Executable, params: Params = None) -> int:
        """Run a statement that changes rows and return how many it changed."""
        return (await self._run(statement, params)).rowcount

    async def _run(self, statement: Executable, params: Params) -> CursorResult[Any]:
        result = await super()._run(statement, params)
        self._begun = True
        return result

    async def driver_connection(self) -> Any:
        """Return the driver's own connection, once the transaction has begun on it; None before.

        On PostgreSQL SQLAlchemy begins a transaction with its first statement.
        """
        return (await self.connection.get_raw_connection()).driver_connection if self._begun else None

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once the transaction has committed; never after a rollback."""
        if callback not in self._after_commit:
            self._after_commit.append(callback)

    def run_after_commit(self) -> None:
        """Run the callbacks; the owner of the transaction calls this after its commit."""
        for callback in self._after_commit:
            callback()


class Database:
    """One store of one service.

    ``url`` is ``sqlite+aiosqlite:///path`` or ``postgresql+asyncpg://…``. ``pool_size`` bounds open
    connections; ``command_timeout_s`` bounds each statement on the client's side, so that a hung connection
    is noticed too.
    """

    def __init__(
        self, url: str, *, pool_size: int = 32, command_timeout_s: float = 5.0, synchronous: str = "FULL"
    ) -> None:
        self.url = make_url(url)
        self.dialect = self.url.get_backend_name()
        self._signals: dict[str, Signal] = {}
        self._lock_file: IO[bytes] | None = None
        self._writer_queue: asyncio.Lock | None = None
        if self.dialect == "sqlite":
            self._hold_file()
            self._writer_queue = asyncio.Lock()
            self._writer = _sqlite_engine(url, 1, synchronous, autocommit=False)
            self._reader = _sqlite_engine(url, min(pool_size, 8), synchronous, autocommit=True)
            event.listen(self._writer.sync_engine, "begin", _begin_immediate)
            event.listen(self._writer.sync_engine, "invalidate", _end_transaction)
        else:
            options = {"command_timeout": command_timeout_s, "server_settings": {"application_name": "feidi"}}
            self._writer = create_async_engine(
                url,
                pool_size=pool_size,
                max_overflow=0,
                pool_timeout=5,
                connect_args=options,
                json_deserializer=from_json,
                hide_parameters=True,
            )
            event.listen(self._writer.sync_engine, "handle_error", _forget_values)
            self._reader = self._writer.execution_options(isolation_level="AUTOCOMMIT")
        self.driver: Driver = (
            SqliteDriver(self.url)
            if self.dialect == "sqlite"
            else PostgresDriver(self.url, size=max(2, pool_size // 2), timeout_s=command_timeout_s)
        )

    def signal(self, name: str) -> Signal:
        """Return the signal of this name, shared by everything in this process that uses this store."""
        return self._signals.setdefault(name, Signal())

    def notify_all(self) -> None:
        """Let everything in this process that waits for a signal of this store look again."""
        for signal in self._signals.values():
            signal.notify()

    def _hold_file(self) -> None:
        """Take an advisory lock beside the file, so that a second process is told who has it."""
        if not self.url.database or self.url.database == ":memory:":
            raise ValueError("Feidi needs a SQLite file, not an in-memory database")
        path = Path(self.url.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_file = open(f"{path}.lock", "a+b")  # noqa: SIM115, PTH123
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock_file.seek(0)
            holder = self._lock_file.read(20).decode(errors="replace").strip()
            self._lock_file.close()
            raise DatabaseInUse(
                f"{path} is open in another process{f', pid {holder}' if holder else ''}"
            ) from None
        self._lock_file.truncate(0)
        self._lock_file.write(str(os.getpid()).encode())
        self._lock_file.flush()
        # Here, where nobody else is: connections that opened at once would lock each other out over it.
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """Open a session for queries; each statement sees the latest committed state."""
        async with self._reader.connect() as connection:
            yield ReadSession(connection)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[ReadSession]:
        """Open a session whose queries all see one and the same committed state."""
        if self.dialect == "sqlite":
            async with self._reader.connect() as connection:
                await connection.exec_driver_sql("BEGIN")
                try:
                    yield ReadSession(connection)
                finally:
                    # A cancelled statement has closed the connection, and its transaction with it.
                    if not connection.invalidated:
                        await connection.exec_driver_sql("ROLLBACK")
            return
        engine = self._writer.execution_options(isolation_level="REPEATABLE READ")
        async with engine.connect() as connection, connection.begin():
            yield ReadSession(connection)

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """Open a session inside one transaction: it commits at the end of the block, or rolls back."""
        async with self._turn(), self._writer.connect() as connection:
            token = write_in_progress.set(True)
            try:
                async with connection.begin():
                    session = WriteSession(connection, self)
                    yield session
            finally:
                write_in_progress.reset(token)
        session.run_after_commit()

    def _turn(self) -> contextlib.AbstractAsyncContextManager[Any]:
        return self._writer_queue or contextlib.nullcontext()

    async def dispose(self) -> None:
        """Close every connection and release the file."""
        await self.driver.close()
        await self._writer.dispose()
        await self._reader.dispose()
        if self._lock_file is not None:
            self._lock_file.close()


def _sqlite_engine(url: str, pool_size: int, synchronous: str, *, autocommit: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
        skip_autocommit_rollback=autocommit,
        json_deserializer=from_json,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        for pragma in (*_SQLITE_PRAGMAS, f"PRAGMA synchronous={synchronous}"):
            cursor.execute(pragma)
        cursor.close()

    return engine


def _forget_values(context: Any) -> None:
    forget_values(context.sqlalchemy_exception, context.original_exception)


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _end_transaction(dbapi_connection: Any, _record: Any, _error: Any) -> None:
    """Roll back before a connection whose task was cancelled is thrown away.

    SQLite keeps a closed connection, with its lock, as long as any cursor of it is referenced.
    """
    dbapi_connection.rollback()
