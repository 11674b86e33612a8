"""A task that is cancelled inside of a session leaves nothing behind."""

import asyncio

import pytest
from sqlalchemy import text

from shared.db.engine import Database
from tests.shared.messaging_world import World

SLOW = {
    "sqlite": (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000) "
        "SELECT count(*) FROM n"
    ),
    "postgresql": "SELECT pg_sleep(0.1)",
}


async def write_slowly(database: Database) -> None:
    async with database.write() as tx:
        await tx.execute(text("INSERT INTO marks VALUES (1)"))
        await tx.rows(text(SLOW[database.dialect]))


async def look_slowly(database: Database) -> None:
    async with database.snapshot() as session:
        await session.rows(text(SLOW[database.dialect]))


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.02])
async def test_a_cancelled_write_frees_the_store(world: World, after_s: float) -> None:
    database = world.database
    async with database.write() as tx:
        await tx.execute(text("CREATE TABLE marks (x integer)"))
    task = asyncio.create_task(write_slowly(database))
    await asyncio.sleep(after_s)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task
    async with asyncio.timeout(4), database.write() as tx:
        await tx.execute(text("INSERT INTO marks VALUES (2)"))
        assert await tx.scalar(text("SELECT count(*) FROM marks")) == 1
    assert cancelled.value.__traceback__ is not None  # Whoever logs it still holds its frames.


async def test_a_cancelled_snapshot_is_cancelled(world: World) -> None:
    task = asyncio.create_task(look_slowly(world.database))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with world.database.snapshot() as session:
        assert await session.scalar(text("SELECT 1")) == 1
