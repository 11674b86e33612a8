import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from shared.context import RequestContext, request_context
from shared.identity import SYSTEM, Principal
from shared.messaging.outbox import (
    MAX_EVENT_BYTES,
    PUBLISHED,
    EventTooLarge,
    EventType,
    event_row,
    with_sequence,
)
from shared.messaging.sequencer import backlog_since
from tests.shared.messaging_world import CHANGED, CREATED, ThingRead, World, parsed

SUBJECT: dict[str, Any] = {
    "subject_type": "thing",
    "subject_id": "t1",
    "version": 7,
    "root_id": "r1",
    "url": "/v1/things/t1",
}


def thing(name: str = "名称") -> ThingRead:
    return ThingRead(id="t1", name=name)


async def test_the_event_a_reader_gets_is_what_was_published(world: World) -> None:
    await world.happen("t1")
    page = await world.read()
    (event,) = parsed(page)
    assert list(event) == [
        *("id", "type", "timestamp", "sequence", "subject", "actor"),
        *("request_id", "traceparent", "effective_at", "data"),
    ]
    assert event["type"] == "thing.created"
    assert event["sequence"] == 1
    assert event["subject"] == {"type": "thing", "id": "t1", "version": 1, "url": "/v1/things/t1"}
    assert event["actor"] == {"type": "system", "id": "system", "organisation_id": None}
    assert event["data"] == {"object": {"id": "t1", "name": "名称"}, "changed": [], "previous": {}}
    assert event["effective_at"] == event["timestamp"]
    assert b": " not in page.events[0]


def test_actor_request_and_the_time_it_happened_are_told() -> None:
    actor = Principal("client", "cli_1", "org_1", frozenset())
    token = request_context.set(RequestContext("req_1", "00-ab-cd-01"))
    try:
        row = event_row(
            CHANGED,
            actor=actor,
            record=thing(),
            changed=["amount_cny"],
            previous={"amount_cny": Decimal("1.50")},
            effective_at=datetime(2026, 11, 20, tzinfo=UTC),
            **SUBJECT,
        )
    finally:
        request_context.reset(token)
    event = json.loads(row["payload"])
    assert event["actor"] == {"type": "client", "id": "cli_1", "organisation_id": "org_1"}
    assert (event["request_id"], event["traceparent"]) == ("req_1", "00-ab-cd-01")
    assert event["effective_at"] == "2026-11-20T00:00:00.000Z"
    assert event["data"]["changed"] == ["amount_cny"]
    assert event["data"]["previous"] == {"amount_cny": "1.50"}
    assert "sequence" not in event


@pytest.mark.parametrize("name", ['","subject":{"id":"forged"}', '\\",\\"subject\\":', "\u2028\x7f", "}"])
def test_the_sequence_is_spliced_in_at_one_place_whatever_the_record_says(name: str) -> None:
    row = event_row(CREATED, actor=SYSTEM, record=thing(name), **SUBJECT)
    event = json.loads(with_sequence(row["payload"], 42))
    assert event.pop("sequence") == 42
    assert event == json.loads(row["payload"])
    assert event["data"]["object"]["name"] == name


def test_a_record_with_a_subject_of_its_own_changes_nothing() -> None:
    class Letter(BaseModel):
        id: str
        subject: str

    kind = EventType("letter.created", Letter, "Letter created", "已创建")
    row = event_row(kind, actor=SYSTEM, record=Letter(id="l1", subject="x"), **SUBJECT)
    event = json.loads(with_sequence(row["payload"], 42))
    assert event["sequence"] == 42
    assert event["data"]["object"] == {"id": "l1", "subject": "x"}


def test_an_event_has_a_greatest_size() -> None:
    at_most = thing("x" * (MAX_EVENT_BYTES - 1000))
    row = event_row(CREATED, actor=SYSTEM, record=at_most, **SUBJECT)
    assert len(with_sequence(row["payload"], 2**62)) <= MAX_EVENT_BYTES
    with pytest.raises(EventTooLarge):
        event_row(CREATED, actor=SYSTEM, record=thing("企" * (MAX_EVENT_BYTES // 3)), **SUBJECT)


def test_a_record_of_another_model_is_refused() -> None:
    class Another(BaseModel):
        id: str

    with pytest.raises(TypeError, match="ThingRead"):
        event_row(CREATED, actor=SYSTEM, record=Another(id="t1"), **SUBJECT)


async def test_the_sequencer_is_woken_by_a_commit_and_not_by_a_rollback(world: World) -> None:
    signal = world.database.signal(PUBLISHED)
    with pytest.raises(RuntimeError, match="undone"):
        async with world.database.write() as tx:
            await world.change(tx, "t1")
            raise RuntimeError("undone")
    assert signal.count == 0
    async with world.database.write() as tx:
        await world.change(tx, "t1")
        await world.change(tx, "t1")
        assert signal.count == 0
    assert signal.count == 1


async def test_what_waits_for_a_position_can_be_told(world: World) -> None:
    async with world.database.write() as tx:
        await world.change(tx, "t1")
    async with world.database.read() as session:
        waiting_since = await backlog_since(session, world.tables)
    assert waiting_since is not None
    await world.number()
    async with world.database.read() as session:
        assert await backlog_since(session, world.tables) is None
