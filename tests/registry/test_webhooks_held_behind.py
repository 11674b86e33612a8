"""What waits behind a delivery of its subject goes as soon as that one is final, however it became so."""

from typing import Any

import pytest

from tests.registry.webhook_receiver import Reply
from tests.registry.webhook_world import Partners


async def two_of_one_subject(partners: Partners) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let the first fail, so that the second is held until its next try; then let the receiver do well."""
    endpoint = await partners.verified(ordering="subject")
    (project,) = await partners.projects(1)
    answer = await partners.world.admin.patch(
        f"/v1/projects/{project['id']}", json={"summary": "二期"}, headers={"if-match": '"1"'}
    )
    assert answer.status_code == 200, answer.text
    partners.receiver.plan = lambda _: Reply(500)
    await partners.deliver()
    partners.receiver.plan = lambda _: Reply()
    first, second = await partners.deliveries(endpoint["id"])
    assert (first["tries"], second["tries"]) == (1, 0)
    assert first["due_at"] == second["due_at"]
    return endpoint, first


@pytest.mark.parametrize(
    ("verb", "states"), [("retry", ["delivered"] * 2), ("cancel", ["cancelled", "delivered"])]
)
async def test_the_next_of_a_subject_goes_at_once(partners: Partners, verb: str, states: list[str]) -> None:
    endpoint, first = await two_of_one_subject(partners)
    answer = await partners.operator.post(f"/v1/webhook-deliveries/{first['id']}:{verb}")
    assert answer.is_success, answer.text
    await partners.deliver()
    assert [row["state"] for row in await partners.deliveries(endpoint["id"])] == states


async def test_the_next_of_a_subject_goes_when_the_first_is_no_longer_asked_for(partners: Partners) -> None:
    endpoint, _ = await two_of_one_subject(partners)
    narrower = await partners.operator.patch(
        f"/v1/webhook-endpoints/{endpoint['id']}",
        json={"event_types": ["project.updated"]},
        headers={"if-match": f'"{endpoint["version"]}"'},
    )
    assert narrower.status_code == 200, narrower.text
    await partners.deliver()
    states = [row["state"] for row in await partners.deliveries(endpoint["id"])]
    assert states == ["cancelled", "delivered"]
