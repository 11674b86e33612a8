"""Every event takes effect exactly once, whatever fails in between."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, OperationalError
from structlog.testing import CapturingLogger

from shared.db.engine import Database, WriteSession
from shared.errors import Conflict, CursorExpired, Unavailable
from shared.identity import SYSTEM
from shared.messaging import consumer as consumer_module
from shared.messaging.consumer import Apply, FeedConsumer, Lag, lag
from shared.messaging.failures import is_permanent
from shared.messaging.received import Event, FetchedPage, HttpFeedSource, LocalFeedSource
from shared.messaging.sequencer import start_new_epoch
from shared.web.token_source import TokenRefused
from tests.shared.messaging_world import (
    OTHER,
    World,
    member_of,
    new_store,
    opened,
    record_effect,
    tables,
    things,
)


class Crash(BaseException):
    """The process dies here."""


class MortalDatabase(Database):
    """Dies when told, in the given one of its next transactions, before or after the commit."""

    def __init__(self, url: str) -> None:
        super().__init__(url, synchronous="OFF")
        self.deaths: dict[int, str] = {}
        self.transactions = 0

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        self.transactions += 1
        death = self.deaths.get(self.transactions)
        async with super().write() as tx:
            yield tx
            if death == "before":
                raise Crash
        if death == "after":
            raise Crash


async def dead_letters(world: World) -> list[tuple[int, str, str]]:
    letters = tables.dead_letters
    async with world.database.read() as session:
        rows = await session.rows(select(letters).order_by(letters.c.sequence))
    return [(row["sequence"], row["subject_id"], row["reason"]) for row in rows]


async def lag_of(world: World) -> Lag:
    async with world.database.read() as session:
        return await lag(session, tables, "follower")


async def consume(consumer: FeedConsumer) -> int:
    total = 0
    while count := await consumer.run_once():
        total += count
    return total


def each(apply: Callable[[WriteSession, Event], Awaitable[None]]) -> Apply:
    async def apply_each(tx: WriteSession, events: Sequence[Event]) -> None:
        for event in events:
            await apply(tx, event)

    return apply_each


def refusing(*sequences: int, error: Exception) -> Any:
    async def apply(tx: WriteSession, event: Event) -> None:
        await record_effect(tx, event)
        if event.sequence in sequences:
            raise error

    return each(apply)


async def test_events_take_effect_once_and_in_order(world: World) -> None:
    await world.happen("t1", "t2", "t1")
    consumer = world.consumer(page_size=2)
    assert [await consumer.run_once() for _ in range(3)] == [2, 1, 0]
    assert await world.effects() == [(1, "t1", 1), (2, "t2", 1), (3, "t1", 2)]
    await world.happen("t2")
    assert await consume(world.consumer()) == 1
    assert (await world.effects())[3:] == [(4, "t2", 2)]


async def test_what_an_event_says(world: World) -> None:
    await world.happen("t1")
    received: list[Event] = []

    async def keep(_: WriteSession, events: Sequence[Event]) -> None:
        received.extend(events)

    await world.consumer(apply=keep).run_once()
    (event,) = received
    assert (event.type, event.sequence, event.subject_type) == ("thing.created", 1, "thing")
    assert (event.subject_id, event.subject_version) == ("t1", 1)
    assert (event.object, event.changed, event.previous) == ({"id": "t1", "name": "名称"}, [], {})
    assert event.timestamp == event.effective_at == datetime.fromisoformat(event.raw["timestamp"])
    assert event.timestamp.tzinfo is UTC
    assert event.raw["id"] == event.id


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_crash_around_the_commit_changes_nothing(store_url: str, moment: str) -> None:
    database = MortalDatabase(store_url)
    async with opened(store_url, database) as world:
        await world.happen("t1", "t2", "t3")
        consumer = world.consumer(page_size=2)
        await consumer.run_once()
        database.deaths = {database.transactions + 1: moment}
        with pytest.raises(Crash):
            await consumer.run_once()
        assert len(await world.effects()) == (3 if moment == "after" else 2)
        await consume(world.consumer())
        assert [sequence for sequence, _, _ in await world.effects()] == [1, 2, 3]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    deaths=st.dictionaries(st.integers(1, 25), st.sampled_from(["before", "after"]), max_size=12),
    page_size=st.integers(1, 5),
    poisoned=st.sets(st.integers(0, 9), max_size=2),
    fixed_later=st.booleans(),
)
def test_any_crashes_leave_each_effect_once(
    tmp_path_factory: pytest.TempPathFactory,
    deaths: dict[int, str],
    page_size: int,
    poisoned: set[int],
    fixed_later: bool,
) -> None:
    async def play() -> None:
        url = new_store("sqlite", tmp_path_factory.mktemp("store"), None)
        database = MortalDatabase(url)
        async with opened(url, database) as world:
            await world.happen(*[f"t{index % 4}" for index in range(10)])
            database.deaths = {database.transactions + at: moment for at, moment in deaths.items()}
            apply = refusing(*[index + 1 for index in poisoned], error=ValueError("no"))
            await survive(lambda: consume(world.consumer(page_size=page_size, apply=apply)))
            if fixed_later:
                await survive(lambda: world.consumer().redeliver())
            effects = await world.effects()
            letters = await dead_letters(world)
        assert sorted([e[0] for e in effects] + [letter[0] for letter in letters]) == list(range(1, 11))
        assert not (fixed_later and letters)
        for thing in range(4):
            told = [version for _, subject, version in effects if subject == f"t{thing}"]
            assert told == list(range(1, len(told) + 1))

    asyncio.run(play())


async def survive(attempt: Any) -> None:
    """Start again after each death, as a supervisor does."""
    while True:
        try:
            await attempt()
        except Crash:
            continue
        return


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyError("x"), Conflict(), AttributeError("x"), TypeError("x")]
)
async def test_only_the_subject_of_a_failing_event_waits(world: World, error: Exception) -> None:
    await world.happen("t1", "t2", "t1", "t2", "t1")
    consumer = world.consumer(apply=refusing(3, error=error))
    assert await consume(consumer) == 5
    assert [sequence for sequence, _, _ in await world.effects()] == [1, 2, 4]
    letters = await dead_letters(world)
    assert [(sequence, subject) for sequence, subject, _ in letters] == [(3, "t1"), (5, "t1")]
    assert letters[0][2].startswith(type(error).__name__)
    assert letters[1][2] == "waits behind event 3"
    await world.happen("t1", "t2")
    await consume(consumer)
    assert [sequence for sequence, _, _ in await world.effects()] == [1, 2, 4, 7]
    assert [letter[0] for letter in await dead_letters(world)] == [3, 5, 6]


async def test_a_constraint_of_the_store_makes_a_dead_letter_too(world: World) -> None:
    await world.happen("t1", "t2", "t3")

    async def apply(tx: WriteSession, event: Event) -> None:
        await record_effect(tx, event)
        if event.subject_id == "t2":
            await tx.execute(insert(things), {"id": "t1", "version": 1})

    await consume(world.consumer(apply=each(apply)))
    assert [sequence for sequence, _, _ in await world.effects()] == [1, 3]
    assert [letter[:2] for letter in await dead_letters(world)] == [(2, "t2")]


async def test_a_value_the_store_does_not_take_makes_a_dead_letter_too(world: World) -> None:
    await world.happen("t1", "t2")

    async def apply(tx: WriteSession, event: Event) -> None:
        beyond = replace(event, subject_version=2**70) if event.sequence == 1 else event
        await record_effect(tx, beyond)

    await world.consumer(apply=each(apply)).run_once()
    assert [sequence for sequence, _, _ in await world.effects()] == [2]
    assert [letter[0] for letter in await dead_letters(world)] == [1]


async def test_dead_letters_are_applied_in_order_when_the_cause_is_gone(world: World) -> None:
    await world.happen("t1", "t2", "t1", "t2", "t1")
    await consume(world.consumer(apply=refusing(1, 2, error=ValueError("no"))))
    assert await world.effects() == []
    half = world.consumer(apply=refusing(3, error=ValueError("still not")))
    result = await half.redeliver()
    assert (result.applied, result.remaining) == (3, 2)
    assert sorted(sequence for sequence, _, _ in await world.effects()) == [1, 2, 4]
    letters = await dead_letters(world)
    assert [letter[0] for letter in letters] == [3, 5]
    assert "still not" in letters[0][2]
    result = await world.consumer().redeliver("t1")
    assert (result.applied, result.remaining) == (2, 0)
    assert [version for _, subject, version in await world.effects() if subject == "t1"] == [1, 2, 3]
    await world.happen("t1")
    await consume(world.consumer())
    assert (await world.effects())[-1] == (6, "t1", 4)


async def test_only_one_subject_is_redelivered_when_asked(world: World) -> None:
    await world.happen("t1", "t2")
    await consume(world.consumer(apply=refusing(1, 2, error=ValueError("no"))))
    await world.consumer().redeliver("t2")
    assert [subject for _, subject, _ in await world.effects()] == ["t2"]


@pytest.mark.parametrize(
    "error",
    [
        OSError("gone"),
        TimeoutError(),
        ConnectionResetError(),
        Unavailable(),
        OperationalError("", {}, Exception()),
    ],
)
async def test_a_transient_error_stops_the_page_and_leaves_nothing(world: World, error: Exception) -> None:
    await world.happen("t1", "t2", "t3")
    tried: list[int] = []

    async def apply(tx: WriteSession, event: Event) -> None:
        tried.append(event.sequence)
        await refusing(2, error=error)(tx, [event])

    with pytest.raises(type(error)):
        await world.consumer(apply=each(apply)).run_once()
    assert tried == [1, 2]
    assert await world.effects() == []
    assert await dead_letters(world) == []
    assert await consume(world.consumer()) == 3


async def test_a_transient_error_beside_a_permanent_one_is_tried_again(world: World) -> None:
    await world.happen("t1", "t2")

    async def apply(tx: WriteSession, event: Event) -> None:
        raise ValueError("no") if event.sequence == 1 else OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await world.consumer(apply=each(apply)).run_once()
    assert await dead_letters(world) == []


def test_which_errors_are_permanent() -> None:
    class Number(BaseModel):
        n: int

    with pytest.raises(ValueError, match="n") as invalid:
        Number.model_validate({"n": "x"})
    assert is_permanent(invalid.value)
    assert is_permanent(IntegrityError("", {}, Exception()))
    assert not is_permanent(IntegrityError("", {}, Exception(), connection_invalidated=True))


@pytest.mark.parametrize(
    "defect",
    [
        {"timestamp": "once"},
        {"subject": None},
        {"subject": "t1"},
        {"subject": {"type": "thing", "version": 1}},
        {"subject": {"type": "thing", "id": "\x00" + "t" * 50, "version": "\x00"}, "data": None},
    ],
)
async def test_a_malformed_event_waits_alone(world: World, defect: dict[str, Any]) -> None:
    await world.happen("t1", "t2")

    class Careless(LocalFeedSource):
        async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
            page = await super().fetch(after, limit, wait_s)
            events = [{**event, **defect} if event["sequence"] == 1 else event for event in page.events]
            return FetchedPage(events, page.next_cursor, page.has_more, page.epoch, page.head)

    await world.consumer(Careless(world.feed, SYSTEM)).run_once()
    assert [sequence for sequence, _, _ in await world.effects()] == [2]
    assert [letter[0] for letter in await dead_letters(world)] == [1]


async def test_a_new_epoch_makes_the_consumer_start_over(world: World) -> None:
    await world.happen("t1", "t2", "t1")
    await consume(world.consumer(apply=refusing(2, error=ValueError("no"))))
    async with world.database.write() as tx:
        await start_new_epoch(tx, tables)
    consumer = world.consumer()
    assert await consumer.run_once() == 0
    assert await world.effects() == []
    assert await dead_letters(world) == []
    assert (await lag_of(world)).as_of is None
    await consume(consumer)
    assert [sequence for sequence, _, _ in await world.effects()] == [1, 2, 3]


async def test_a_new_epoch_is_noticed_even_if_the_cursor_is_accepted(world: World) -> None:
    await world.happen("t1")
    await consume(world.consumer())

    class Renamed(LocalFeedSource):
        async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
            page = await super().fetch(after, limit, wait_s)
            return FetchedPage(page.events, page.next_cursor, page.has_more, "epo_other", page.head)

    consumer = world.consumer(Renamed(world.feed, SYSTEM))
    await consumer.run_once()
    assert await world.effects() == []
    await consume(consumer)
    assert [sequence for sequence, _, _ in await world.effects()] == [1]


async def test_a_feed_that_refuses_even_its_start_is_an_error(world: World) -> None:
    class Broken:
        async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
            raise CursorExpired

    with pytest.raises(CursorExpired):
        await world.consumer(Broken()).run_once()


async def test_a_page_is_applied_at_once_and_by_single_events_only_when_it_fails(world: World) -> None:
    await world.happen("t1", "t2", "t3")
    calls: list[list[int]] = []

    async def apply(tx: WriteSession, events: Sequence[Event]) -> None:
        calls.append([event.sequence for event in events])
        await refusing(5, error=ValueError("no"))(tx, events)

    consumer = world.consumer(apply=apply)
    await consumer.run_once()
    assert calls == [[1, 2, 3]]
    await world.happen("t1", "t2", "t3")
    await consumer.run_once()
    assert calls[1:] == [[4, 5, 6], [4], [5], [6]]
    assert [sequence for sequence, _, _ in await world.effects()] == [1, 2, 3, 4, 6]
    await world.happen("t1", "t2")
    await consumer.run_once()
    assert calls[5:] == [[7]]


async def test_two_processes_with_one_name_apply_each_event_once(world: World) -> None:
    await world.happen(*[f"t{index % 5}" for index in range(60)])
    workers = [world.consumer(page_size=3) for _ in range(4)]
    fetched = asyncio.Barrier(4)

    class Together(LocalFeedSource):
        async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
            page = await super().fetch(after, limit, wait_s)
            with contextlib.suppress(asyncio.BrokenBarrierError):
                await fetched.wait()
            return page

    workers = [world.consumer(Together(world.feed, SYSTEM), page_size=3) for _ in range(4)]
    for _ in range(20):
        await asyncio.gather(*[worker.run_once() for worker in workers])
    assert [sequence for sequence, _, _ in await world.effects()] == list(range(1, 61))


async def test_events_of_other_types_at_the_end_are_no_lag(world: World) -> None:
    class Chosen(LocalFeedSource):
        async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
            page = await world.feed.page(SYSTEM, after, limit, types=["thing.*"], wait_s=wait_s)
            return FetchedPage.parse(page.json())

    consumer = world.consumer(Chosen(world.feed, SYSTEM))
    await world.happen("t1")
    await world.happen("t2", "t3", kind=OTHER)
    await consumer.run_once()
    behind = await lag_of(world)
    assert (behind.position, behind.head) == (3, 3)
    assert behind.as_of is not None


async def test_the_lag_is_told_with_the_instant_of_what_is_complete(world: World) -> None:
    assert await lag_of(world) == Lag(0, 0, None)
    assert Lag(0, 0, None).events is None
    assert (Lag(0, 7, None).events, Lag(5, 7, None).events, Lag(0, 0, datetime.now(UTC)).events) == (7, 2, 0)
    assert Lag(0, 0, None).seconds(datetime.now(UTC)) is None
    instants = iter(datetime(2026, 11, 23, 8, minute, tzinfo=UTC) for minute in range(60))
    consumer = world.consumer(page_size=2, clock=lambda: next(instants))
    await world.happen("t1", "t2", "t3")
    await consumer.run_once()
    assert await lag_of(world) == Lag(2, 3, None)
    await consumer.run_once()
    caught_up = await lag_of(world)
    assert caught_up.as_of is not None
    assert (caught_up.position, caught_up.head) == (3, 3)
    await world.happen("t1", "t2", "t3")
    await consumer.run_once()
    assert await lag_of(world) == Lag(5, 6, caught_up.as_of)
    await consumer.run_once()
    await consumer.run_once()
    later = await lag_of(world)
    assert later.as_of is not None
    assert later.as_of > caught_up.as_of
    assert later.seconds(later.as_of + timedelta(seconds=7)) == 7


async def test_running_follows_until_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "backoff_s", lambda failures: 0)
    stop, failing, done = asyncio.Event(), iter([True, False, True]), asyncio.Event()

    async def apply(tx: WriteSession, event: Event) -> None:
        if next(failing, False):
            raise OSError("gone")
        await record_effect(tx, event)
        if event.sequence == 4:
            done.set()

    await world.happen("t1", "t2")
    consumer = world.consumer(apply=each(apply), wait_s=30)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(consumer.run(stop))
        await world.happen("t3", "t4")
        await done.wait()
        stop.set()
    assert [sequence for sequence, _, _ in await world.effects()] == [1, 2, 3, 4]


async def test_a_stop_does_not_wait_for_the_feed(world: World) -> None:
    stop, asked = asyncio.Event(), asyncio.Event()

    class Silent:
        async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(world.consumer(Silent()).run(stop))
        await asked.wait()
        stop.set()


async def test_starting_tries_dead_letters_once_more(world: World) -> None:
    await world.happen("t1")
    await consume(world.consumer(apply=refusing(1, error=ValueError("no"))))
    stop = asyncio.Event()

    async def apply(tx: WriteSession, event: Event) -> None:
        await record_effect(tx, event)
        stop.set()

    async with asyncio.timeout(20):
        await world.consumer(apply=each(apply)).run(stop)
    assert [sequence for sequence, _, _ in await world.effects()] == [1]
    assert await dead_letters(world) == []


async def test_running_tries_dead_letters_again_every_five_minutes(world: World) -> None:
    await world.happen("t1")
    at, stop, looks = datetime(2026, 11, 23, 8, tzinfo=UTC), asyncio.Event(), 0
    tried: list[datetime] = []

    async def apply(tx: WriteSession, event: Event) -> None:
        tried.append(at)
        raise ValueError("never")

    class Ticking(LocalFeedSource):
        async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
            nonlocal at, looks
            at, looks = at + timedelta(minutes=1), looks + 1
            if looks == 12:
                stop.set()
            return await super().fetch(after, limit, wait_s)

    consumer = world.consumer(Ticking(world.feed, SYSTEM), apply=apply, clock=lambda: at)
    async with asyncio.timeout(20):
        await consumer.run(stop)
    # Twice when it came, with its page and by itself; then every five minutes.
    assert [instant.minute for instant in tried] == [1, 1, 5, 10]


class Answer:
    def __init__(self, status_code: int, content: bytes = b"") -> None:
        self.status_code = status_code
        self.content = content


class RecordingClient:
    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def get(self, path: str, **options: Any) -> Answer:
        self.asked.append((path, options))
        return self.answers.pop(0)


async def test_a_feed_over_http(world: World) -> None:
    await world.share("t1", "org_a")
    await world.happen("t1", "t2")
    body = (await world.read(member_of("org_a"))).json()
    client = RecordingClient(
        Answer(200, body), Answer(200, body), Answer(410), Answer(503), Answer(200, b"{}")
    )
    source = HttpFeedSource(client, types=("thing.*", "other.created"))
    page = await source.fetch(None, 500, 5)
    assert client.asked[0][0] == "/v1/events"
    assert client.asked[0][1]["params"] == {"limit": 500, "wait": 5, "types": "thing.*,other.created"}
    assert client.asked[0][1]["timeout_s"] > 5
    assert ([event["sequence"] for event in page.events], page.head, page.has_more) == ([1], 2, False)
    await source.fetch(page.next_cursor, 500, 5)
    assert client.asked[1][1]["params"]["after"] == json.loads(body)["next_cursor"] == page.next_cursor
    with pytest.raises(CursorExpired):
        await source.fetch("x", 1, 0)
    with pytest.raises(Unavailable):
        await source.fetch("x", 1, 0)
    with pytest.raises(KeyError):
        await source.fetch("x", 1, 0)


async def test_a_consumer_sees_what_its_credential_may_see(world: World) -> None:
    await world.share("t1", "org_a")
    await world.happen("t1", "t2", "t1")
    await consume(world.consumer(LocalFeedSource(world.feed, member_of("org_a"))))
    assert [sequence for sequence, _, _ in await world.effects()] == [1, 3]
    assert (await lag_of(world)).as_of is not None


async def test_a_feed_that_cannot_be_read_is_one_line_and_no_traceback(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused:
        async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
            stop.set()
            raise TokenRefused("Registry refuses the client id cli_matching or its secret.")

    stop = asyncio.Event()
    consumer = FeedConsumer("refused", world.database, tables, Refused(), no_effect, no_effect)
    log = CapturingLogger()
    monkeypatch.setattr(consumer_module, "_log", log)
    await consumer.run(stop)
    [line] = log.calls
    assert (line.method_name, line.args) == ("warning", ("feed_unavailable",))
    assert line.kwargs["reason"] == "Registry refuses the client id cli_matching or its secret."


async def no_effect(*_: Any) -> None:
    pass
