"""Work under leases: never two at once on one row, and never lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from shared.db.engine import Row, WriteSession
from shared.messaging import loop as loop_module
from shared.messaging.leases import apply_leased, claim_rows, release_rows
from shared.messaging.loop import LeaseLoop
from tests.shared.messaging_world import World, jobs

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


class Jobs:
    """Work on rows that are ``due``; afterwards they are ``done``."""

    def __init__(self) -> None:
        self.instant = START
        self.worked: list[str] = []
        self.lost: list[str] = []
        self.running = self.most_running = 0
        self.hold: Callable[[], Awaitable[object]] | None = None
        self.error: Exception | None = None

    def clock(self) -> datetime:
        return self.instant

    async def claim(self, tx: WriteSession, token: str, until: datetime, limit: int) -> Sequence[Row]:
        due = jobs.c.state == "due"
        return await claim_rows(
            tx, jobs, due, token=token, instant=self.instant, until=until, limit=limit, order_by=[jobs.c.id]
        )

    async def work(self, item: Row) -> str:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.hold is not None:
                await self.hold()
            if self.error is not None:
                raise self.error
            self.worked.append(item["id"])
            return "done"
        finally:
            self.running -= 1

    async def apply(self, tx: WriteSession, item: Row, outcome: str, token: str) -> None:
        if not await apply_leased(tx, jobs, item["id"], token, {"state": outcome}):
            self.lost.append(item["id"])

    async def release(self, tx: WriteSession, token: str) -> None:
        await release_rows(tx, jobs, token)


@pytest.fixture
async def due(world: World) -> list[str]:
    names = [f"j{index}" for index in range(10)]
    async with world.database.write() as tx:
        await tx.execute(insert(jobs), [{"id": name, "state": "due"} for name in names])
    return names


async def states(world: World) -> dict[str, tuple[str, bool]]:
    async with world.database.read() as session:
        rows = await session.rows(select(jobs).order_by(jobs.c.id))
    return {row["id"]: (row["state"], row["lease_token"] is not None) for row in rows}


def loop_of(world: World, work: Jobs, **options: object) -> LeaseLoop[Row, str]:
    return LeaseLoop("jobs", world.database, work, clock=work.clock, **options)  # type: ignore[arg-type]


async def test_everything_due_is_worked_on_once(world: World, due: list[str]) -> None:
    work = Jobs()
    loop = loop_of(world, work, concurrency=4)
    assert [await loop.run_once() for _ in range(4)] == [4, 4, 2, 0]
    assert sorted(work.worked) == due
    assert set((await states(world)).values()) == {("done", False)}


async def test_two_processes_share_the_work(world: World, due: list[str]) -> None:
    first, second = Jobs(), Jobs()
    loops = [loop_of(world, first, concurrency=3), loop_of(world, second, concurrency=3)]
    for _ in range(4):
        await asyncio.gather(*[loop.run_once() for loop in loops])
    assert sorted(first.worked + second.worked) == due
    assert first.lost == second.lost == []


async def test_what_a_dead_process_claimed_is_claimed_again_after_its_lease(
    world: World, due: list[str]
) -> None:
    work = Jobs()
    async with world.database.write() as tx:
        await work.claim(tx, "lse_dead", START + timedelta(seconds=60), 10)
    loop = loop_of(world, work, concurrency=10)
    assert await loop.run_once() == 0
    work.instant = START + timedelta(seconds=60)
    assert await loop.run_once() == 10
    assert sorted(work.worked) == due


async def test_an_outcome_after_a_lost_lease_is_not_applied(world: World, due: list[str]) -> None:
    slow, quick = Jobs(), Jobs()
    gate = asyncio.Event()
    slow.hold = gate.wait
    quick.instant = START + timedelta(hours=1)
    working = asyncio.create_task(loop_of(world, slow, concurrency=10).run_once())
    while slow.running < 10:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await loop_of(world, quick, concurrency=10).run_once()
    gate.set()
    await working
    assert sorted(slow.lost) == due
    assert quick.lost == []


async def test_failed_work_waits_for_its_lease(world: World, due: list[str]) -> None:
    work = Jobs()
    work.error = RuntimeError("no")
    loop = loop_of(world, work, concurrency=10)
    assert await loop.run_once() == 10
    work.error = None
    assert await loop.run_once() == 0
    work.instant += timedelta(seconds=61)
    assert await loop.run_once() == 10


async def test_work_may_not_outlive_its_lease(world: World, due: list[str]) -> None:
    work = Jobs()
    gate = asyncio.Event()
    work.hold = gate.wait
    async with asyncio.timeout(10):
        assert await loop_of(world, work, concurrency=2, lease_s=0.05).run_once() == 2
    assert (work.worked, work.running) == ([], 0)


async def test_running_keeps_its_bound_and_takes_what_comes(world: World, due: list[str]) -> None:
    work, stop, permits = Jobs(), asyncio.Event(), asyncio.Semaphore(0)
    work.hold = permits.acquire
    signal = world.database.signal("jobs.due")
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(loop_of(world, work, concurrency=3, poll_s=3600, signal=signal).run(stop))
        for finished in range(10):
            while work.running < min(3, 10 - finished):  # noqa: ASYNC110
                await asyncio.sleep(0)
            permits.release()
            while len(work.worked) == finished:  # noqa: ASYNC110
                await asyncio.sleep(0)
        permits.release()
        async with world.database.write() as tx:
            await tx.execute(insert(jobs), {"id": "later", "state": "due"})
            tx.after_commit(signal.notify)
        while len(work.worked) < 11:  # noqa: ASYNC110
            await asyncio.sleep(0)
        stop.set()
    assert work.most_running == 3
    assert set((await states(world)).values()) == {("done", False)}


async def test_stopping_finishes_what_runs(world: World, due: list[str]) -> None:
    work, stop = Jobs(), asyncio.Event()
    gate = asyncio.Event()
    work.hold = gate.wait
    running = asyncio.create_task(loop_of(world, work, concurrency=4).run(stop))
    while work.running < 4:  # noqa: ASYNC110
        await asyncio.sleep(0)
    stop.set()
    await asyncio.sleep(0)
    gate.set()
    await running
    assert len(work.worked) == 4
    assert sorted((await states(world)).values()) == [("done", False)] * 4 + [("due", False)] * 6


async def test_stopping_releases_what_takes_too_long(world: World, due: list[str]) -> None:
    work, stop = Jobs(), asyncio.Event()
    gate = asyncio.Event()
    work.hold = gate.wait
    running = asyncio.create_task(loop_of(world, work, concurrency=4, drain_s=0.01).run(stop))
    while work.running < 4:  # noqa: ASYNC110
        await asyncio.sleep(0)
    stop.set()
    await running
    assert set((await states(world)).values()) == {("due", False)}


async def test_errors_of_the_store_are_tried_again(
    world: World, due: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "backoff_s", lambda failures: 0)
    failing = iter([True, True])

    class Unlucky(Jobs):
        async def claim(self, tx: WriteSession, token: str, until: datetime, limit: int) -> Sequence[Row]:
            rows = await super().claim(tx, token, until, limit)
            if next(failing, False):
                raise OSError("gone")
            return rows

    work, stop = Unlucky(), asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(loop_of(world, work, concurrency=10).run(stop))
        while len(work.worked) < 10:  # noqa: ASYNC110
            await asyncio.sleep(0)
        stop.set()
    assert sorted(work.worked) == due
