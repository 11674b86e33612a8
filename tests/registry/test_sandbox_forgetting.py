"""What the sandbox does not keep: after 30 days, and what was reset or deleted."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from services.registry.sandbox import service
from services.registry.sandbox.models import hits, receivers
from services.registry.sandbox.timer import forget
from shared import clock
from tests.registry.project_world import World, build_world
from tests.registry.sandbox_world import receiver
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


async def rows(world: World) -> tuple[int, int]:
    async with world.registry.database.read() as session:
        count = select(func.count())
        found = [await session.scalar(count.select_from(table)) for table in (receivers, hits)]
    return found[0], found[1]


async def sweep(world: World, limit: int = 100) -> int:
    async with world.registry.database.write() as tx:
        return await forget(tx, limit)


def at(monkeypatch: pytest.MonkeyPatch, instant: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: instant)


async def test_what_is_in_use_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = clock.now()
    made = await receiver(world)
    await made.deliver(1)
    at(monkeypatch, begun + service.KEEP - timedelta(hours=1))
    await made.deliver(2)
    assert (await sweep(world), await rows(world)) == (0, (1, 2))
    at(monkeypatch, begun + service.KEEP + timedelta(hours=1))
    assert (await sweep(world), await rows(world)) == (1, (1, 1))
    at(monkeypatch, begun + 2 * service.KEEP)
    assert (await sweep(world), await rows(world)) == (2, (0, 0))


async def test_a_batch_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = clock.now()
    made = await receiver(world)
    for sequence in range(3):
        await made.deliver(sequence)
    at(monkeypatch, begun + service.KEEP + timedelta(hours=1))
    assert [await sweep(world, limit=2) for _ in range(3)] == [2, 2, 0]


async def test_what_was_reset_is_swept_and_the_rest_stays(world: World) -> None:
    made, other = await receiver(world), await receiver(world)
    for one in (made, other):
        await one.deliver(1)
    await world.operator.post(f"{made.path}:reset")
    await made.deliver(2)
    assert (await sweep(world), await rows(world)) == (1, (2, 2))
    assert [hit["sequence"] for hit in await made.hits()] == [2]


async def test_a_deleted_receiver_is_swept_with_its_hits(world: World) -> None:
    made, other = await receiver(world), await receiver(world)
    for one in (made, other):
        await one.deliver(1)
    await world.operator.delete(made.path, headers={"if-match": '"1"'})
    assert (await sweep(world), await rows(world)) == (2, (1, 1))
