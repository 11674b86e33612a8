"""Core statements compiled once and run on the driver itself, for the few operations that are read most.

SQLAlchemy's execution costs several times what the driver does for one row by key. A ``HotQuery`` is still
written in Core, so both databases share it, and returns the same values: types with a result processor keep
it. It reads committed state outside of any transaction. ``HotInsert`` and ``HotUpdate`` write inside of one.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Float, Select, Table, Update, bindparam, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg as postgresql_asyncpg
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from shared.db.driver import execute_rows, first_row
from shared.db.engine import Database, Row, WriteSession

_FLOAT8_OID = 701

_DIALECTS: dict[str, Dialect] = {
    "postgresql": postgresql_asyncpg.dialect(),  # type: ignore[no-untyped-call]
    "sqlite": sqlite.pysqlite.dialect(paramstyle="qmark"),
}


class HotQuery:
    """One SELECT with ``bindparam`` parameters, whose rows come as dicts by column name."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    async def first(self, database: Database, params: Mapping[str, Any]) -> dict[str, Any] | None:
        """Run the statement and return its first row."""
        compiled = self._for(database.dialect)
        row = await database.driver.row(compiled.sql, compiled.values(params))
        return None if row is None else compiled.process(row)

    async def rows(self, database: Database, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run the statement and return its rows."""
        compiled = self._for(database.dialect)
        found = await database.driver.rows(compiled.sql, compiled.values(params))
        return [compiled.process(row) for row in found]

    async def first_in(self, tx: WriteSession, params: Mapping[str, Any]) -> Row | None:
        """Run the statement inside a transaction and return its first row."""
        connection = await tx.driver_connection()
        if connection is None:
            return await tx.row(self._statement, params)
        compiled = self._for(tx.dialect)
        row = await first_row(connection, tx.dialect, compiled.sql, compiled.values(params))
        return None if row is None else compiled.process(row)

    def _for(self, dialect: str) -> "_Compiled":
        compiled = self._compiled.get(dialect)
        if compiled is None:
            compiled = self._compiled[dialect] = _Compiled(self._statement, dialect)
        return compiled


class HotInsert:
    """An INSERT into one table, in a transaction; every row of a call has the same columns."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._compiled: dict[tuple[str, tuple[str, ...]], _CompiledInsert] = {}

    async def run(self, tx: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert the rows; a violated constraint raises SQLAlchemy's own ``IntegrityError``."""
        if not rows:
            return
        connection = await tx.driver_connection()
        if connection is None:
            await tx.execute(insert(self._table).inline(), list(rows))
            return
        key = (tx.dialect, tuple(rows[0]))
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = _CompiledInsert(self._table, *key)
        await execute_rows(connection, tx.dialect, compiled.sql, [compiled.values(row) for row in rows])


class HotUpdate:
    """One UPDATE with ``bindparam`` parameters, run in a transaction for each of many rows."""

    def __init__(self, statement: Update) -> None:
        self._statement = statement
        self._compiled: dict[str, _Bound] = {}

    async def run(self, tx: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run the statement once for each row of parameters."""
        if not rows:
            return
        connection = await tx.driver_connection()
        if connection is None:
            await tx.execute(self._statement, list(rows))
            return
        compiled = self._compiled.get(tx.dialect)
        if compiled is None:
            compiled = self._compiled[tx.dialect] = _Bound(self._statement, tx.dialect)
        await execute_rows(connection, tx.dialect, compiled.sql, [compiled.values(row) for row in rows])


@lru_cache
def hot_insert(table: Table) -> HotInsert:
    """Return the one ``HotInsert`` of a table."""
    return HotInsert(table)


class _CompiledInsert:
    def __init__(self, table: Table, name: str, columns: Sequence[str]) -> None:
        dialect = _DIALECTS[name]
        statement = insert(table).values({column: bindparam(column) for column in columns}).inline()
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        self.sql = str(compiled)
        bound = compiled.positiontup or []
        self._columns = [(name, table.c[name].type._cached_bind_processor(dialect)) for name in bound]

    def values(self, row: Mapping[str, Any]) -> list[Any]:
        """Return a row's values as the driver takes them, in the order of the statement."""
        return [process(row[name]) if process else row[name] for name, process in self._columns]


def _oid(column: ColumnElement[Any]) -> int | None:
    """Return what PostgreSQL calls a float: its processor wants to know, the others do not."""
    return _FLOAT8_OID if isinstance(column.type, Float) else None


class _Bound:
    def __init__(self, statement: Select[Any] | Update, name: str) -> None:
        dialect = _DIALECTS[name]
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        self.sql = str(compiled)
        names = list(compiled.positiontup or [])
        self._bound = [(name, compiled.binds[name].type._cached_bind_processor(dialect)) for name in names]
        self._constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}

    def values(self, params: Mapping[str, Any]) -> list[Any]:
        """Return the parameters as the driver takes them, in the order of the statement."""
        given = {**self._constants, **params}
        return [process(given[name]) if process else given[name] for name, process in self._bound]


class _Compiled(_Bound):
    def __init__(self, statement: Select[Any], name: str) -> None:
        super().__init__(statement, name)
        dialect = _DIALECTS[name]
        columns = statement.selected_columns
        self._columns = [column.name for column in columns]
        processors = (column.type._cached_result_processor(dialect, _oid(column)) for column in columns)
        self._processors = [(index, processor) for index, processor in enumerate(processors) if processor]

    def process(self, row: Any) -> dict[str, Any]:
        """Return the driver's row as a dict, with the types' own conversions."""
        values = list(row)
        for index, processor in self._processors:
            values[index] = processor(values[index])
        return dict(zip(self._columns, values, strict=True))
