"""What a browser finds at a service."""

from tests.support.services import ServiceUnderTest


async def test_the_root_leads_to_the_documentation(registry: ServiceUnderTest) -> None:
    anonymous = registry.anonymous()
    answer = await anonymous.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")
    assert (await anonymous.get("/docs")).status_code == 200
    contract = (await anonymous.get("/openapi.json")).json()
    assert not {"/", "/docs"} & contract["paths"].keys()
