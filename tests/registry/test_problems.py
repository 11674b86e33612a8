"""The list that the ``type`` of every problem document refers to."""

from tests.support.services import ServiceUnderTest


async def test_the_type_of_a_refusal_is_in_the_list(registry: ServiceUnderTest) -> None:
    anonymous = registry.anonymous()
    kinds = {kind["code"]: kind for kind in (await anonymous.get("/v1/problems")).json()["items"]}
    admin = registry.as_admin()
    missing = "org_00000000000000000000000000"
    for refusal in (
        await anonymous.get("/v1/organisations"),
        await admin.get(f"/v1/organisations/{missing}"),
        await admin.get("/v1/nowhere"),
        await admin.post("/v1/organisations", json={"kind": "operator", "name": "甲", "adcode": "999999"}),
        await admin.patch(f"/v1/organisations/{missing}", json={}),
    ):
        problem = refusal.json()
        kind = kinds[problem["type"].partition("#")[2]]
        assert kind["status"] == refusal.status_code
        assert kind["title_zh"]
        assert kind["title_en"]
