"""The transactions histories are loaded in.

A history is thousands of small statements, one after the other. On an embedded store they run on one plain
connection of this process: handing each to a driver's thread and back would take most of the time.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Dialect, Engine, Executable, create_engine, event
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.engine import Database, WriteSession

OpenTransaction = Callable[[], AbstractAsyncContextManager[WriteSession]]

_PRAGMAS = ("journal_mode=WAL", "foreign_keys=ON", "temp_store=MEMORY", "synchronous=OFF")


class _PlainConnection:
    """The part of an asynchronous connection that a write session uses, over one that simply works."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def execute(self, statement: Executable, params: Any = None) -> CursorResult[Any]:
        return self._connection.execute(statement, params)

    @contextlib.asynccontextmanager
    async def begin_nested(self) -> AsyncIterator[None]:
        with self._connection.begin_nested():
            yield


class _PlainSession(WriteSession):
    """A write session whose every statement takes the one way there is."""

    async def driver_connection(self) -> None:
        """There is no asynchronous driver underneath to go straight to."""
        return


@contextlib.asynccontextmanager
async def writing(database: Database) -> AsyncIterator[OpenTransaction]:
    """Yield what opens a write transaction of this store."""
    if database.dialect != "sqlite":
        yield database.write
        return
    engine = _engine(database)

    @contextlib.asynccontextmanager
    async def open_transaction() -> AsyncIterator[WriteSession]:
        with engine.begin() as connection:
            session = _PlainSession(cast(AsyncConnection, _PlainConnection(connection)), database)
            yield session
        session.run_after_commit()

    try:
        yield open_transaction
    finally:
        engine.dispose()


def _engine(database: Database) -> Engine:
    engine = create_engine(database.url.set(drivername="sqlite"))

    @event.listens_for(engine, "connect")
    def configure(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None
        for pragma in _PRAGMAS:
            dbapi_connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
