"""The audit: who changed what, visible to the parties, and tamper-evident."""

from typing import Any

import httpx2
import pytest
from sqlalchemy import delete, update

from services.registry.base import messaging
from tests.support.services import ServiceUnderTest

HOME = {"kind": "home_unit", "name": "丽水经济技术开发区", "adcode": "331100"}


async def happen(registry: ServiceUnderTest, names: int = 1) -> list[str]:
    """Create organisations, rename each, and number the events; return their ids."""
    admin = registry.as_admin()
    made = []
    for number in range(names):
        created = await admin.post("/v1/organisations", json={**HOME, "name": f"甲 {number}"})
        made.append(created.json()["id"])
        url = created.headers["location"]
        await admin.patch(url, json={"name": f"乙 {number}"}, headers={"if-match": '"1"'})
    await registry.sequence()
    return made


async def records(caller: httpx2.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await caller.get(f"/v1/audit-records{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_record_says_who_changed_what_from_what_to_what(registry: ServiceUnderTest) -> None:
    (home,) = await happen(registry)
    renamed, created = await records(registry.as_admin(), f"?resource_id={home}")
    assert (created["action"], renamed["action"]) == ("organisation.created", "organisation.updated")
    assert (renamed["before"], renamed["after"]) == ({"name": "甲 0"}, {"name": "乙 0"})
    assert (created["before"], created["after"]["name"]) == ({}, "甲 0")
    assert renamed["actor"] == {"type": "client", "id": "cli_admin", "organisation_id": None}
    assert renamed["resource"] == {
        "type": "organisation",
        "id": home,
        "version": 2,
        "url": f"/v1/organisations/{home}",
    }
    assert renamed["sequence"] == created["sequence"] + 1
    assert renamed["chain"] != created["chain"]


async def test_record_carries_the_id_of_its_request(registry: ServiceUnderTest) -> None:
    headers = {"x-request-id": "a-request-of-mine"}
    await registry.as_admin().post("/v1/organisations", json=HOME, headers=headers)
    await registry.sequence()
    assert (await records(registry.as_admin()))[0]["request_id"] == "a-request-of-mine"


async def test_change_without_a_commit_leaves_no_record(registry: ServiceUnderTest) -> None:
    admin = registry.as_admin()
    await admin.post("/v1/organisations", json={**HOME, "adcode": "999999"})
    await registry.sequence()
    assert await records(admin) == []


async def test_party_sees_its_own_records_only(registry: ServiceUnderTest) -> None:
    mine, other = await happen(registry, 2)
    caller = registry.as_org(mine)
    assert {record["resource"]["id"] for record in await records(caller)} == {mine}
    assert await records(caller, f"?resource_id={other}") == []
    theirs = (await records(registry.as_admin(), f"?resource_id={other}"))[0]
    assert (await caller.get(f"/v1/audit-records/{theirs['id']}")).status_code == 404
    own = (await records(caller))[0]
    assert (await caller.get(f"/v1/audit-records/{own['id']}")).json() == own


async def test_pages_run_by_position_both_ways(registry: ServiceUnderTest) -> None:
    await happen(registry, 4)
    admin = registry.as_admin()
    for sort, expected in (("-sequence", list(range(8, 0, -1))), ("sequence", list(range(1, 9)))):
        seen, url = [], f"/v1/audit-records?limit=3&sort={sort}"
        while url:
            page = await admin.get(url)
            seen += [record["sequence"] for record in page.json()["items"]]
            url = page.links.get("next", {}).get("url", "")
        assert seen == expected


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?action=organisation.updated", 3),
        ("?action[in]=organisation.updated,organisation.created", 6),
        ("?resource_type=organisation", 6),
        ("?resource_type=project", 0),
        ("?sequence[gte]=2&sequence[lt]=4", 2),
        ("?root_id=org_nobody", 0),
    ],
)
async def test_filters_narrow_the_list(registry: ServiceUnderTest, query: str, count: int) -> None:
    await happen(registry, 3)
    assert len(await records(registry.as_admin(), query)) == count


async def test_untouched_log_is_intact(registry: ServiceUnderTest) -> None:
    caller = registry.as_admin()
    empty = (await caller.get("/v1/audit-records:verify")).json()
    assert (empty["intact"], empty["head"], empty["complete"]) == (True, 0, True)
    await happen(registry, 3)
    report = (await caller.get("/v1/audit-records:verify")).json()
    assert report == {
        "intact": True, "first_broken": None, "checked": 6, "checked_from": 1, "checked_to": 6, "head": 6,
        "complete": True,
    }  # fmt: skip
    part = (await caller.get("/v1/audit-records:verify?from_sequence=2&to_sequence=4")).json()
    assert (part["intact"], part["checked"], part["checked_to"], part["complete"]) == (True, 3, 4, False)
    beyond = (await caller.get("/v1/audit-records:verify?from_sequence=7")).json()
    assert (beyond["intact"], beyond["checked"]) == (True, 0)


@pytest.mark.parametrize("position", [1, 3, 6])
@pytest.mark.parametrize("act", ["change", "remove"])
async def test_tampering_is_found_where_it_happened(
    registry: ServiceUnderTest, act: str, position: int
) -> None:
    await happen(registry, 3)
    events = messaging.events
    here = events.c.sequence == position
    async with registry.database.write() as tx:
        if act == "remove":
            await tx.execute(delete(events).where(here))
        else:
            payload = (await tx.row(events.select().where(here)))["payload"]  # type: ignore[index]
            await tx.execute(
                update(events).where(here).values(payload=payload.replace("cli_admin", "cli_other"))
            )
    report = (await registry.as_admin().get("/v1/audit-records:verify")).json()
    assert (report["intact"], report["first_broken"], report["complete"]) == (False, position, False)


async def test_reading_needs_its_scope(registry: ServiceUnderTest) -> None:
    for path in ("/v1/audit-records", "/v1/audit-records/evt_x", "/v1/audit-records:verify"):
        assert (await registry.anonymous().get(path)).status_code == 401
        assert (await registry.as_org("org_a", "registry:events:read").get(path)).status_code == 403


@pytest.mark.parametrize(
    "query",
    ["?sort=at", "?cursor=x", "?sequence=x", "?action[contains]=a", ":verify?from_sequence=0", ":verify?x=1"],
)
async def test_bad_parameters_are_refused(registry: ServiceUnderTest, query: str) -> None:
    assert (await registry.as_admin().get(f"/v1/audit-records{query}")).status_code == 400


async def test_record_is_never_changed_through_the_api(registry: ServiceUnderTest) -> None:
    await happen(registry)
    admin = registry.as_admin()
    url = f"/v1/audit-records/{(await records(admin))[0]['id']}"
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        assert (await admin.request(method, url)).status_code == 405
