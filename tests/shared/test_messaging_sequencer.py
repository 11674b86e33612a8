"""No committed event is lost, none is told twice, none is told in another order."""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from shared.db.engine import Database, WriteSession
from shared.identity import SYSTEM
from shared.messaging import feed as feed_module
from shared.messaging import sequencer as sequencer_module
from shared.messaging.chain import ChainReport, verify_chain
from shared.messaging.sequencer import Sequencer, link, start_new_epoch
from shared.messaging.tables import GENESIS
from tests.shared.messaging_world import World, opened, parsed, subjects, tables, things

WRITERS, EACH = 16, 250


class Load:
    """Writers of which every second holds its transaction, event written, until others have committed."""

    def __init__(self, world: World, each: int) -> None:
        self.world = world
        self.each = each
        self.committed = 0
        self.running_freely = WRITERS // 2
        self._progress = asyncio.Condition()

    async def run(self) -> None:
        async with self.world.database.write() as tx:
            await tx.execute(insert(things), [{"id": f"shared{n}", "version": 0} for n in range(4)])
        async with asyncio.TaskGroup() as group:
            for writer in range(WRITERS):
                group.create_task(self._write(writer))

    async def _write(self, writer: int) -> None:
        chance = random.Random(writer)
        holds = writer % 2 == 0 and self.world.database.dialect == "postgresql"
        for _ in range(self.each):
            thing = f"shared{chance.randrange(4)}" if holds else f"own{writer}"
            async with self.world.database.write() as tx:
                await self.world.change(tx, thing)
                if holds:
                    await self._hold(chance.randrange(6))
            await self._tell()
        if not holds:
            self.running_freely -= 1
            await self._tell(0)

    async def _hold(self, commits: int) -> None:
        enough = self.committed + commits
        async with self._progress:
            await self._progress.wait_for(lambda: self.committed >= enough or not self.running_freely)

    async def _tell(self, commits: int = 1) -> None:
        async with self._progress:
            self.committed += commits
            self._progress.notify_all()


async def follow(world: World, count: int) -> list[dict[str, Any]]:
    """Read by cursor while others write, until ``count`` events came."""
    events: list[dict[str, Any]] = []
    after = None
    while len(events) < count:
        page = await world.read(after=after, limit=97, wait_s=30)
        assert page.events, "nothing came for half a minute"
        events += parsed(page)
        after = page.next_cursor
    return events


@contextlib.asynccontextmanager
async def running(*sequencers: Sequencer) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for sequencer in sequencers:
            group.create_task(sequencer.run(stop))
        try:
            yield
        finally:
            stop.set()


async def test_a_reader_sees_every_event_of_sixteen_writers_once_and_in_order(world: World) -> None:
    sequencers = [world.sequencer]
    second = Database(world.url) if world.database.dialect == "postgresql" else None
    each = EACH if second else EACH // 5
    total = WRITERS * each
    if second is not None:
        sequencers.append(Sequencer(second, tables, poll_s=0.01))
    async with running(*sequencers), asyncio.timeout(120):
        reading = asyncio.create_task(follow(world, total))
        await Load(world, each).run()
        events = await reading
    if second is not None:
        await second.dispose()
    assert [event["sequence"] for event in events] == list(range(1, total + 1))
    assert len({event["id"] for event in events}) == total
    versions = defaultdict(list)
    for event in events:
        versions[event["subject"]["id"]].append(event["subject"]["version"])
    for told in versions.values():
        assert told == list(range(1, len(told) + 1))
    async with world.database.snapshot() as session:
        assert await verify_chain(session, tables) == ChainReport(total, None, total)


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_the_same_load_does_lose_events_for_a_reader_by_serial_id(world: World) -> None:
    """Shows that the load above is one under which order of creation is not order of commit."""
    read: list[int] = []
    done = asyncio.Event()

    async def follow_serial() -> None:
        last = 0
        statement = select(tables.events.c.row_id).order_by(tables.events.c.row_id)
        while True:
            finished = done.is_set()
            async with world.database.read() as session:
                rows = await session.rows(statement.where(tables.events.c.row_id > last))
            read.extend(row["row_id"] for row in rows)
            last = read[-1] if read else 0
            if finished:
                return

    reading = asyncio.create_task(follow_serial())
    load = Load(world, each=30)
    await load.run()
    done.set()
    await reading
    assert len(read) < WRITERS * load.each


async def test_a_rollback_leaves_no_event_and_no_gap(world: World) -> None:
    await world.happen("t1")
    with pytest.raises(RuntimeError, match="undone"):
        async with world.database.write() as tx:
            await world.change(tx, "t2")
            raise RuntimeError("undone")
    await world.happen("t3")
    page = await world.read()
    assert subjects(page) == ["t1", "t3"]
    assert page.positions == [1, 2]


async def test_nobody_sees_an_event_before_it_has_its_position(world: World) -> None:
    await world.happen("t1")
    async with world.database.write() as tx:
        await world.change(tx, "t2")
    page = await world.read()
    assert (subjects(page), page.head) == (["t1"], 1)


async def test_one_batch_after_the_other(world: World) -> None:
    sequencer = Sequencer(world.database, tables, batch=3)
    async with world.database.write() as tx:
        for index in range(7):
            await world.change(tx, f"t{index}")
    assert [await sequencer.run_once() for _ in range(4)] == [3, 3, 1, 0]
    assert subjects(await world.read()) == [f"t{index}" for index in range(7)]


async def test_a_commit_wakes_the_sequencer_and_it_wakes_the_reader(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With polling an hour apart only the signals can bring the event."""
    monkeypatch.setattr(feed_module, "_POLL_S", 3600)
    after = (await world.read()).next_cursor
    async with running(Sequencer(world.database, tables, poll_s=3600)), asyncio.timeout(20):
        for index in range(20):
            reading = asyncio.create_task(world.read(after=after, wait_s=30))
            for _ in range(index):
                await asyncio.sleep(0)
            async with world.database.write() as tx:
                await world.change(tx, f"t{index}")
            page = await reading
            assert subjects(page) == [f"t{index}"]
            after = page.next_cursor


async def test_a_commit_between_a_look_and_the_wait_is_not_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequencer = Sequencer(world.database, tables, poll_s=3600)
    look, late = sequencer.run_once, iter(["t1", "t2", "t3"])

    async def look_and_be_overtaken(most: int) -> int:
        numbered = await look(most)
        if thing := next(late, None):
            async with world.database.write() as tx:
                await world.change(tx, thing)
        return numbered

    monkeypatch.setattr(sequencer, "run_once", look_and_be_overtaken)
    async with running(sequencer), asyncio.timeout(20):
        events = await follow(world, 3)
    assert [event["subject"]["id"] for event in events] == ["t1", "t2", "t3"]


async def test_it_survives_errors_of_the_store(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer_module, "backoff_s", lambda failures: 0)
    calls = 0
    number = world.sequencer._number

    async def failing(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        await number(*arguments)
        if calls < 4:
            raise OSError("connection lost before the commit")

    monkeypatch.setattr(world.sequencer, "_number", failing)
    async with world.database.write() as tx:
        await world.change(tx, "t1")
    async with running(world.sequencer), asyncio.timeout(20):
        page = await world.read(wait_s=30)
    assert (calls, page.positions) == (4, [1])


async def test_stamps_never_fall_when_the_clock_does(world: World) -> None:
    await world.happen("t1")
    before = (await world.read()).head
    past = Sequencer(world.database, tables, clock=lambda: datetime(2020, 1, 1, tzinfo=UTC))
    async with world.database.write() as tx:
        await world.change(tx, "t2")
    await past.run_once()
    async with world.database.read() as session:
        rows = await session.rows(select(tables.events).order_by(tables.events.c.sequence))
    assert before == 1
    assert rows[0]["sequenced_at"] <= rows[1]["sequenced_at"]
    assert rows[1]["recorded_at"] <= rows[1]["sequenced_at"]


async def test_an_epoch_begins_with_the_first_look_and_changes_only_when_told(world: World) -> None:
    first = (await world.read()).epoch
    await world.happen("t1")
    assert (await world.read()).epoch == first
    async with world.database.write() as tx:
        told = await start_new_epoch(tx, tables)
    page = await world.read()
    assert page.epoch == told != first
    assert page.positions == [1]


def _set(**values: Any) -> Any:
    events = tables.events

    async def tamper(tx: WriteSession) -> None:
        await tx.execute(update(events).where(events.c.sequence == 3).values(**values))

    return tamper


async def _change_payload(tx: WriteSession) -> None:
    events = tables.events
    row = await tx.row(select(events).where(events.c.sequence == 3))
    assert row is not None
    changed = row["payload"].replace("名称", "改过")
    await tx.execute(update(events).where(events.c.sequence == 3).values(payload=changed))


async def _change_payload_and_link(tx: WriteSession) -> None:
    """What somebody would do who knows how the links are made but leaves the later ones."""
    await _change_payload(tx)
    events = tables.events
    rows = await tx.rows(select(events).where(events.c.sequence.in_([2, 3])).order_by(events.c.sequence))
    new = link(rows[0]["chain"], rows[1]["payload"])
    await tx.execute(update(events).where(events.c.sequence == 3).values(chain=new))


async def _delete_in_the_middle(tx: WriteSession) -> None:
    await tx.execute(delete(tables.events).where(tables.events.c.sequence == 3))


async def _delete_the_last(tx: WriteSession) -> None:
    await tx.execute(delete(tables.events).where(tables.events.c.sequence == 5))


async def _cut_the_tail(tx: WriteSession) -> None:
    await _delete_the_last(tx)
    await tx.execute(update(tables.feed_state).values(head=4))


async def _leave_a_gap(tx: WriteSession) -> None:
    await tx.execute(update(tables.events).where(tables.events.c.sequence == 5).values(sequence=7))
    await tx.execute(update(tables.feed_state).values(head=7))


async def _swap(tx: WriteSession) -> None:
    events = tables.events
    for old, new in ((3, 99), (4, 3), (99, 4)):
        await tx.execute(update(events).where(events.c.sequence == old).values(sequence=new))


@pytest.mark.parametrize(
    ("tamper", "broken_at"),
    [
        (_change_payload, 3),
        (_change_payload_and_link, 4),
        (_set(type="other.created"), 3),
        (_set(subject_id="t9"), 3),
        (_set(subject_version=9), 3),
        (_set(chain=GENESIS), 3),
        (_delete_in_the_middle, 3),
        (_delete_the_last, 5),
        (_cut_the_tail, 4),
        (_leave_a_gap, 5),
        (_swap, 3),
    ],
)
async def test_the_chain_shows_tampering(world: World, tamper: Any, broken_at: int) -> None:
    await world.happen(*[f"t{index}" for index in range(5)])
    async with world.database.snapshot() as session:
        assert (await verify_chain(session, tables)).intact
        assert await verify_chain(session, tables, 3) == ChainReport(3, None, 5)
        assert await verify_chain(session, tables, 2, 4) == ChainReport(3, None, 5)
    async with world.database.write() as tx:
        await tamper(tx)
    async with world.database.snapshot() as session:
        assert (await verify_chain(session, tables)).first_broken == broken_at


@pytest.mark.parametrize("start", [6, 7, 100])
async def test_what_is_beyond_the_head_is_not_broken(world: World, start: int) -> None:
    await world.happen(*[f"t{index}" for index in range(5)])
    async with world.database.snapshot() as session:
        assert await verify_chain(session, tables, start) == ChainReport(0, None, 5)
        assert await verify_chain(session, tables, start, 3) == ChainReport(0, None, 5)


async def test_an_empty_log_is_intact(world: World) -> None:
    async with world.database.snapshot() as session:
        assert await verify_chain(session, tables) == ChainReport(0, None, 0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 3), st.integers(0, 2)),
        st.tuples(st.sampled_from(["commit", "rollback"]), st.integers(0, 3), st.just(0)),
        st.tuples(st.sampled_from(["number", "read"]), st.just(0), st.just(0)),
    ),
    max_size=40,
)


class Interleaving:
    """Open transactions that are advanced step by step, and what a reader by cursor has seen of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.open: dict[int, tuple[Any, WriteSession, list[tuple[str, int]]]] = {}
        self.locked: dict[str, int] = {}
        self.committed: list[tuple[str, int]] = []
        self.seen: list[tuple[str, int]] = []
        self.positions: list[int] = []
        self.cursor = ""

    async def play(self, steps: list[tuple[str, int, int]]) -> None:
        start = await self.world.read(after="latest")
        self.cursor = start.next_cursor
        for verb, writer, thing in steps:
            await getattr(self, verb)(writer, f"t{thing}")
        for writer in list(self.open):
            await self.commit(writer, "")
        await self.number(0, "")
        await self.read(0, "")
        assert self.positions == list(range(start.head + 1, start.head + 1 + len(self.committed)))
        assert sorted(self.seen) == sorted(self.committed)
        for name in ("t0", "t1", "t2"):
            assert [c for c in self.seen if c[0] == name] == [c for c in self.committed if c[0] == name]

    async def write(self, writer: int, thing: str) -> None:
        if self.locked.get(thing, writer) != writer:
            return
        if writer not in self.open:
            block = self.world.database.write()
            self.open[writer] = (block, await block.__aenter__(), [])
        self.locked[thing] = writer
        _, tx, written = self.open[writer]
        written.append((thing, await self.world.change(tx, thing)))

    async def commit(self, writer: int, thing: str) -> None:
        if writer in self.open:
            block, _, written = self.open.pop(writer)
            await block.__aexit__(None, None, None)
            self.committed += written
            self._unlock(writer)

    async def rollback(self, writer: int, thing: str) -> None:
        if writer in self.open:
            block, _, _ = self.open.pop(writer)
            error = RuntimeError("undone")
            with contextlib.suppress(RuntimeError):
                await block.__aexit__(RuntimeError, error, None)
            self._unlock(writer)

    async def number(self, writer: int, thing: str) -> None:
        await self.world.number()

    async def read(self, writer: int, thing: str) -> None:
        page = await self.world.feed.page(SYSTEM, self.cursor, 1000)
        self.cursor = page.next_cursor
        self.positions += page.positions
        self.seen += [(e["subject"]["id"], e["subject"]["version"]) for e in parsed(page)]

    def _unlock(self, writer: int) -> None:
        self.locked = {name: holder for name, holder in self.locked.items() if holder != writer}


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    print_blob=True,
)
@given(steps=STEPS)
def test_any_interleaving_of_writers_keeps_the_feed_whole(
    store_url: str, steps: list[tuple[str, int, int]]
) -> None:
    async def play() -> None:
        async with opened(store_url) as world:
            await Interleaving(world).play(steps)

    asyncio.run(play())
