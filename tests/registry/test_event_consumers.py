"""Named consumers: a cursor kept at the service, moved by compare-and-set, for its owner only."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from shared import clock
from shared.messaging import event_consumers
from shared.messaging.cursor import Cursor
from shared.messaging.sequencer import start_new_epoch
from tests.registry.project_world import World, build_world, refusal
from tests.support.services import ServiceUnderTest

URL = "/v1/event-consumers/erp"


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


async def put(
    client: httpx2.AsyncClient, cursor: str, version: int | None = None, url: str = URL, **more: Any
) -> httpx2.Response:
    headers = {} if version is None else {"if-match": f'"{version}"'}
    return await client.put(url, json={"cursor": cursor, **more}, headers=headers)


async def project_events(world: World, count: int) -> list[dict[str, Any]]:
    """Make projects and return what the operator's feed says of them."""
    for number in range(count):
        await world.create_project(title=f"项目 {number}", team_name=f"团队 {number}")
    await world.registry.sequence()
    answer = await world.operator.get("/v1/events", params={"types": "project.*", "limit": 1000})
    items: list[dict[str, Any]] = answer.json()["items"]
    assert len(items) == count
    return items


async def test_a_consumer_reads_from_its_cursor_until_it_is_moved(world: World) -> None:
    events = await project_events(world, 3)
    made = await put(world.operator, "earliest", types=["project.*"])
    assert (made.status_code, made.headers["etag"], made.headers["location"]) == (201, '"1"', URL)
    assert (made.json()["types"], made.json()["version"]) == (["project.*"], 1)

    async def read() -> httpx2.Response:
        return await world.operator.get(f"{URL}/events", params={"limit": 2})

    first = await read()
    assert first.json()["items"] == events[:2]
    assert first.headers["etag"] == '"1"'
    assert (await read()).json()["items"] == events[:2]
    moved = await put(world.operator, first.json()["next_cursor"], 1)
    assert (moved.status_code, moved.headers["etag"]) == (200, '"2"')
    assert moved.json()["types"] == ["project.*"]
    assert (await read()).json()["items"] == events[2:]
    kept = await world.operator.get(URL)
    assert kept.json() == moved.json()
    assert kept.json()["cursor"] == first.json()["next_cursor"]


async def test_what_is_kept_is_a_concrete_cursor(world: World) -> None:
    events = await project_events(world, 2)
    head = (await world.operator.get("/v1/events")).json()["head"]
    latest = (await put(world.operator, "latest")).json()["cursor"]
    assert Cursor.parse(latest).position == head
    before = (await put(world.operator, "2026-01-01T00:00:00Z", 1)).json()["cursor"]
    assert Cursor.parse(before).position == 0
    later = clock.to_rfc3339(clock.now() + timedelta(hours=1))
    assert (await put(world.operator, later, 2)).json()["cursor"] == latest
    back = await put(world.operator, "earliest", 3, types=["project.created"])
    assert back.json()["version"] == 4
    found = (await world.operator.get(f"{URL}/events")).json()["items"]
    assert found == [event for event in events if event["type"] == "project.created"]


async def test_of_two_moves_at_once_exactly_one_wins(world: World) -> None:
    events = await project_events(world, 3)
    await put(world.operator, "earliest")
    epoch = (await world.operator.get("/v1/events")).json()["epoch"]
    cursors = [str(Cursor(epoch, event["sequence"])) for event in events[:2]]
    answers = await asyncio.gather(*(put(world.operator, cursor, 1) for cursor in cursors))
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert (won.status_code, won.json()["version"]) == (200, 2)
    assert refusal(lost) == (412, "precondition_failed")
    assert (lost.json()["current_etag"], lost.json()["cursor"]) == ('"2"', won.json()["cursor"])
    assert (await world.operator.get(URL)).json() == won.json()


async def test_of_two_first_puts_at_once_exactly_one_makes_it(world: World) -> None:
    answers = await asyncio.gather(*(put(world.operator, "earliest") for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 428]


async def test_preconditions_say_what_is_known_of_the_consumer(world: World) -> None:
    assert refusal(await put(world.operator, "earliest", 1)) == (404, "not_found")
    made = await put(world.operator, "earliest")
    unread = await put(world.operator, "latest")
    assert refusal(unread) == (428, "precondition_required")
    assert unread.json()["cursor"] == made.json()["cursor"]
    insists = {"if-none-match": "*"}
    again = await world.operator.put(URL, json={"cursor": "latest"}, headers=insists)
    assert refusal(again) == (412, "precondition_failed")
    assert (await world.operator.get(URL)).json() == made.json()
    other = await world.operator.put(f"{URL}-2", json={"cursor": "latest"}, headers=insists)
    assert other.status_code == 201


async def test_moving_to_where_it_is_changes_nothing(world: World) -> None:
    made = (await put(world.operator, "earliest", types=["landing.*", "project.*"])).json()
    same = await put(world.operator, made["cursor"], 1, types=["project.*", "landing.*", "project.*"])
    assert (same.status_code, same.json()) == (200, made)
    every = await put(world.operator, made["cursor"], 1, types=None)
    assert (every.json()["types"], every.json()["version"]) == (None, 2)
    assert (await put(world.operator, made["cursor"], 2, types=["*"])).json()["version"] == 2


async def test_consumers_belong_to_an_organisation(world: World) -> None:
    await put(world.operator, "earliest")
    sister = world.registry.as_org(world.operator_id, client_id="cli_sister")
    assert (await sister.get(URL)).status_code == 200
    for stranger in (world.stranger, world.home_unit, world.admin):
        assert refusal(await stranger.get(URL)) == (404, "not_found")
        assert refusal(await stranger.get(f"{URL}/events")) == (404, "not_found")
        assert refusal(await stranger.delete(URL)) == (404, "not_found")
        assert (await stranger.get("/v1/event-consumers")).json()["items"] == []
        assert (await put(stranger, "latest")).status_code == 201
    assert [c["name"] for c in (await sister.get("/v1/event-consumers")).json()["items"]] == ["erp"]
    assert (await sister.get(URL)).json()["version"] == 1


async def test_an_owner_sees_of_its_consumer_what_it_sees_of_the_feed(world: World) -> None:
    await project_events(world, 2)
    await put(world.stranger, "earliest", types=["project.*"])
    page = (await world.stranger.get(f"{URL}/events")).json()
    assert (page["items"], page["has_more"]) == ([], False)


async def test_reading_and_writing_need_their_scopes(world: World) -> None:
    await put(world.operator, "earliest")
    reader = world.registry.as_org(world.operator_id, "registry:events:read")
    writer = world.registry.as_org(world.operator_id, "registry:events:write")
    assert (await reader.get(URL)).status_code == 200
    assert refusal(await put(reader, "latest", 1)) == (403, "insufficient_scope")
    assert refusal(await reader.delete(URL)) == (403, "insufficient_scope")
    assert refusal(await writer.get(URL)) == (403, "insufficient_scope")
    assert (await put(writer, "latest", 1)).status_code == 200


async def test_a_deleted_consumer_can_be_made_anew(world: World) -> None:
    await put(world.operator, "earliest")
    assert (await world.operator.delete(URL)).status_code == 204
    assert refusal(await world.operator.delete(URL)) == (404, "not_found")
    assert refusal(await world.operator.get(URL)) == (404, "not_found")
    assert (await put(world.operator, "earliest")).json()["version"] == 1


async def test_an_owner_has_a_bounded_number(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_consumers, "MAX_CONSUMERS", 2)
    urls = [f"/v1/event-consumers/c{number}" for number in range(4)]
    answers = await asyncio.gather(*(put(world.operator, "earliest", url=url) for url in urls))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {
        "too_many_consumers"
    }
    assert (await put(world.stranger, "earliest", url=urls[0])).status_code == 201


async def test_what_is_no_position_of_this_feed_is_refused(world: World) -> None:
    await project_events(world, 1)
    epoch = (await world.operator.get("/v1/events")).json()["epoch"]
    for cursor, expected in {
        "not-a-cursor": (422, "validation_failed"),
        str(Cursor("epo_elsewhere", 1)): (410, "cursor_expired"),
        str(Cursor(epoch, 10**6)): (410, "cursor_expired"),
        "": (422, "validation_failed"),
    }.items():
        answer = await put(world.operator, cursor)
        assert refusal(answer) == expected, cursor
    assert (await put(world.operator, "not-a-cursor")).json()["errors"][0]["pointer"] == "/cursor"
    for name in ("ERP", "a" * 81, "a%20b"):
        answer = await put(world.operator, "earliest", url=f"/v1/event-consumers/{name}")
        assert refusal(answer) == (400, "invalid_parameter"), name
    assert (await put(world.operator, "earliest", types=["Project"])).status_code == 422
    assert (await world.operator.get("/v1/event-consumers")).json()["items"] == []


async def test_after_a_restore_a_consumer_has_expired_and_starts_again(world: World) -> None:
    events = await project_events(world, 1)
    await put(world.operator, "latest", types=["project.*"])
    async with world.registry.database.write() as tx:
        await start_new_epoch(tx, world.registry.tables)
    gone = await world.operator.get(f"{URL}/events")
    assert refusal(gone) == (410, "cursor_expired")
    assert (await put(world.operator, gone.json()["earliest"], 1)).status_code == 200
    assert (await world.operator.get(f"{URL}/events")).json()["items"] == events


async def test_waiting_ends_with_the_next_event(world: World) -> None:
    await put(world.operator, "latest", types=["project.*"])
    waiting = asyncio.create_task(world.operator.get(f"{URL}/events", params={"wait": 20}))
    project = await world.create_project()
    await world.registry.sequence()
    [event] = (await asyncio.wait_for(waiting, 15)).json()["items"]
    assert event["subject"]["id"] == project["id"]
