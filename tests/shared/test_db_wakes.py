"""Processes of one store on PostgreSQL wake each other; each is a Database of its own here."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection

import pytest
from sqlalchemy import text

from shared.db.engine import Database
from shared.db.wakes import Wakes
from tests.support.postgres import PostgresCluster


@contextlib.asynccontextmanager
async def process(url: str) -> AsyncIterator[tuple[Database, asyncio.Event]]:
    database, stop = Database(url), asyncio.Event()
    running = asyncio.create_task(Wakes(database, ("news",)).run(stop))
    try:
        yield database, stop
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await running
        await database.dispose()


@pytest.fixture
def url(postgres_cluster: PostgresCluster) -> object:
    made = postgres_cluster.create_database()
    yield made
    postgres_cluster.drop_database(made)


LISTENERS = text(
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'feidi-wakes' AND datname = current_database()"
)


async def listening(database: Database, count: int, gone: Collection[int] = ()) -> list[int]:
    async with asyncio.timeout(20):
        while True:
            async with database.read() as session:
                pids = [row["pid"] for row in await session.rows(LISTENERS)]
            if len(pids) == count and not set(pids) & set(gone):
                return pids
            await asyncio.sleep(0.02)


async def woken(here: Database, there: Database) -> None:
    """A signal given here is heard there, and comes back to nobody."""
    waiting = there.signal("news").count
    here.signal("news").notify()
    assert await there.signal("news").wait(waiting, 20)
    mine = here.signal("news").count
    assert not await here.signal("news").wait(mine, 0.2)


async def test_a_signal_wakes_the_other_process_and_does_not_come_back(url: str) -> None:
    async with process(url) as (here, _), process(url) as (there, _):
        await listening(here, 2)
        await asyncio.sleep(0.05)
        await woken(here, there)
        await woken(there, here)


async def test_a_lost_connection_is_made_again(url: str) -> None:
    async with process(url) as (here, _), process(url) as (there, _):
        pids = await listening(here, 2)
        async with here.read() as session:
            for pid in pids:
                await session.scalar(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        await listening(here, 2, pids)
        await asyncio.sleep(0.05)
        await woken(here, there)


async def test_nothing_is_left_after_the_stop(url: str) -> None:
    async with process(url) as (here, stop):
        await listening(here, 1)
        stop.set()
        await listening(here, 0)
