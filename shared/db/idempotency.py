"""The table of stored answers to writes, and how long they are kept."""

from datetime import timedelta

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, Text, delete, select

from shared import clock
from shared.db.engine import WriteSession
from shared.db.types import UtcDateTime

KEEP = timedelta(hours=24)


def idempotency_table(metadata: MetaData) -> Table:
    """Return the table of stored answers, declared once per service on its own metadata."""
    return Table(
        "idempotency_keys",
        metadata,
        Column("scope", String(64), primary_key=True),
        Column("fingerprint", String(64), nullable=False),
        Column("status", Integer, nullable=False),
        Column("headers", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )


async def forget_expired(tx: WriteSession, table: Table, limit: int = 1000) -> int:
    """Delete answers older than a day, a bounded number at a time; return how many."""
    old = select(table.c.scope).where(table.c.created_at < clock.real() - KEEP).limit(limit)
    return await tx.execute(delete(table).where(table.c.scope.in_(old)))
