"""From a committed change to the receiver: what is sent, in which bytes, and what becomes of it."""

import json

from tests.registry.webhook_receiver import Reply, verified
from tests.registry.webhook_world import Partners


async def test_a_change_arrives_signed_and_in_the_bytes_of_the_feed(partners: Partners) -> None:
    endpoint = await partners.verified()
    project = (await partners.projects(1))[0]
    await partners.deliver()
    (hit,) = partners.receiver.at()
    document = verified(hit, endpoint["secret"])
    feed = (await partners.operator.get("/v1/events?types=project.created")).json()["items"][-1]
    delivery = document.pop("delivery")
    assert document == feed
    assert document["data"]["object"]["id"] == project["id"]
    assert delivery["endpoint_id"] == endpoint["id"]
    assert delivery["sequence"] == 1
    assert hit.headers["content-type"] == "application/json"
    assert hit.id == feed["id"]
    assert hit.headers["webhook-event-type"] == "project.created"
    assert hit.headers["webhook-delivery-id"] == delivery["id"]
    assert hit.headers["webhook-attempt"] == "1"
    assert hit.headers["webhook-sequence"] == "1"
    (row,) = await partners.deliveries(endpoint["id"])
    assert (row["state"], row["attempts"], row["event_id"]) == ("delivered", 1, feed["id"])


async def test_until_the_handshake_is_answered_deliveries_are_held(partners: Partners) -> None:
    partners.receiver.answer_handshakes = False
    endpoint = await partners.create()
    await partners.projects(2)
    await partners.deliver()
    assert (await partners.read(endpoint["id"]))["status"] == "unverified"
    assert not partners.receiver.hits
    assert [row["state"] for row in await partners.deliveries(endpoint["id"])] == ["pending"] * 2
    partners.receiver.answer_handshakes = True
    answer = await partners.operator.post(f"/v1/webhook-endpoints/{endpoint['id']}:verify")
    assert answer.status_code == 202
    await partners.deliver()
    assert [hit.sequence for hit in partners.receiver.at()] == [1, 2]
    verified(partners.receiver.handshakes[-1], endpoint["secret"])
    tries = (await partners.operator.get(f"/v1/webhook-endpoints/{endpoint['id']}/handshakes")).json()
    assert [attempt["number"] for attempt in tries["items"]] == [1, 1]


async def test_a_failure_is_kept_with_what_was_answered(partners: Partners) -> None:
    endpoint = await partners.verified()
    partners.receiver.plan = lambda _: Reply(500, body="数据库忙".encode())
    await partners.projects(1)
    await partners.deliver()
    (row,) = await partners.deliveries(endpoint["id"])
    assert (row["state"], row["attempts"], row["tries"]) == ("pending", 1, 1)
    attempts = (await partners.operator.get(f"/v1/webhook-deliveries/{row['id']}/attempts")).json()["items"]
    assert [(one["number"], one["status"], one["response"]) for one in attempts] == [(1, 500, "数据库忙")]
    assert attempts[0]["address"].startswith("127.0.0.1")
    log = json.dumps([attempts, await partners.read(endpoint["id"])])
    assert endpoint["secret"] not in log
    assert "v1," not in log
