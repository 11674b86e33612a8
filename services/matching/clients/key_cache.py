"""The registry's token keys as last read, so that a restart while it is down still verifies tokens."""

from sqlalchemy import Column, String, Table, delete, insert, select

from services.matching.base import metadata
from shared import clock
from shared.db.engine import Database
from shared.db.types import JsonDocument, UtcDateTime
from shared.web.auth import KeySet

issuer_keys = Table(
    "issuer_keys",
    metadata,
    Column("issuer", String(200), primary_key=True),
    Column("key_set", JsonDocument, nullable=False),
    Column("read_at", UtcDateTime, nullable=False),
)


async def remember(database: Database, issuer: str, key_set: KeySet) -> None:
    """Keep the key set unless it is the one already kept."""
    if await recall(database, issuer) == key_set:
        return
    async with database.write() as tx:
        await tx.execute(delete(issuer_keys).where(issuer_keys.c.issuer == issuer))
        await tx.execute(insert(issuer_keys).values(issuer=issuer, key_set=key_set, read_at=clock.now()))


async def recall(database: Database, issuer: str) -> KeySet | None:
    """Return the key set last kept, or None."""
    async with database.read() as session:
        row = await session.row(select(issuer_keys.c.key_set).where(issuer_keys.c.issuer == issuer))
    return None if row is None else row["key_set"]
