"""What a reader of the feed may rely on: cursors, filters, visibility, waiting."""

import asyncio
import contextlib
import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from shared.clock import to_rfc3339
from shared.db.engine import Database
from shared.errors import CursorExpired, InvalidCursor
from shared.identity import SYSTEM
from shared.messaging import feed as feed_module
from shared.messaging.cursor import Cursor, parse_after
from shared.messaging.sequencer import SEQUENCED, Sequencer, start_new_epoch
from tests.shared.messaging_world import (
    CHANGED,
    CREATED,
    OTHER,
    World,
    member_of,
    opened,
    parsed,
    subjects,
    tables,
)


def readers_waiting(world: World, count: int) -> asyncio.Event:
    """Return what is set when ``count`` readers have looked and wait for the head to move."""
    signal, ready, waiting = world.database.signal(SEQUENCED), asyncio.Event(), itertools.count(1)
    wait = signal.wait

    async def counted(seen: int, timeout_s: float) -> bool:
        if next(waiting) == count:
            ready.set()
        return await wait(seen, timeout_s)

    signal.wait = counted  # type: ignore[method-assign]
    return ready


async def test_an_empty_feed_gives_a_cursor_that_continues(world: World) -> None:
    empty = await world.read()
    assert (empty.events, empty.head, empty.has_more) == ([], 0, False)
    assert (await world.read(after=empty.next_cursor)).next_cursor == empty.next_cursor
    await world.happen("t1")
    page = await world.read(after=empty.next_cursor)
    assert subjects(page) == ["t1"]
    nothing_yet = await world.read(after=page.next_cursor)
    assert nothing_yet.events == []
    await world.happen("t2")
    assert subjects(await world.read(after=nothing_yet.next_cursor)) == ["t2"]


async def test_pages_follow_each_other_without_overlap(world: World) -> None:
    await world.happen(*[f"t{index}" for index in range(7)])
    after, seen, more = None, [], []
    for _ in range(3):
        page = await world.read(after=after, limit=3)
        after = page.next_cursor
        seen.append(page.positions)
        more.append(page.has_more)
    assert seen == [[1, 2, 3], [4, 5, 6], [7]]
    assert more == [True, True, False]


async def test_each_event_has_a_cursor_to_continue_from(world: World) -> None:
    await world.happen("t1", "t2", "t3")
    page = await world.read()
    entries = list(page.entries())
    assert [event for _, event in entries] == page.events
    assert subjects(await world.read(after=entries[1][0])) == ["t3"]


async def test_the_body_of_an_answer(world: World) -> None:
    await world.happen("t1", "t2", "t3")
    page = await world.read(limit=2)
    body = json.loads(page.json())
    assert list(body) == ["items", "next_cursor", "has_more", "epoch", "head"]
    assert [event["sequence"] for event in body["items"]] == [1, 2]
    assert (body["next_cursor"], body["has_more"], body["head"]) == (page.next_cursor, True, 3)
    assert body["epoch"] == page.epoch
    empty = await world.read(after="latest")
    assert json.loads(empty.json())["items"] == []


async def test_earliest_and_latest(world: World) -> None:
    await world.happen("t1", "t2")
    assert subjects(await world.read(after="earliest")) == ["t1", "t2"]
    latest = await world.read(after="latest")
    assert (latest.events, latest.has_more) == ([], False)
    await world.happen("t3")
    assert subjects(await world.read(after=latest.next_cursor)) == ["t3"]


async def test_an_instant_misses_nothing_recorded_since(world: World) -> None:
    start = datetime(2026, 11, 23, 8, tzinfo=UTC)
    for minute in range(9):
        numbered_at = start + timedelta(minutes=minute)
        async with world.database.write() as tx:
            await world.change(tx, f"t{minute}")
            await tx.execute(
                update(tables.events)
                .where(tables.events.c.sequence.is_(None))
                .values(recorded_at=numbered_at)
            )
        await Sequencer(world.database, tables, clock=lambda at=numbered_at: at).run_once()
    everything = [f"t{minute}" for minute in range(9)]
    for minute in range(9):
        at = start + timedelta(minutes=minute)
        assert subjects(await world.read(after=to_rfc3339(at))) == everything[minute:]
        just_after = to_rfc3339(at + timedelta(milliseconds=1))
        assert subjects(await world.read(after=just_after)) == everything[minute + 1 :]
    assert subjects(await world.read(after="2026-11-23T16:04:00+08:00")) == everything[4:]
    assert subjects(await world.read(after="0001-01-02T00:00:00Z")) == everything


@pytest.mark.parametrize(
    "after",
    [
        *("", "x", "EARLIEST", "0", "-1", "abc=", "!!!!", "科创", "\x00", "e30", "a" * 5000),
        *("2026-11-23", "2026-13-01T00:00:00Z", "2026-11-23T00:00:00", "0001-01-01T00:00:00+14:00"),
        *(str(Cursor("epo_1", 5)) + suffix for suffix in ("=", "==", " ", "\n", "A")),
        *(str(Cursor("epo_1", position)) for position in (-1, 10**18, 2**63)),
        *(str(Cursor(epoch, 5)) for epoch in ("", "e:e", "x" * 41, "科")),
        *("ZXBvXzE6MDU", "ZXBvXzE6KzU", "ZXBvXzE6NV", "ZXBvXzE6NQo", "2026-11-23T00:00:00Z\n"),
    ],
)
def test_what_is_no_cursor_is_refused(after: str) -> None:
    with pytest.raises(InvalidCursor):
        parse_after(after)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidCursor):
        parse_after(text)


@given(st.from_regex(r"[a-z0-9_]{1,40}", fullmatch=True), st.integers(0, 10**18 - 1))
def test_a_cursor_reads_back(epoch: str, position: int) -> None:
    cursor = Cursor(epoch, position)
    assert parse_after(str(cursor)) == cursor


async def test_a_cursor_of_another_epoch_has_expired(world: World) -> None:
    await world.happen("t1", "t2")
    old = (await world.read()).next_cursor
    async with world.database.write() as tx:
        await start_new_epoch(tx, tables)
    with pytest.raises(CursorExpired) as refusal:
        await world.read(after=old)
    assert subjects(await world.read(after=refusal.value.extra["earliest"])) == ["t1", "t2"]


async def test_a_cursor_beyond_the_head_has_expired(world: World) -> None:
    await world.happen("t1")
    epoch = (await world.read()).epoch
    for viewer in (SYSTEM, member_of("org_a")):
        with pytest.raises(CursorExpired):
            await world.read(viewer, after=str(Cursor(epoch, 2)))


async def test_an_epoch_that_changes_while_a_reader_waits_is_told(world: World) -> None:
    await world.happen("t1")
    at_head = (await world.read()).next_cursor
    reading = asyncio.create_task(world.read(after=at_head, wait_s=30))
    await asyncio.sleep(0)
    async with world.database.write() as tx:
        await start_new_epoch(tx, tables)
    await world.happen("t2")
    with pytest.raises(CursorExpired):
        await reading


async def test_an_organisation_sees_the_events_of_its_records_only(world: World) -> None:
    await world.share("r1", "org_a", "org_b")
    await world.share("r2", "org_b")
    await world.happen("t1", root="r1")
    await world.happen("t2", root="r2")
    await world.happen("t3", root="r3")
    await world.happen("t4", root="r1")
    seen = {name: subjects(await world.read(member_of(name))) for name in ("org_a", "org_b", "org_c")}
    assert seen == {"org_a": ["t1", "t4"], "org_b": ["t1", "t2", "t4"], "org_c": []}
    assert subjects(await world.read(member_of(None))) == []
    assert subjects(await world.read()) == ["t1", "t2", "t3", "t4"]


async def test_the_cursor_passes_over_what_is_not_visible(world: World) -> None:
    await world.share("mine", "org_a")
    await world.happen("t1", root="mine")
    await world.happen(*["other"] * 5, root="theirs")
    page = await world.read(member_of("org_a"))
    assert (page.positions, page.position, page.has_more) == ([1], 6, False)
    hidden = await world.read(member_of("org_c"))
    assert (hidden.events, hidden.position) == ([], 6)
    await world.share("theirs", "org_c")
    assert (await world.read(member_of("org_c"), after=hidden.next_cursor)).events == []


async def test_a_filtered_page_costs_a_bounded_scan_and_says_that_more_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "SCAN", 4)
    await world.share("mine", "org_a")
    await world.happen(*["other"] * 9, root="theirs")
    await world.happen("t1", root="mine")
    viewer = member_of("org_a")
    first = await world.read(viewer)
    assert (first.events, first.position, first.has_more) == ([], 4, True)
    second = await world.read(viewer, after=first.next_cursor)
    assert (second.events, second.position) == ([], 8)
    third = await world.read(viewer, after=second.next_cursor)
    assert (subjects(third), third.position, third.has_more) == (["t1"], 10, False)
    waited = await world.read(viewer, wait_s=30)
    assert subjects(waited) == ["t1"]


async def test_types_and_prefixes(world: World) -> None:
    await world.happen("t1", kind=CREATED)
    await world.happen("t1", kind=CHANGED)
    await world.happen("t2", kind=OTHER)
    positions = {
        types: (await world.read(types=list(types))).positions
        for types in [
            ("thing.created",),
            ("thing.*",),
            ("thing.created", "other.*"),
            ("*",),
            ("thin.*", "thing_created", "thing.state%"),
            ("%.*",),
        ]
    }
    assert list(positions.values()) == [[1], [1, 2], [1, 3], [1, 2, 3], [], []]


async def test_one_subject(world: World) -> None:
    await world.share("t2", "org_a")
    await world.happen("t1", "t2", "t1", "t2")
    assert (await world.read(subject_id="t2")).positions == [2, 4]
    assert (await world.read(member_of("org_a"), subject_id="t2")).positions == [2, 4]
    hidden = await world.read(member_of("org_a"), subject_id="t1")
    assert (hidden.events, hidden.position) == ([], 4)


async def test_limit_and_filter_together_lose_nothing(world: World) -> None:
    await world.share("mine", "org_a")
    for index in range(12):
        await world.happen(f"t{index}", root="mine" if index % 3 == 0 else "theirs")
    viewer, after, seen = member_of("org_a"), None, []
    for _ in range(4):
        page = await world.read(viewer, after=after, limit=1)
        seen += page.positions
        after = page.next_cursor
    assert seen == [1, 4, 7, 10]


async def test_a_waiting_reader_goes_when_its_time_is_over(world: World) -> None:
    await world.happen("t1")
    at_head = (await world.read()).next_cursor
    async with asyncio.timeout(10):
        page = await world.read(after=at_head, wait_s=0.01)
    assert (page.events, page.next_cursor) == ([], at_head)


async def test_a_waiting_reader_ignores_what_it_may_not_see(world: World) -> None:
    await world.share("mine", "org_a")
    waiting = readers_waiting(world, 1)
    reading = asyncio.create_task(world.read(member_of("org_a"), after="latest", wait_s=30))
    await waiting.wait()
    await world.happen("t1", root="theirs")
    await world.happen("t2", root="mine")
    assert subjects(await reading) == ["t2"]


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_a_waiting_reader_hears_of_other_processes_by_looking(store_url: str) -> None:
    async with opened(store_url) as here, opened(store_url, Database(store_url)) as elsewhere:
        await here.read()
        waiting = readers_waiting(here, 20)
        readings = [asyncio.create_task(here.read(after="latest", wait_s=30)) for _ in range(20)]
        await waiting.wait()
        await elsewhere.happen("t1")
        async with asyncio.timeout(5):
            pages = await asyncio.gather(*readings)
    assert [subjects(page) for page in pages] == [["t1"]] * 20


async def test_following_live_gives_a_heartbeat_and_then_what_comes(world: World) -> None:
    await world.happen("t1")
    pages = world.feed.follow(SYSTEM, "latest", heartbeat_s=0.01)
    heartbeat = await anext(pages)
    assert heartbeat.events == []
    await world.happen("t2")
    async for page in pages:
        if page.events:
            break
    assert [event["subject"]["id"] for event in parsed(page)] == ["t2"]
    await pages.aclose()


async def test_a_refusal_comes_before_the_first_page_of_a_stream(world: World) -> None:
    with pytest.raises(InvalidCursor):
        await anext(world.feed.follow(SYSTEM, "nonsense"))
