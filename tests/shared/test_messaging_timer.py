"""Work that comes round by itself."""

import asyncio

from shared.db.engine import WriteSession
from shared.messaging.timer import periodic
from tests.shared.messaging_world import World


async def test_full_batches_follow_each_other_and_the_next_round_waits(world: World) -> None:
    left, rounds, stop = 7, [], asyncio.Event()

    async def step(_tx: WriteSession, limit: int) -> int:
        nonlocal left
        done = min(left, limit)
        left -= done
        rounds.append(done)
        if done < limit:
            stop.set()
        return done

    await asyncio.wait_for(periodic(world.database, step, batch=3, period_s=3600)(stop), 10)
    assert rounds == [3, 3, 1]


async def test_a_stop_ends_the_wait_for_the_next_round(world: World) -> None:
    stop, begun = asyncio.Event(), asyncio.Event()

    async def step(_tx: WriteSession, _limit: int) -> int:
        begun.set()
        return 0

    running = asyncio.create_task(periodic(world.database, step, period_s=3600)(stop))
    await begun.wait()
    stop.set()
    await asyncio.wait_for(running, 10)


async def test_a_moved_clock_begins_the_next_round(world: World) -> None:
    stop, rounds = asyncio.Event(), asyncio.Queue[int]()

    async def step(_tx: WriteSession, _limit: int) -> int:
        rounds.put_nowait(1)
        return 0

    running = asyncio.create_task(periodic(world.database, step, period_s=3600)(stop))
    await asyncio.wait_for(rounds.get(), 10)
    world.database.notify_all()
    await asyncio.wait_for(rounds.get(), 10)
    stop.set()
    await asyncio.wait_for(running, 10)
