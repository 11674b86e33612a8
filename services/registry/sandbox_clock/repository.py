"""All SQL of the sandbox's clock."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from services.registry.sandbox_clock.models import sandbox_clock
from shared.db.engine import ReadSession, WriteSession


async def offset_s(session: ReadSession) -> int:
    """Return how many seconds the clock of this store is ahead."""
    return await session.scalar(select(sandbox_clock.c.offset_s)) or 0


async def add(tx: WriteSession, advance_s: int, instant: datetime) -> int:
    """Put the clock further ahead and return by how many seconds it is then."""
    dialect: Any = postgresql if tx.dialect == "postgresql" else sqlite
    values = {"id": 1, "offset_s": advance_s, "moved_at": instant}
    further = {"offset_s": sandbox_clock.c.offset_s + advance_s, "moved_at": instant}
    statement = (
        dialect.insert(sandbox_clock)
        .values(values)
        .on_conflict_do_update(index_elements=["id"], set_=further)
    )
    return int(await tx.scalar(statement.returning(sandbox_clock.c.offset_s)))
