"""Reference data through HTTP: the same lists, cursors and refusals as everywhere."""

import pytest

from tests.support.services import ServiceUnderTest

LISTS = ["divisions", "industries", "strategic-fields", "clusters"]


async def walk(registry: ServiceUnderTest, url: str) -> list[dict[str, object]]:
    """Every record of a list, page by page."""
    found: list[dict[str, object]] = []
    caller, following = registry.as_org("org_a"), url
    while following:
        page = await caller.get(following)
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        assert page.json()["has_more"] == ("next" in page.links)
        following = page.links.get("next", {}).get("url", "")
    return found


async def test_division_knows_what_it_lies_in(registry: ServiceUnderTest) -> None:
    division = (await registry.as_org("org_a").get("/v1/divisions/331102")).json()
    assert (division["name"], division["level"], division["parent"]) == ("莲都区", 3, "331100")
    assert (division["city_code"], division["province_code"]) == ("331100", "330000")
    assert "yangtze_river_delta" in division["cluster_ids"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("divisions?level=2&parent=330000&name[contains]=丽水", ["331100"]),
        ("divisions?code[in]=331100,310000", ["310000", "331100"]),
        ("divisions?name=上海市&level=1", ["310000"]),
        ("industries?level=section&q=a", ["A"]),
        ("industries?q=3670", ["3670"]),
        ("industries?parent=A&strategic_field=nothing", []),
    ],
)
async def test_filters_find_what_they_say(
    registry: ServiceUnderTest, query: str, expected: list[str]
) -> None:
    assert [record["code"] for record in await walk(registry, f"/v1/{query}")] == expected


async def test_cluster_and_division_agree(registry: ServiceUnderTest) -> None:
    members = await walk(registry, "/v1/divisions?cluster_id=greater_bay_area&level=2&limit=200")
    assert "440300" in {record["code"] for record in members}
    around = await walk(registry, "/v1/clusters?member=440304")
    assert "greater_bay_area" in {record["id"] for record in around}


async def test_field_and_industry_agree(registry: ServiceUnderTest) -> None:
    classes = await walk(registry, "/v1/industries?strategic_field=new_energy_vehicles&level=class&limit=200")
    assert "3670" in {record["code"] for record in classes}
    assert all("new_energy_vehicles" in record["strategic_fields"] for record in classes)  # type: ignore[operator]
    item = (await registry.as_org("org_a").get("/v1/industries/3670")).json()
    assert (item["section"], item["parent"]) == ("C", "36")


@pytest.mark.parametrize("sort", ["code", "-code", "name", "-name", "id", "-id"])
async def test_pages_cover_a_list_once_in_its_order(registry: ServiceUnderTest, sort: str) -> None:
    cities = await walk(registry, f"/v1/divisions?level=2&parent=330000&limit=3&sort={sort}")
    field = "code" if sort.lstrip("-") == "id" else sort.lstrip("-")
    values = [str(record[field]) for record in cities]
    assert len({record["code"] for record in cities}) == len(cities) == 11
    assert values == sorted(values, reverse=sort.startswith("-"))


async def test_same_names_are_told_apart_by_code(registry: ServiceUnderTest) -> None:
    districts = await walk(registry, "/v1/divisions?name=鼓楼区&sort=name&limit=1")
    codes = [record["code"] for record in districts]
    assert len(codes) == len(set(codes)) > 2
    assert codes == sorted(codes)  # type: ignore[type-var]


async def test_total_is_counted_on_request(registry: ServiceUnderTest) -> None:
    page = (await registry.as_org("org_a").get("/v1/strategic-fields?include_total=true&limit=2")).json()
    assert page["total"] == {"count": 9, "relation": "eq"}
    assert len(page["items"]) == 2


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_has_items_that_are_read_alone(registry: ServiceUnderTest, name: str) -> None:
    caller = registry.as_org("org_a")
    first = (await caller.get(f"/v1/{name}?limit=1")).json()["items"][0]
    url = f"/v1/{name}/{first.get('code') or first['id']}"
    read = await caller.get(url)
    assert read.json() == first
    again = await caller.get(url, headers={"if-none-match": read.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", LISTS)
async def test_unknown_entries_and_parameters_are_refused(registry: ServiceUnderTest, name: str) -> None:
    caller = registry.as_org("org_a")
    assert (await caller.get(f"/v1/{name}/nothing")).status_code == 404
    for query in ("limit=0", "sort=secret", "nonsense=1", "cursor=abc", "cursor=", "level[gte]=1", "q=%00"):
        answer = await caller.get(f"/v1/{name}?{query}")
        assert answer.status_code == 400, query
        assert answer.json()["code"] in ("invalid_parameter", "invalid_cursor")


async def test_cursor_is_bound_to_its_list(registry: ServiceUnderTest) -> None:
    caller = registry.as_org("org_a")
    cursor = (await caller.get("/v1/divisions?limit=1")).json()["next_cursor"]
    for url in ("/v1/divisions?limit=1&level=1&cursor=", "/v1/divisions?sort=-code&cursor="):
        assert (await caller.get(url + cursor)).json()["code"] == "invalid_cursor"
    other = registry.as_org("org_b")
    assert (await other.get(f"/v1/divisions?cursor={cursor}")).json()["code"] == "invalid_cursor"


@pytest.mark.parametrize("name", LISTS)
async def test_reading_needs_its_scope(registry: ServiceUnderTest, name: str) -> None:
    for path in (f"/v1/{name}", f"/v1/{name}/x"):
        assert (await registry.anonymous().get(path)).status_code == 401
        refused = await registry.as_org("org_a", "registry:organisations:read").get(path)
        assert (refused.status_code, refused.json()["required_scope"]) == (403, "registry:reference:read")
