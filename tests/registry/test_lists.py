"""What every list has in common, on both databases."""

import pytest

from tests.registry.project_world import make
from tests.support.services import ServiceUnderTest

PATH = "/v1/organisations"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("abc", ["ABC 园区", "abc_园区", "éÀabC"]),
        ("ABC", ["ABC 园区", "abc_园区", "éÀabC"]),
        ("c_园", ["abc_园区"]),
        ("bc%", []),
        ("É", []),
        ("é", ["éÀabC"]),
        ("à", []),
        ("ÀAB", ["éÀabC"]),
        ("园区", ["ABC 园区", "abc_园区"]),
    ],
)
async def test_contains_takes_a_to_z_in_either_case_and_all_else_as_it_is(
    registry: ServiceUnderTest, asked: str, found: list[str]
) -> None:
    admin = registry.as_admin()
    for name in ("ABC 园区", "abc_园区", "éÀabC", "另一个"):
        await make(admin, PATH, {"kind": "operator", "name": name})
    answer = await admin.get(PATH, params={"name[contains]": asked, "sort": "created_at"})
    assert [item["name"] for item in answer.json()["items"]] == found


@pytest.mark.parametrize("suffix", ["!!!!", "=", "====", " ", "\n", "A", "AAAA", "科"])
async def test_a_cursor_with_anything_after_it_is_none(registry: ServiceUnderTest, suffix: str) -> None:
    admin = registry.as_admin()
    for name in ("甲", "乙"):
        await make(admin, PATH, {"kind": "operator", "name": name})
    cursor = (await admin.get(PATH, params={"limit": 1})).json()["next_cursor"]
    assert (await admin.get(PATH, params={"limit": 1, "cursor": cursor})).status_code == 200
    for spoilt in (cursor + suffix, suffix + cursor, cursor[:9] + suffix + cursor[9:]):
        refused = await admin.get(PATH, params={"limit": 1, "cursor": spoilt})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("types", "status"),
    [
        ("*", 200),
        (" organisation.created, *", 200),
        ("organisation.*.x", 400),
        ("organisation*", 400),
        (".*", 400),
        ("organisation.", 400),
        ("**", 400),
        ("organisation.*", 200),
        ("organisation.created , client.*", 200),
    ],
)
async def test_event_types_that_can_never_match_are_refused(
    registry: ServiceUnderTest, types: str, status: int
) -> None:
    admin = registry.as_admin()
    await make(admin, PATH, {"kind": "operator", "name": "甲"})
    await registry.sequence()
    for path in ("/v1/events", "/v1/events/stream") if status == 400 else ("/v1/events",):
        answer = await admin.get(path, params={"types": types})
        assert answer.status_code == status
        assert status == 400 or len(answer.json()["items"]) == 1
