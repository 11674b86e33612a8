"""Forgetting the oldest events: what stays can be read and checked, and whoever missed something is told."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from shared import clock
from shared.errors import CursorExpired
from shared.identity import SYSTEM
from shared.messaging import feed as feed_module
from shared.messaging.chain import ChainReport, verify_chain
from shared.messaging.cursor import Cursor
from shared.messaging.feed import locate
from shared.messaging.retention import forget_events
from shared.messaging.sequencer import start_new_epoch
from tests.shared.messaging_world import CHANGED, World, member_of, parsed, subjects, tables

KEEP = timedelta(days=30)


async def age(world: World, last: int) -> None:
    """Let the events up to a position have been numbered 31 days ago."""
    events, long_ago = tables.events, clock.now() - timedelta(days=31)
    async with world.database.write() as tx:
        await tx.execute(update(events).where(events.c.sequence <= last).values(sequenced_at=long_ago))


async def forget(world: World, limit: int = 100) -> int:
    async with world.database.write() as tx:
        return await forget_events(tx, tables, KEEP, limit)


async def left(world: World) -> list[int]:
    async with world.database.read() as session:
        rows = await session.rows(select(tables.events.c.sequence).order_by(tables.events.c.row_id))
    return [row["sequence"] for row in rows]


async def eight_of_which_five_are_old(world: World) -> str:
    await world.happen(*[f"t{number}" for number in range(1, 9)])
    await age(world, 5)
    return (await world.read(limit=1)).epoch


async def test_only_what_is_old_is_forgotten_in_bounded_steps(world: World) -> None:
    await eight_of_which_five_are_old(world)
    assert [await forget(world, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert await left(world) == [6, 7, 8]


async def test_a_step_looks_at_the_oldest_positions_only(world: World) -> None:
    await eight_of_which_five_are_old(world)
    async with world.database.write() as tx:
        # Not in order, which never happens: a young one in front ends the step.
        first = update(tables.events).where(tables.events.c.sequence == 1)
        await tx.execute(first.values(sequenced_at=clock.now()))
    assert await forget(world, 1) == 0
    assert await left(world) == list(range(1, 9))


async def test_events_without_a_position_are_never_forgotten(world: World) -> None:
    await eight_of_which_five_are_old(world)
    async with world.database.write() as tx:
        await world.change(tx, "t9")
        long_ago = clock.now() - timedelta(days=400)
        unnumbered = tables.events.c.sequence.is_(None)
        await tx.execute(update(tables.events).where(unnumbered).values(recorded_at=long_ago))
    assert await forget(world) == 5
    await world.number()
    assert await left(world) == [6, 7, 8, 9]


async def test_a_cursor_past_the_retention_has_expired_with_the_earliest_one(world: World) -> None:
    epoch = await eight_of_which_five_are_old(world)
    await forget(world)
    with pytest.raises(CursorExpired) as refused:
        await world.read(after=str(Cursor(epoch, 4)))
    earliest = refused.value.extra["earliest"]
    assert earliest == str(Cursor(epoch, 5))
    assert subjects(await world.read(after=earliest)) == ["t6", "t7", "t8"]
    assert subjects(await world.read(after=str(Cursor(epoch, 6)))) == ["t7", "t8"]


@pytest.mark.parametrize("after", [None, "earliest", "2001-01-01T00:00:00Z"])
async def test_reading_from_the_start_starts_at_the_earliest(
    world: World, monkeypatch: pytest.MonkeyPatch, after: str | None
) -> None:
    monkeypatch.setattr(feed_module, "SCAN", 2)
    await eight_of_which_five_are_old(world)
    await world.share("t6", "org_1")
    await forget(world)
    assert subjects(await world.read(after=after)) == ["t6", "t7", "t8"]
    mine = await world.read(member_of("org_1"), after=after)
    assert (subjects(mine), mine.position, mine.has_more) == (["t6"], 7, True)


async def test_an_instant_finds_its_place_among_what_is_left(world: World) -> None:
    epoch = await eight_of_which_five_are_old(world)
    await forget(world)
    later = clock.to_rfc3339(clock.now() + timedelta(hours=1))
    assert (await world.read(after=later)).next_cursor == str(Cursor(epoch, 8))
    async with world.database.write() as tx:
        for after, position in {"earliest": 5, "latest": 8, later: 8, "2001-01-01T00:00:00Z": 5}.items():
            assert await locate(tx, tables, after) == Cursor(epoch, position), after
        with pytest.raises(CursorExpired):
            await locate(tx, tables, str(Cursor(epoch, 4)))


async def test_everything_can_be_forgotten_and_the_log_goes_on(world: World) -> None:
    await world.happen("t1", "t2")
    await age(world, 2)
    at_head = (await world.read()).next_cursor
    assert await forget(world) == 2
    empty = await world.read()
    assert (empty.events, empty.next_cursor, empty.head, empty.has_more) == ([], at_head, 2, False)
    await world.happen("t3")
    assert [event["sequence"] for event in parsed(await world.read(after=at_head))] == [3]
    async with world.database.snapshot() as session:
        assert await verify_chain(session, tables) == ChainReport(1, None, 3)


async def test_the_chain_holds_from_the_first_event_that_is_left(world: World) -> None:
    await eight_of_which_five_are_old(world)
    await forget(world)
    async with world.database.snapshot() as session:
        whole = await verify_chain(session, tables)
        assert (whole, whole.first, whole.last) == (ChainReport(3, None, 8), 6, 8)
        assert await verify_chain(session, tables, 6) == ChainReport(3, None, 8)
        assert await verify_chain(session, tables, 7) == ChainReport(2, None, 8)
        assert await verify_chain(session, tables, 1, 4) == ChainReport(0, None, 8)
        part = await verify_chain(session, tables, longest=2)
        assert (part, part.first, part.last) == (ChainReport(2, None, 8), 6, 7)


async def test_the_chain_shows_that_more_was_taken_away_than_forgotten(world: World) -> None:
    await eight_of_which_five_are_old(world)
    await forget(world)
    events = tables.events
    async with world.database.write() as tx:
        await tx.execute(events.delete().where(events.c.sequence == 6))
    async with world.database.snapshot() as session:
        assert (await verify_chain(session, tables)).first_broken == 6


async def test_who_was_away_for_too_long_starts_over_with_what_is_left(world: World) -> None:
    await world.happen("t1", "t2", "t3")
    consumer = world.consumer(page_size=1)
    await consumer.run_once()
    await age(world, 2)
    await forget(world)
    assert await consumer.run_once() == 0
    assert await world.effects() == []
    await consumer.run_once()
    assert [subject for _, subject, _ in await world.effects()] == ["t3"]


async def test_a_restored_log_names_what_is_left_as_well(world: World) -> None:
    epoch = await eight_of_which_five_are_old(world)
    await forget(world)
    async with world.database.write() as tx:
        renewed = await start_new_epoch(tx, tables)
    with pytest.raises(CursorExpired) as refused:
        await world.read(after=str(Cursor(epoch, 7)))
    assert refused.value.extra["earliest"] == str(Cursor(renewed, 5))


async def test_readers_and_writers_go_on_while_events_are_forgotten(world: World) -> None:
    await world.happen(*[f"t{number}" for number in range(60)])
    await age(world, 50)
    cursor = (await world.read(limit=55)).next_cursor

    async def forget_all() -> None:
        while await forget(world, 7):
            pass

    async def read_all() -> list[str]:
        found = []
        for _ in range(10):
            found.append(subjects(await world.read(SYSTEM, cursor))[0])
            assert (await world.read(after="2001-01-01T00:00:00Z")).events
        return found

    read, *_ = await asyncio.gather(read_all(), forget_all(), forget_all(), world.happen("t60", kind=CHANGED))
    assert set(read) == {"t55"}
    await forget_all()
    assert await left(world) == list(range(51, 62))
    async with world.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(tables.feed_state)) == 1
    async with world.database.snapshot() as session:
        assert await verify_chain(session, tables) == ChainReport(11, None, 61)
