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
