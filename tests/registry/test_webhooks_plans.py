"""What a worker asks of a store with many deliveries: every statement finds its rows by an index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, text

from services.registry.base import messaging
from services.registry.deliveries import repository
from services.registry.deliveries.models import webhook_deliveries
from services.registry.webhooks.lanes import change_lanes, claim_lanes, lock_lanes
from services.registry.webhooks.models import webhook_endpoints, webhook_lanes
from shared import clock
from shared.db import hot
from shared.db.driver import Driver
from shared.db.engine import Database
from tests.support.services import ServiceUnderTest

ORDERINGS = ("none", "subject", "endpoint")
ENDPOINTS, BUSY, DELIVERIES, OF_OTHERS, EVENTS = 1500, "whe_0007", 4000, 4, 2000


@dataclass
class Asked:
    """The statements that were run, with their parameters, wherever they passed."""

    statements: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def note(self, sql: str, params: Sequence[Any]) -> None:
        self.statements.append((sql, tuple(params)))

    def by_core(self, _connection: Any, _cursor: Any, sql: str, params: Any, *_: Any) -> None:
        # A service asks its store by itself now and then whether it is there.
        if not sql.startswith(("BEGIN", "EXPLAIN")) and sql != "SELECT 1":
            self.note(sql, params)


@dataclass
class NotingDriver:
    """The bare driver of a store, whose statements are noted."""

    driver: Driver
    asked: Asked

    async def row(self, sql: str, params: Sequence[Any]) -> Any:
        self.asked.note(sql, params)
        return await self.driver.row(sql, params)

    async def rows(self, sql: str, params: Sequence[Any]) -> Sequence[Any]:
        self.asked.note(sql, params)
        return await self.driver.rows(sql, params)

    async def close(self) -> None:
        await self.driver.close()


@pytest.fixture
def asked(registry: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    asked, run_rows = Asked(), hot.execute_rows

    async def noting(connection: Any, dialect: str, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        asked.note(sql, rows[0])
        await run_rows(connection, dialect, sql, rows)

    monkeypatch.setattr(hot, "execute_rows", noting)
    database = registry.database
    monkeypatch.setattr(database, "driver", NotingDriver(database.driver, asked))
    event.listen(Engine, "before_cursor_execute", asked.by_core)
    yield asked
    event.remove(Engine, "before_cursor_execute", asked.by_core)


async def plans_of(database: Database, asked: Asked) -> list[str]:
    """How the store runs each of the statements, as one text a statement."""
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    plans = []
    async with database.read() as session:
        for sql, params in list(asked.statements):
            found = await session.connection.exec_driver_sql(explain + sql, params)
            plans.append("\n".join(str(row[-1]) for row in found))
    return plans


PARTITIONS = text(
    "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
    "JOIN pg_class parent ON parent.oid = inhparent WHERE parent.relname = :name AND child.reltuples >= :rows"
)


async def partitions_of(database: Database, name: str, rows: int = -1) -> list[str]:
    """The parts of a table or index on PostgreSQL, which names them by itself, with at least so many rows."""
    if database.dialect == "sqlite":
        return []
    async with database.read() as session:
        return [row["relname"] for row in await session.rows(PARTITIONS, {"name": name, "rows": rows})]


async def check(database: Database, asked: Asked, index: str) -> None:
    plans = await plans_of(database, asked)
    assert plans
    indexes = [index, *await partitions_of(database, index)]
    assert any(name in plan for plan in plans for name in indexes), plans
    tables = ("webhook_deliveries", "events", "webhook_lanes")
    tables += tuple(await partitions_of(database, "webhook_deliveries", rows=1))
    for plan in plans:
        for table in tables:
            assert f"Seq Scan on {table} " not in plan, plan
        assert "SCAN " not in plan, plan


async def fill(database: Database, owner: str) -> datetime:
    """Many endpoints, most of them with nothing to do, and one with many deliveries; return the instant."""
    now = clock.now()
    ids = [f"whe_{number:04d}" for number in range(ENDPOINTS)]
    endpoint = {
        "organisation_id": owner,
        "sees_network": False,
        "name": "示例接收端",
        "description": "",
        "url": "https://partner.example/feidi",
        "event_types": ["*"],
        "ordering": "none",
        "max_in_flight": 16,
        "signatures": ["v1"],
        "status": "active",
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    lane = {
        "active": True,
        "sequence": 0,
        "handshake_tries": 0,
        "deleted": False,
        "round": 0,
        "breaker_open": False,
        "recent": [],
        "failures": 0,
    }
    deliveries = [(BUSY, number) for number in range(DELIVERIES)]
    deliveries += [(one, number) for one in ids if one != BUSY for number in range(OF_OTHERS)]
    async with database.write() as tx:
        await tx.execute(insert(webhook_endpoints), [{**endpoint, "id": one} for one in ids])
        lanes = [{**lane, "id": one, "due_at": now if one == BUSY else None} for one in ids]
        await tx.execute(insert(webhook_lanes), lanes)
        await tx.execute(insert(messaging.events), [_event(number, now) for number in range(EVENTS)])
        rows = [_delivery(one, number, now) for one, number in deliveries]
        await tx.execute(insert(webhook_deliveries), rows)
    if database.dialect == "postgresql":
        async with database.read() as session:
            await session.connection.execute(text("ANALYZE"))
    return now


def _event(number: int, now: datetime) -> dict[str, Any]:
    return {
        "sequence": 10_000 + number,
        "id": f"evt_{number}",
        "type": "project.updated",
        "subject_type": "project",
        "subject_id": f"prj_{number % 100}",
        "subject_version": number,
        "root_id": f"prj_{number % 100}",
        "recorded_at": now,
        "payload": '{"id":"evt","subject":{}}',
    }


def _delivery(endpoint_id: str, number: int, now: datetime) -> dict[str, Any]:
    done = number % 2 == 1
    return {
        "endpoint_id": endpoint_id,
        "sequence": number + 1,
        "created_at": now,
        "id": f"dlv_{endpoint_id}_{number}",
        "event_id": f"evt_{number % EVENTS}",
        "event_type": "project.updated",
        "event_sequence": 10_000 + number % EVENTS,
        "subject_id": f"prj_{number % 100}",
        "root_id": f"prj_{number % 100}",
        "state": "delivered" if done else "pending",
        "attempts": int(done),
        "tries": 0,
        "due_at": now + timedelta(milliseconds=number - DELIVERIES),
        "finished_at": now if done else None,
    }


@pytest.fixture
async def instant(registry: ServiceUnderTest) -> datetime:
    answer = await registry.as_admin().post(
        "/v1/organisations", json={"kind": "operator", "name": "示例运营商"}
    )
    return await fill(registry.database, answer.json()["id"])


async def test_a_claim_looks_at_lanes_that_are_due_alone(
    registry: ServiceUnderTest, instant: datetime, asked: Asked
) -> None:
    async with registry.database.write() as tx:
        rows = await claim_lanes(tx, "lse_1", instant, instant + timedelta(minutes=1), 256)
    assert [row["id"] for row in rows] == [BUSY]
    await check(registry.database, asked, "ix_webhook_lanes_due_at")


async def test_lanes_are_locked_and_changed_by_their_ids(
    registry: ServiceUnderTest, instant: datetime, asked: Asked
) -> None:
    async with registry.database.write() as tx:
        assert len(await lock_lanes(tx, [BUSY, "whe_0001"])) == 2
        await change_lanes(tx, {BUSY: {"due_at": instant}})
    assert len(asked.statements) == 2
    await check(registry.database, asked, "webhook_lanes")


@pytest.mark.parametrize("ordering", ORDERINGS)
async def test_what_is_due_is_found_by_its_index_in_every_order(
    registry: ServiceUnderTest, instant: datetime, asked: Asked, ordering: str
) -> None:
    rows = await repository.due(registry.database, BUSY, ordering, instant, 128)
    assert len(rows) == {"none": 128, "subject": 50, "endpoint": 1}[ordering]
    index = "ix_webhook_deliveries_" + ("waiting" if ordering == "endpoint" else "due_at")
    await check(registry.database, asked, index)


@pytest.mark.parametrize("ordering", ORDERINGS)
async def test_when_there_is_more_to_do_is_found_by_an_index(
    registry: ServiceUnderTest, instant: datetime, asked: Asked, ordering: str
) -> None:
    async with registry.database.read() as session:
        due_at = await repository.next_due(session, BUSY, ordering)
    assert due_at is not None
    index = "ix_webhook_deliveries_" + ("waiting" if ordering == "endpoint" else "due_at")
    await check(registry.database, asked, index)


async def test_a_sweep_goes_on_where_it_was(
    registry: ServiceUnderTest, instant: datetime, asked: Asked
) -> None:
    async with registry.database.read() as session:
        rows = await repository.pending_after(session, BUSY, 1000, 100)
    assert [row["sequence"] for row in rows] == list(range(1001, 1201, 2))
    await check(registry.database, asked, "webhook_deliveries")


async def test_an_outcome_is_written_by_the_key(
    registry: ServiceUnderTest, instant: datetime, asked: Asked
) -> None:
    (delivery, *_) = await repository.due(registry.database, BUSY, "none", instant, 1)
    asked.statements.clear()
    done = {"state": "delivered", "attempts": 1, "tries": 0, "due_at": instant, "finished_at": instant}
    async with registry.database.write() as tx:
        await lock_lanes(tx, [BUSY])
        await repository.finish(tx, [{"delivery": delivery, **done}])
    found = await registry.as_admin().get(f"/v1/webhook-deliveries/{delivery['id']}")
    assert found.json()["state"] == "delivered"
    statements = [one for one in asked.statements if "UPDATE webhook_deliveries" in one[0]]
    assert len(statements) == 1
    await check(registry.database, Asked(statements), "webhook_deliveries")
