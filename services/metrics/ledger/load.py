"""Filling the ledger in bulk, from rows instead of events: for restores and measurements."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import Table, insert

from shared.db.engine import Database

CHUNK = 5_000


async def load_rows(database: Database, table: Table, rows: Iterable[Mapping[str, Any]]) -> int:
    """Insert rows a chunk at a time, each in its own transaction; return how many.

    The rows must carry every column of the table. Rebuild the rollup afterwards.
    """
    done, source, statement = 0, iter(rows), insert(table)
    while chunk := list(islice(source, CHUNK)):
        async with database.write() as tx:
            await tx.execute(statement, chunk)
        done += len(chunk)
    return done
