"""A registry that forgets old events, in a sandbox whose clock is put forward."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.registry.access_world import Secured, secured_registry
from tests.registry.project_world import refusal


@pytest.fixture
async def forgetful(registry_url: str) -> AsyncIterator[Secured]:
    async with secured_registry(
        registry_url, clock="movable", run_workers=True, event_retention_days=40
    ) as world:
        yield world


async def test_old_events_are_forgotten_and_what_follows_is_read_and_verified(forgetful: Secured) -> None:
    admin = await forgetful.admin()
    old = await forgetful.organisation("旧单位")
    heard = await admin.get("/v1/events", params={"subject_id": old, "wait": 10})
    assert heard.json()["items"][0]["sequence"] > 1
    cursor = (await admin.get("/v1/events", params={"limit": 1})).json()["next_cursor"]
    kept = await admin.put("/v1/event-consumers/erp", json={"cursor": cursor})
    assert kept.status_code == 201
    await admin.post("/v1/sandbox/clock", json={"advance_s": 41 * 86_400})
    new = await forgetful.organisation("新单位")
    async with asyncio.timeout(20):
        while (gone := await admin.get("/v1/events", params={"after": cursor})).status_code == 200:
            assert gone.json()["items"]
    assert refusal(gone) == (410, "cursor_expired")
    for after in (gone.json()["earliest"], "earliest"):
        page = await admin.get("/v1/events", params={"after": after, "wait": 10})
        [event] = page.json()["items"]
        assert event["subject"]["id"] == new
    expired = await admin.get("/v1/event-consumers/erp/events")
    assert refusal(expired) == (410, "cursor_expired")
    assert expired.json()["earliest"] == gone.json()["earliest"]
    assert (await admin.get("/v1/audit-records")).json()["items"][-1]["id"] == event["id"]
    verified = (await admin.get("/v1/audit-records:verify")).json()
    assert (verified["intact"], verified["complete"]) == (True, True)
    assert (verified["checked_from"], verified["checked"]) == (event["sequence"], 1)
