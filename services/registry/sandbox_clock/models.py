"""The table of the sandbox's clock: one row, and none before the first move."""

from sqlalchemy import BigInteger, Column, Integer, Table

from services.registry.base import metadata
from shared.db.types import UtcDateTime

sandbox_clock = Table(
    "sandbox_clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("offset_s", BigInteger, nullable=False),
    Column("moved_at", UtcDateTime, nullable=False),
)
