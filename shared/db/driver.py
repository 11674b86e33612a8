"""Connections of the bare driver beside SQLAlchemy's pool, for statements that ``shared.db.hot`` compiled.

PostgreSQL: a small asyncpg pool without the reset statement between uses, which these reads do not need.
SQLite: one synchronous connection used on the event loop, since a row by key takes less than a thread switch.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol

from pydantic_core import from_json
from sqlalchemy import URL
from sqlalchemy.exc import DataError, IntegrityError, OperationalError


class Driver(Protocol):
    """Runs one compiled SELECT with positional parameters."""

    async def row(self, sql: str, params: Sequence[Any]) -> Any: ...

    async def rows(self, sql: str, params: Sequence[Any]) -> Sequence[Any]: ...

    async def close(self) -> None: ...


class SqliteDriver:
    """One read-only connection, opened at first use."""

    def __init__(self, url: URL) -> None:
        self._path = url.database or ""
        self._connection: sqlite3.Connection | None = None

    async def row(self, sql: str, params: Sequence[Any]) -> Any:
        """Return the first row."""
        return self._run(sql, params).fetchone()

    async def rows(self, sql: str, params: Sequence[Any]) -> Sequence[Any]:
        """Return all rows."""
        return self._run(sql, params).fetchall()

    def _run(self, sql: str, params: Sequence[Any]) -> sqlite3.Cursor:
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._path, isolation_level=None, cached_statements=256, check_same_thread=False
            )
            self._connection.execute("PRAGMA query_only=ON")
            self._connection.execute("PRAGMA busy_timeout=5000")
        return self._connection.execute(sql, params)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresDriver:
    """A pool, opened at first use; each statement is bounded by ``timeout_s`` on the client's side."""

    def __init__(self, url: URL, *, size: int, timeout_s: float) -> None:
        self._url = url.set(drivername="postgresql")
        self._size = size
        self._timeout_s = timeout_s
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def row(self, sql: str, params: Sequence[Any]) -> Any:
        """Return the first row."""
        return await self._run("fetchrow", sql, params)

    async def rows(self, sql: str, params: Sequence[Any]) -> Sequence[Any]:
        """Return all rows."""
        rows: Sequence[Any] = await self._run("fetch", sql, params)
        return rows

    async def _run(self, fetch: str, sql: str, params: Sequence[Any]) -> Any:
        import asyncpg

        try:
            pool = self._pool or await self._open()
            connection = await pool.acquire(timeout=self._timeout_s)
            try:
                return await getattr(connection, fetch)(sql, *params)
            finally:
                await pool.release(connection)
        except (
            asyncpg.InterfaceError,
            asyncpg.PostgresConnectionError,
            asyncpg.OperatorInterventionError,
            asyncpg.InsufficientResourcesError,
        ) as error:
            raise ConnectionError("the store has no connection for this statement") from error
        except Exception as error:
            forget_values(error)
            raise

    async def _open(self) -> Any:
        import asyncpg

        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url.render_as_string(hide_password=False),
                    min_size=1,
                    max_size=self._size,
                    command_timeout=self._timeout_s,
                    init=_decode_json,
                    reset=_keep_session,
                    server_settings={"application_name": "feidi-hot"},
                )
        return self._pool

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None


async def _decode_json(connection: Any) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, encoder=str, decoder=from_json, schema="pg_catalog", format="text"
        )


async def _keep_session(_connection: Any) -> None:
    """Nothing to reset: these connections only run single SELECTs."""


async def execute_rows(connection: Any, dialect: str, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run an INSERT or UPDATE for each row on the connection of a transaction, in one round trip.

    On SQLite without aiosqlite's thread, which idles while its transaction waits here: the switch to it costs
    several times what the statement does.
    """
    try:
        if dialect == "sqlite":
            connection._conn.executemany(sql, rows)
        elif len(rows) == 1:
            await connection.execute(sql, *rows[0])
        else:
            await connection.executemany(sql, rows)
    except Exception as error:
        raise _as_sqlalchemy(error, sql) from error


async def first_row(connection: Any, dialect: str, sql: str, params: Sequence[Any]) -> Any:
    """Return the first row of a SELECT on the connection of a transaction."""
    try:
        if dialect == "sqlite":
            return connection._conn.execute(sql, params).fetchone()
        return await connection.fetchrow(sql, *params)
    except Exception as error:
        raise _as_sqlalchemy(error, sql) from error


def is_of_data(error: BaseException | None) -> bool:
    """Tell whether the store does not take a value; SQLAlchemy has no class for asyncpg's own word of it."""
    while error is not None:
        if "DataError" in {kind.__name__ for kind in type(error).__mro__}:
            return True
        error = getattr(error, "orig", None) or error.__cause__
    return False


def forget_values(*errors: BaseException | None) -> None:
    """Take out of a store's errors, and of what they were wrapped around, the values these quote.

    PostgreSQL tells the whole row in the detail, and asyncpg the value it cannot send in the message itself.
    Errors end in logs and in the reasons of dead letters, where no secret and no person may be named.
    """
    for error in errors:
        inner: Any = error
        while inner is not None:
            if getattr(inner, "detail", None):
                inner.detail = None
            if is_of_data(inner):
                inner.args = (f"{type(inner).__name__}: a value the store does not take",)
            inner = getattr(inner, "orig", None) or inner.__cause__


def _as_sqlalchemy(error: Exception, sql: str) -> Exception:
    """Return the error that SQLAlchemy would have raised, which is what callers handle."""
    forget_values(error)
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"IntegrityError", "IntegrityConstraintViolationError"}:
        return IntegrityError(sql, None, error)
    if "DataError" in names:
        return DataError(sql, None, error)
    return OperationalError(sql, None, error)
