"""Stores of registry with webhook endpoints and any number of deliveries that wait, made inside the database.

All deliveries tell of the same few thousand events, copies of the one of the project that was filed first.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, text

from benchmarks import targets
from benchmarks.run import Run
from benchmarks.stores import Store, numbers, padded, synchronous, vacuum
from services.registry import tables
from services.registry.deliveries.body import body_of
from services.registry.egress.policy import policy_of
from services.registry.webhooks import service
from services.registry.webhooks.parts import WebhookParts
from services.registry.webhooks.schemas import EndpointCreate
from shared.db.engine import Database, Row
from shared.identity import SYSTEM

EVENTS = 10_000
_MESSAGE = (
    "SELECT d.*, e.payload FROM webhook_deliveries AS d JOIN events AS e ON e.id = d.event_id "
    "WHERE d.endpoint_id = :id ORDER BY d.sequence LIMIT 1"
)


@dataclass(frozen=True)
class Waiting:
    """So many deliveries that wait for an endpoint; they have been due since long ago, or will be in long."""

    endpoint_id: str
    count: int
    due: bool = True


@contextlib.asynccontextmanager
async def opened(run: Run, url: str) -> AsyncIterator[tuple[Database, WebhookParts]]:
    settings = targets.settings(run.config(url))
    database = Database(url)
    try:
        yield database, WebhookParts.of(settings.secret_key, policy_of(settings))
    finally:
        await database.dispose()


async def add_endpoints(
    run: Run, store: Store, urls: Sequence[str], *, disabled: bool = False, **fields: Any
) -> list[str]:
    """Make active endpoints of the operator, or disabled ones, and return their ids."""
    made = []
    async with opened(run, store.url) as (database, parts):
        for number, url in enumerate(urls):
            data = EndpointCreate(
                name=f"接收端 {number}",
                url=url,
                event_types=["project.*"],
                organisation_id=store.operator_id,
                **fields,
            )
            async with database.write() as tx:
                record, _ = await service.create_endpoint(tx, SYSTEM, data, parts.sealer, parts.egress)
                await service.verified(tx, record.id, url)
                if disabled:
                    await service.disable_endpoint(tx, SYSTEM, record.id, record.version + 1)
            made.append(record.id)
    return made


def fill(url: str, waiting: Sequence[Waiting]) -> None:
    """Add the events, and the deliveries without their indexes, which are made again afterwards."""
    sqlite = url.startswith("sqlite")
    deliveries = tables.metadata.tables["webhook_deliveries"]
    with synchronous(url) as connection:
        for index in deliveries.indexes:
            index.drop(connection)
        connection.execute(text(_events_sql(sqlite)), {"size": EVENTS})
        for lane in waiting:
            given = {"size": lane.count, "endpoint": lane.endpoint_id}
            connection.execute(text(_deliveries_sql(sqlite, deliveries, lane)), given)
            connection.execute(text("UPDATE webhook_lanes SET sequence = :size WHERE id = :endpoint"), given)
        for index in deliveries.indexes:
            index.create(connection)
        head = text("UPDATE feed_state SET head = :head")
        connection.execute(head, {"head": EVENTS + 999})
    with synchronous(url) as connection:
        connection.exec_driver_sql("ANALYZE")
    if not sqlite:
        vacuum(url)


def first_message(url: str, endpoint_id: str) -> tuple[Row, bytes]:
    """The first delivery of an endpoint, with its body."""
    with synchronous(url) as connection:
        row = dict(connection.execute(text(_MESSAGE), {"id": endpoint_id}).mappings().one())
    return row, body_of(row)


def _events_sql(sqlite: bool) -> str:
    identifier = padded(sqlite, "evt_0", 25)
    changed = {
        "row_id": "i + 1000",
        "sequence": "i + 1000",
        "id": identifier,
        "payload": f"replace(e.payload, e.id, {identifier})",
    }
    names = [column.name for column in tables.metadata.tables["events"].columns]
    chosen = ", ".join(changed.get(name, f"e.{name}") for name in names)
    return (
        f"INSERT INTO events ({', '.join(names)}) SELECT {chosen} FROM {numbers(sqlite)} "
        "CROSS JOIN (SELECT * FROM events WHERE type = 'project.created' LIMIT 1) AS e"
    )


def _deliveries_sql(sqlite: bool, deliveries: Table, lane: Waiting) -> str:
    start = "2024-01-01" if lane.due else "2064-01-01"
    if sqlite:
        instant = f"strftime('%Y-%m-%dT%H:%M:%S', '{start}', (i || ' minutes')) || '.000000Z'"
    else:
        instant = f"timestamptz '{start} 00:00:00Z' + i * interval '1 minute'"
    own = padded(sqlite, f"dlv_{lane.endpoint_id[-12:]}", 14)
    chosen = {
        "endpoint_id": ":endpoint",
        "sequence": "i + 1",
        "created_at": instant,
        "id": own,
        "event_id": "e.id",
        "event_type": "e.type",
        "event_sequence": "e.sequence",
        "subject_id": padded(sqlite, "prj_0", 25, "(i % 5000)"),
        "root_id": "e.root_id",
        "state": "'pending'",
        "attempts": "0",
        "tries": "0",
        "due_at": instant,
        "finished_at": "NULL",
    }
    names = [column.name for column in deliveries.columns]
    return (
        f"INSERT INTO webhook_deliveries ({', '.join(names)}) "
        f"SELECT {', '.join(chosen[name] for name in names)} "
        f"FROM {numbers(sqlite)} JOIN events AS e ON e.row_id = i % {EVENTS} + 1000 ORDER BY i"
    )
