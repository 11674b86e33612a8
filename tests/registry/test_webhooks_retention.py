"""Deliveries are kept for 30 days; what is past that reads as expired."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from services.registry.deliveries.models import webhook_attempts, webhook_deliveries
from services.registry.deliveries.retention import KEPT, forget_deliveries
from tests.registry.project_world import refusal
from tests.registry.webhook_world import Partners

DAY = 24 * 3600


async def forget(partners: Partners) -> None:
    async with partners.registry.database.write() as tx:
        await forget_deliveries(tx, 1000)


async def test_deliveries_past_the_retention_are_forgotten_and_read_as_expired(partners: Partners) -> None:
    assert timedelta(days=30) == KEPT
    await forget(partners)
    endpoint = await partners.verified()
    await partners.projects(2)
    await partners.deliver()
    feed = f"/v1/events?endpoint_id={endpoint['id']}"
    cursor = (await partners.operator.get(f"{feed}&limit=1")).json()["next_cursor"]
    await partners.travel(29 * DAY)
    await partners.world.create_project(title="二十九天后", team_name="后")
    await partners.deliver()
    await forget(partners)
    assert len(await partners.deliveries(endpoint["id"])) == 3
    await partners.travel(9 * DAY)
    await forget(partners)
    rows = await partners.deliveries(endpoint["id"])
    assert [row["sequence"] for row in rows] == [3]
    path = f"/v1/webhook-endpoints/{endpoint['id']}/reconciliation"
    runs = (await partners.operator.get(path)).json()["runs"]
    assert [(run["from_sequence"], run["to_sequence"], run["state"]) for run in runs] == [
        (1, 2, "expired"),
        (3, 3, "delivered"),
    ]
    expired = await partners.operator.get(f"{feed}&after={cursor}")
    assert refusal(expired) == (410, "cursor_expired")
    again = await partners.operator.get(f"{feed}&after={expired.json()['earliest']}")
    assert [item["delivery"]["sequence"] for item in again.json()["items"]] == [3]
    async with partners.registry.database.read() as session:
        attempts = await session.rows(select(webhook_attempts.c.delivery_id))
    tried = {row["delivery_id"] for row in attempts} - {endpoint["id"]}
    assert tried == {rows[0]["id"]}


@pytest.mark.parametrize("registry_url", ["postgresql"], indirect=True)
async def test_weeks_are_dropped_and_nothing_is_searched(partners: Partners) -> None:
    await forget(partners)
    await partners.verified()
    await partners.projects(1)
    await partners.deliver()
    weeks = text("SELECT count(*) FROM pg_inherits WHERE inhparent = 'webhook_deliveries'::regclass")
    where = select(func.count()).select_from(webhook_deliveries)
    async with partners.registry.database.read() as session:
        assert await session.scalar(weeks) == 4
        assert await session.scalar(text("SELECT count(*) FROM webhook_deliveries_default")) == 0
        assert await session.scalar(where) == 1
    await partners.travel(60 * DAY)
    await forget(partners)
    async with partners.registry.database.read() as session:
        assert await session.scalar(where) == 0
        assert await session.scalar(weeks) == 4
