"""A small service to test the event log with: things with a version, owned by organisations."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Column, Integer, String, Table, create_engine, insert, make_url, select, update

from shared.db.base import new_metadata
from shared.db.engine import Database, WriteSession
from shared.db.types import RowId
from shared.db.visibility import party_table, set_parties
from shared.identity import SYSTEM, Principal
from shared.messaging.consumer import FeedConsumer
from shared.messaging.feed import Feed, FeedPage
from shared.messaging.leases import lease_columns
from shared.messaging.outbox import EventType, publish
from shared.messaging.received import Event, FeedSource, LocalFeedSource
from shared.messaging.sequencer import Sequencer
from shared.messaging.tables import messaging_tables
from tests.support.postgres import PostgresCluster

metadata = new_metadata()
parties = party_table(metadata)
tables = messaging_tables(metadata)
things = Table(
    "things",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("version", Integer, nullable=False),
)
effects = Table(
    "effects",
    metadata,
    Column("row_id", RowId, primary_key=True, autoincrement=True),
    Column("sequence", Integer, nullable=False),
    Column("subject_id", String(40), nullable=False),
    Column("version", Integer, nullable=False),
)
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(20), nullable=False),
    *lease_columns(),
)


class ThingRead(BaseModel):
    id: str
    name: str


CREATED = EventType("thing.created", ThingRead, "Thing created", "已创建")
CHANGED = EventType("thing.state_changed", ThingRead, "Thing changed", "已变更")
OTHER = EventType("other.created", ThingRead, "Other created", "已创建")


def member_of(organisation: str | None) -> Principal:
    return Principal("client", "cli_1", organisation, frozenset())


def create_schema(url: str) -> None:
    sync = make_url(url)
    engine = create_engine(sync.set(drivername="sqlite" if "sqlite" in url else "postgresql+psycopg"))
    metadata.create_all(engine)
    engine.dispose()


def new_store(dialect: str, directory: Path, cluster: PostgresCluster | None) -> str:
    """Return the URL of a new empty store of the small service."""
    if dialect == "sqlite":
        url = f"sqlite+aiosqlite:///{directory / 'store.db'}"
        create_schema(url)
        return url
    assert cluster is not None
    return cluster.create_database(template=cluster.ensure_template("messaging_tests", create_schema))


class World:
    def __init__(self, url: str, database: Database | None = None) -> None:
        self.url = url
        self.tables = tables
        self.database = database or Database(url, synchronous="OFF")
        self.sequencer = Sequencer(self.database, tables)
        self.feed = Feed(self.database, tables, parties)

    async def change(self, tx: WriteSession, thing: str, *, kind: EventType = CREATED, root: str = "") -> int:
        """Change a thing as features do: lock its row by the update, then write the event."""
        moved = update(things).where(things.c.id == thing).values(version=things.c.version + 1)
        if not await tx.execute(moved):
            await tx.execute(insert(things), {"id": thing, "version": 1})
        version = int(await tx.scalar(select(things.c.version).where(things.c.id == thing)))
        await publish(
            tx,
            tables,
            kind,
            actor=SYSTEM,
            record=ThingRead(id=thing, name="名称"),
            subject_type="thing",
            subject_id=thing,
            version=version,
            root_id=root or thing,
            url=f"/v1/things/{thing}",
        )
        return version

    async def happen(self, *changed: str, kind: EventType = CREATED, root: str = "") -> None:
        """Change things, each in its own transaction, and number the events."""
        for thing in changed:
            async with self.database.write() as tx:
                await self.change(tx, thing, kind=kind, root=root)
        await self.number()

    async def number(self) -> None:
        while await self.sequencer.run_once():
            pass

    async def share(self, root: str, *organisations: str) -> None:
        async with self.database.write() as tx:
            await set_parties(tx, parties, root, organisations)

    async def read(self, viewer: Principal = SYSTEM, after: str | None = None, **options: Any) -> FeedPage:
        return await self.feed.page(viewer, after, options.pop("limit", 1000), **options)

    async def effects(self) -> list[tuple[int, str, int]]:
        async with self.database.read() as session:
            rows = await session.rows(select(effects).order_by(effects.c.row_id))
        return [(row["sequence"], row["subject_id"], row["version"]) for row in rows]

    def consumer(self, source: FeedSource | None = None, **options: Any) -> FeedConsumer:
        chosen = source or LocalFeedSource(self.feed, SYSTEM)
        settings = {"apply": record_effects, "reset": forget_effects, "wait_s": 0, **options}
        return FeedConsumer("follower", self.database, tables, chosen, **settings)


async def record_effect(tx: WriteSession, event: Event) -> None:
    effect = {"sequence": event.sequence, "subject_id": event.subject_id, "version": event.subject_version}
    await tx.execute(insert(effects), effect)


async def record_effects(tx: WriteSession, events: Sequence[Event]) -> None:
    for event in events:
        await record_effect(tx, event)


async def forget_effects(tx: WriteSession) -> None:
    await tx.execute(effects.delete())


@contextlib.asynccontextmanager
async def opened(url: str, database: Database | None = None) -> AsyncIterator[World]:
    world = World(url, database)
    try:
        yield world
    finally:
        await world.database.dispose()


def parsed(page: FeedPage) -> list[dict[str, Any]]:
    return [json.loads(event) for event in page.events]


def subjects(page: FeedPage) -> list[str]:
    return [event["subject"]["id"] for event in parsed(page)]
