"""The SQL of leases: two columns on any table whose rows are work."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, String, Table, or_, select, update

from shared.db.engine import Row, WriteSession
from shared.db.types import UtcDateTime


def lease_columns() -> tuple[Column[str], Column[datetime]]:
    """Return the columns a table of work needs, both null while nobody works on the row."""
    return Column("lease_token", String(40), nullable=True), Column(
        "leased_until", UtcDateTime, nullable=True
    )


async def claim_rows(
    tx: WriteSession,
    table: Table,
    due: ColumnElement[bool],
    *,
    token: str,
    instant: datetime,
    until: datetime,
    limit: int,
    order_by: Sequence[ColumnElement[Any] | Column[Any]],
) -> Sequence[Row]:
    """Lease up to ``limit`` rows that are due and not leased at ``instant``, and return them.

    Rows that another process is claiming now are passed over instead of waited for.
    """
    free = or_(table.c.leased_until.is_(None), table.c.leased_until <= instant)
    waiting = select(table).where(due, free).order_by(*order_by).limit(limit)
    rows = await tx.rows(waiting.with_for_update(skip_locked=True))
    if rows:
        claimed = update(table).where(table.c.id.in_([row["id"] for row in rows]))
        await tx.execute(claimed.values(lease_token=token, leased_until=until))
    return rows


async def apply_leased(
    tx: WriteSession, table: Table, id: str, token: str, values: Mapping[str, Any]
) -> bool:
    """Write ``values`` and end the lease; return False, and write nothing, when the lease was lost."""
    held = update(table).where(table.c.id == id, table.c.lease_token == token)
    return bool(await tx.execute(held.values({**values, "lease_token": None, "leased_until": None})))


async def release_rows(tx: WriteSession, table: Table, token: str) -> int:
    """End the lease of every row ``token`` holds and return how many there were."""
    held = update(table).where(table.c.lease_token == token)
    return await tx.execute(held.values(lease_token=None, leased_until=None))
