"""Organisations through HTTP: the directory every member of the network reads."""

import pytest

from tests.support.services import ServiceUnderTest

HOME = {
    "kind": "home_unit",
    "name": "丽水经济技术开发区",
    "unit_type": "development_zone",
    "adcode": "331100",
}


async def test_created_party_is_read_back_with_its_place(registry: ServiceUnderTest) -> None:
    admin = registry.as_admin()
    created = await admin.post("/v1/organisations", json=HOME)
    assert created.status_code == 201
    assert created.headers["etag"] == '"1"'
    read = await admin.get(created.headers["location"])
    assert read.json() == created.json()
    assert read.json()["place"]["name"] == "丽水市"
    assert "yangtze_river_delta" in read.json()["place"]["cluster_ids"]


async def test_unchanged_record_is_not_sent_again(registry: ServiceUnderTest) -> None:
    admin = registry.as_admin()
    created = await admin.post("/v1/organisations", json=HOME)
    again = await admin.get(created.headers["location"], headers={"if-none-match": '"1"'})
    assert (again.status_code, again.content) == (304, b"")


async def test_repeated_create_is_answered_from_the_first(registry: ServiceUnderTest) -> None:
    admin = registry.as_admin()
    first = await admin.post("/v1/organisations", json=HOME, headers={"idempotency-key": "k-1"})
    second = await admin.post("/v1/organisations", json=HOME, headers={"idempotency-key": "k-1"})
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"
    other = await admin.post(
        "/v1/organisations", json={**HOME, "name": "别名"}, headers={"idempotency-key": "k-1"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    listed = await admin.get("/v1/organisations?include_total=true&kind=home_unit")
    assert listed.json()["total"] == {"count": 1, "relation": "eq"}


async def test_patch_needs_the_version_last_read(registry: ServiceUnderTest) -> None:
    admin = registry.as_admin()
    url = (await admin.post("/v1/organisations", json=HOME)).headers["location"]
    assert (await admin.patch(url, json={"name": "新名"})).status_code == 428
    changed = await admin.patch(url, json={"name": "新名"}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    stale = await admin.patch(url, json={"name": "旧名"}, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["current_etag"]) == (412, '"2"')
    same = await admin.patch(url, json={"name": "新名"}, headers={"if-match": '"2"'})
    assert same.headers["etag"] == '"2"'


@pytest.mark.parametrize("field", [{"adcode": "330000"}, {"unit_type": "city"}])
async def test_an_organisation_does_not_widen_its_own_division(
    registry: ServiceUnderTest, field: dict[str, str]
) -> None:
    url = (await registry.as_admin().post("/v1/organisations", json=HOME)).headers["location"]
    itself, match = registry.as_org(url.rsplit("/", 1)[1]), {"if-match": '"1"'}
    wider = await itself.patch(url, json=field, headers=match)
    assert (wider.status_code, wider.json()["code"]) == (403, "insufficient_scope")
    name = {"name": "新名", "adcode": HOME["adcode"]}
    assert (await itself.patch(url, json=name, headers=match)).status_code == 200
    changed = await registry.as_admin().patch(url, json=field, headers={"if-match": '"2"'})
    assert changed.status_code == 200


@pytest.mark.parametrize("header", ["*", "1", 'W/"1"', '"1", "2"', '"x"', '"-1"', '""', '"1234567890"', ""])
async def test_what_is_no_etag_of_ours_is_a_malformed_header(registry: ServiceUnderTest, header: str) -> None:
    admin = registry.as_admin()
    url = (await admin.post("/v1/organisations", json=HOME)).headers["location"]
    refused = await admin.patch(url, json={"name": "新名"}, headers={"if-match": header})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_parameter")
    (error,) = refused.json()["errors"]
    assert (error["header"], error["code"]) == ("If-Match", "malformed_etag")
    assert (await admin.get(url)).json()["name"] == HOME["name"]


async def test_each_change_has_its_event_in_order(registry: ServiceUnderTest) -> None:
    admin = registry.as_admin()
    url = (await admin.post("/v1/organisations", json=HOME)).headers["location"]
    await admin.patch(url, json={"name": "新名"}, headers={"if-match": '"1"'})
    await registry.sequence()
    events = (await admin.get("/v1/events?types=organisation.*")).json()["items"]
    mine = [event for event in events if event["subject"]["url"] == url]
    assert [event["type"] for event in mine] == ["organisation.created", "organisation.updated"]
    assert mine[1]["data"]["previous"] == {"name": HOME["name"]}
    assert mine[1]["subject"]["version"] == 2


async def test_pages_cover_the_list_once_in_both_directions(registry: ServiceUnderTest) -> None:
    admin = registry.as_admin()
    for number in range(7):
        await admin.post("/v1/organisations", json={"kind": "operator", "name": f"运营商 {number % 3}"})
    for sort in ("name", "-name", "created_at", "-id"):
        seen, url = [], f"/v1/organisations?kind=operator&limit=2&sort={sort}"
        while url:
            page = await admin.get(url)
            assert page.status_code == 200
            seen += [item["id"] for item in page.json()["items"]]
            url = page.links.get("next", {}).get("url")
        assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("cursor=abc", "invalid_cursor"),
        ("cursor=%E4%B8%AD", "invalid_cursor"),
        ("limit=0", "invalid_parameter"),
        ("limit=9999999", "invalid_parameter"),
        ("sort=secret", "invalid_parameter"),
        ("kind=nobody", "invalid_parameter"),
        ("kind[gte]=operator", "invalid_parameter"),
        ("nonsense=1", "invalid_parameter"),
        ("limit=1&limit=2", "invalid_parameter"),
    ],
)
async def test_bad_list_parameters_are_named(registry: ServiceUnderTest, query: str, code: str) -> None:
    answer = await registry.as_admin().get(f"/v1/organisations?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_cursor_of_another_caller_is_refused(registry: ServiceUnderTest) -> None:
    admin = registry.as_admin()
    for number in range(3):
        await admin.post("/v1/organisations", json={"kind": "operator", "name": f"甲 {number}"})
    cursor = (await admin.get("/v1/organisations?limit=1")).json()["next_cursor"]
    other = registry.as_org("org_other")
    assert (await other.get(f"/v1/organisations?limit=1&cursor={cursor}")).json()["code"] == "invalid_cursor"


async def test_unknown_division_is_refused_without_effect(registry: ServiceUnderTest) -> None:
    admin = registry.as_admin()
    answer = await admin.post("/v1/organisations", json={**HOME, "adcode": "999999"})
    assert (answer.status_code, answer.json()["code"]) == (409, "unknown_division")
    assert await registry.sequence() == 0


async def test_wrong_method_names_every_allowed_one(registry: ServiceUnderTest) -> None:
    answer = await registry.as_admin().delete("/v1/organisations")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
