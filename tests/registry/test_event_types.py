"""The catalogue of event types through HTTP."""

from tests.registry.project_world import refusal
from tests.support.services import ServiceUnderTest


async def test_anybody_reads_the_catalogue(registry: ServiceUnderTest) -> None:
    listed = (await registry.anonymous().get("/v1/event-types")).json()["items"]
    names = [entry["type"] for entry in listed]
    assert names == sorted(names)
    assert {"project.stage_changed", "home_unit_profile.updated"} <= set(names)
    for entry in (listed[0], listed[-1]):
        answer = await registry.anonymous().get(f"/v1/event-types/{entry['type']}")
        assert answer.json() == entry
        assert entry["example"]["type"] == entry["schema"]["properties"]["type"]["const"] == entry["type"]
        assert entry["schema"]["$schema"] == "https://json-schema.org/draft/2020-12/schema"


async def test_the_catalogue_is_not_sent_again_to_those_who_have_it(registry: ServiceUnderTest) -> None:
    client = registry.anonymous()
    whole = await client.get("/v1/event-types")
    one = await client.get("/v1/event-types/project.created")
    assert whole.headers["etag"] != one.headers["etag"]
    for answer in (whole, one):
        assert answer.headers["cache-control"] == "public, max-age=300"
        known = {"if-none-match": f'"other", W/{answer.headers["etag"]}'}
        again = await client.get(str(answer.url), headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
    stale = await client.get("/v1/event-types", headers={"if-none-match": one.headers["etag"]})
    assert stale.status_code == 200


async def test_a_type_that_is_none(registry: ServiceUnderTest) -> None:
    client = registry.anonymous()
    assert refusal(await client.get("/v1/event-types/project.eaten")) == (404, "not_found")
    assert refusal(await client.get("/v1/event-types?prefix=project")) == (400, "invalid_parameter")
