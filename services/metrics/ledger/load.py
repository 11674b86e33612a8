"""Filling the ledger in bulk, from rows instead of events: for restores and measurements."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

from sqlalchemy import Table, literal, select

from shared.db.engine import Database, WriteSession
from shared.db.hot import hot_insert

CHUNK = 5_000


async def load_rows(database: Database, table: Table, rows: Iterable[Mapping[str, Any]]) -> int:
    """Insert rows a chunk at a time, each in its own transaction; return how many.

    The rows must carry every column of the table. Rebuild the rollup afterwards.
    """
    done, source = 0, iter(rows)
    while chunk := list(islice(source, CHUNK)):
        async with database.write() as tx:
            if tx.dialect == "postgresql":
                await _copy(tx, table, chunk)
            else:
                await hot_insert(table).run(tx, chunk)
        done += len(chunk)
    return done


async def _copy(tx: WriteSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    names = [column.name for column in table.columns]
    await tx.scalar(select(literal(1)))  # The transaction begins with its first statement.
    connection = await tx.driver_connection()
    await connection.copy_records_to_table(table.name, records=map(itemgetter(*names), rows), columns=names)
