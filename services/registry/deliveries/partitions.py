"""The log of deliveries by weeks on PostgreSQL, so that what is past the retention is dropped, not searched.

Rows of a week without a partition of its own are in the default one. SQLite has no partitions.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import DDL, Table, column, delete, event, select, table
from sqlalchemy.exc import DBAPIError

from shared.db.engine import WriteSession
from shared.db.types import UtcDateTime

WEEK = timedelta(days=7)
AHEAD = 2
"""How many weeks after the current one have their partition already."""

_LOCK_TIMEOUT_MS = 200
_NAME = re.compile(r"_w([0-9]{8})")


def by_weeks(partitioned: Table) -> Table:
    """Give a partitioned table its default partition wherever it is created from the metadata."""
    default = _ddl(default_partition(partitioned.name)).execute_if(dialect="postgresql")
    event.listen(partitioned, "after_create", default)
    return partitioned


def default_partition(name: str) -> str:
    """Return the statement that makes the default partition of a table."""
    return f"CREATE TABLE {name}_default PARTITION OF {name} DEFAULT"


def is_partition(name: str | None) -> bool:
    """Tell whether a table's name is that of a partition."""
    return name is not None and (name.endswith("_default") or _NAME.search(name) is not None)


async def make_weeks(tx: WriteSession, name: str, now: datetime) -> int:
    """Make the partitions of this week and the next ones that are missing, and return how many."""
    existing, made = {found for found, _ in await _weeks_of(tx, name)}, 0
    for monday in _mondays(now):
        partition = f"{name}_w{monday:%Y%m%d}"
        if partition not in existing:
            bounds = f"FROM ('{monday:%Y-%m-%d}') TO ('{monday + WEEK:%Y-%m-%d}')"
            made += await _try(tx, f"CREATE TABLE {partition} PARTITION OF {name} FOR VALUES {bounds}")
    return made


async def drop_weeks(tx: WriteSession, name: str, until: datetime) -> int:
    """Drop the partitions whose last row is older than ``until``, and return how many."""
    dropped = 0
    for partition, monday in await _weeks_of(tx, name):
        if monday + WEEK <= until:
            dropped += await _try(tx, f"DROP TABLE {partition}")
    return dropped


async def forget_default(tx: WriteSession, name: str, until: datetime) -> int:
    """Delete what is past the retention of the weeks that have no partition: usually there is nothing."""
    dated = {"webhook_attempts": "started_at"}.get(name, "created_at")
    default = table(f"{name}_default", column(dated, UtcDateTime))
    return await tx.execute(delete(default).where(default.c[dated] < until))


async def _try(tx: WriteSession, statement: str) -> bool:
    """Run a statement that takes a lock, for a short time only: the next round tries again.

    A week whose rows are in the default partition already gets none of its own.
    """
    try:
        async with tx.savepoint():
            await tx.execute(_ddl(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_MS}ms'"))
            await tx.execute(_ddl(statement))
    except DBAPIError:
        return False
    return True


def _ddl(statement: str) -> DDL:
    made: DDL = DDL(statement)  # type: ignore[no-untyped-call]
    return made


async def _weeks_of(tx: WriteSession, name: str) -> list[tuple[str, datetime]]:
    catalogue = table("pg_tables", column("schemaname"), column("tablename"))
    named = catalogue.c.tablename.startswith(f"{name}_w", autoescape=True)
    rows = await tx.rows(select(catalogue.c.tablename).where(catalogue.c.schemaname == "public", named))
    return [
        (row["tablename"], datetime.strptime(found[1], "%Y%m%d").replace(tzinfo=UTC))
        for row in rows
        if (found := _NAME.search(row["tablename"]))
    ]


def _mondays(now: datetime) -> Iterator[datetime]:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    for week in range(AHEAD + 1):
        yield monday + week * WEEK
