"""Sending again, comparing what was sent, and reading it from the feed instead."""

import hashlib
import json
from typing import Any

import pytest

from services.registry.deliveries.fanout import FanOut
from services.registry.relay.service import consumer_from
from services.registry.replays.service import replay_some
from shared.messaging.received import FetchedPage
from tests.registry.project_world import refusal
from tests.registry.webhook_receiver import Reply
from tests.registry.webhook_world import Partners


async def replayed(partners: Partners) -> None:
    """Let replays run to their end, and deliver."""
    while True:
        async with partners.registry.database.write() as tx:
            if not await replay_some(tx, 2):
                break
    await partners.deliver()


async def ask(partners: Partners, endpoint_id: str, **criteria: Any) -> dict[str, Any]:
    answer = await partners.operator.post(
        "/v1/webhook-replays", json={"endpoint_id": endpoint_id, **criteria}
    )
    assert answer.status_code == 202, answer.text
    record: dict[str, Any] = answer.json()
    return record


async def test_what_was_sent_is_sent_again_in_the_same_bytes(partners: Partners) -> None:
    endpoint = await partners.verified()
    await partners.projects(5)
    await partners.deliver()
    first = {hit.sequence: hit.body for hit in partners.receiver.hits}
    partners.receiver.hits.clear()
    replay = await ask(partners, endpoint["id"], from_sequence=2, to_sequence=4)
    await partners.world.create_project(title="之后的", team_name="之后的")
    await replayed(partners)
    again = {hit.sequence: hit.body for hit in partners.receiver.hits}
    assert sorted(again) == [2, 3, 4, 6]
    assert all(again[number] == first[number] for number in (2, 3, 4))
    done = (await partners.operator.get(f"/v1/webhook-replays/{replay['id']}")).json()
    assert (done["state"], done["sent"]) == ("done", 3)
    rows = await partners.deliveries(endpoint["id"])
    assert [row["attempts"] for row in rows] == [1, 2, 2, 2, 1, 1]
    listed = (await partners.operator.get("/v1/webhook-replays")).json()["items"]
    assert [one["id"] for one in listed] == [replay["id"]]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({"states": ["dead"]}, {1}),
        ({"states": ["delivered"]}, {2, 3, 4}),
        ({"event_types": ["project.updated"]}, {4}),
        ({"event_types": ["landing.*"]}, set()),
        ({"subject_id": "first"}, {1, 4}),
        ({"from_time": "later"}, {4}),
        ({"to_time": "later"}, {1, 2, 3}),
        ({}, {1, 2, 3, 4}),
    ],
)
async def test_a_replay_chooses_by_state_type_subject_and_time(
    partners: Partners, criteria: dict[str, Any], expected: set[int]
) -> None:
    endpoint = await partners.verified()
    first = (await partners.projects(3))[0]
    await partners.registry.sequence()
    await partners.travel(3600)
    later = (await partners.world.admin.get("/v1/sandbox/clock")).json()["now"]
    await partners.world.admin.patch(
        f"/v1/projects/{first['id']}", json={"summary": "新"}, headers={"if-match": '"1"'}
    )
    partners.receiver.plan = lambda hit: Reply(500 if hit.sequence == 1 else 200)
    await partners.deliver()
    for _ in range(14):
        await partners.travel(15 * 3600)
        await partners.deliver()
    partners.receiver.plan = lambda _: Reply()
    partners.receiver.hits.clear()
    named = {"first": first["id"], "later": later}
    asked = {
        name: named.get(value, value) if isinstance(value, str) else value for name, value in criteria.items()
    }
    dry = await ask(partners, endpoint["id"], **asked, dry_run=True)
    assert (dry["state"], dry["sent"], dry["id"]) == ("dry_run", len(expected), None)
    await partners.deliver()
    assert not partners.receiver.hits
    await ask(partners, endpoint["id"], **asked)
    await replayed(partners)
    assert {hit.sequence for hit in partners.receiver.hits} == expected


async def test_a_snapshot_sends_every_record_as_it_is_now(partners: Partners) -> None:
    first, second = await partners.projects(2)
    await partners.world.admin.patch(
        f"/v1/projects/{first['id']}", json={"summary": "现在"}, headers={"if-match": '"1"'}
    )
    await partners.registry.sequence()
    endpoint = await partners.verified()
    assert not partners.receiver.hits
    dry = await ask(partners, endpoint["id"], mode="snapshot", dry_run=True)
    await ask(partners, endpoint["id"], mode="snapshot")
    await replayed(partners)
    told = {hit.document["subject"]["id"]: hit.document["data"]["object"] for hit in partners.receiver.hits}
    assert dry["sent"] == len(partners.receiver.hits) == 2
    assert told[first["id"]]["summary"] == "现在"
    assert told[second["id"]]["version"] == 1
    assert sorted(hit.sequence for hit in partners.receiver.hits) == [1, 2]
    with_past = await partners.operator.post(
        "/v1/webhook-replays", json={"endpoint_id": endpoint["id"], "mode": "snapshot", "from_sequence": 1}
    )
    assert with_past.status_code == 422


async def test_a_replay_is_resumed_and_can_be_cancelled_in_between(partners: Partners) -> None:
    endpoint = await partners.verified()
    await partners.projects(5)
    await partners.deliver()
    replay = await ask(partners, endpoint["id"])
    async with partners.registry.database.write() as tx:
        assert await replay_some(tx, 2) == 2
    halfway = (await partners.operator.get(f"/v1/webhook-replays/{replay['id']}")).json()
    assert (halfway["state"], halfway["sent"]) == ("running", 2)
    cancelled = await partners.operator.post(f"/v1/webhook-replays/{replay['id']}:cancel")
    assert cancelled.json()["state"] == "cancelled"
    await replayed(partners)
    assert [row["attempts"] for row in await partners.deliveries(endpoint["id"])] == [2, 2, 1, 1, 1]
    again = await partners.operator.post(f"/v1/webhook-replays/{replay['id']}:cancel")
    assert refusal(again) == (409, "replay_not_running")


async def test_a_dead_delivery_is_retried_with_a_whole_round_before_it(partners: Partners) -> None:
    endpoint = await partners.verified()
    partners.receiver.plan = lambda _: Reply(500)
    await partners.projects(1)
    await partners.deliver()
    (row,) = await partners.deliveries(endpoint["id"])
    answer = await partners.operator.post(f"/v1/webhook-deliveries/{row['id']}:retry")
    assert (answer.status_code, answer.json()["tries"]) == (202, 0)
    await partners.deliver()
    (row,) = await partners.deliveries(endpoint["id"])
    assert (row["state"], row["attempts"], row["tries"]) == ("pending", 2, 1)
    assert [hit.headers["webhook-attempt"] for hit in partners.receiver.hits] == ["1", "2"]
    done = await partners.operator.post(f"/v1/webhook-deliveries/{row['id']}:cancel")
    assert done.json()["state"] == "cancelled"
    twice = await partners.operator.post(f"/v1/webhook-deliveries/{row['id']}:cancel")
    assert refusal(twice) == (409, "delivery_not_pending")


async def test_reconciliation_equals_what_arrived(partners: Partners) -> None:
    endpoint = await partners.verified()
    partners.receiver.plan = lambda hit: Reply(500 if hit.sequence in (3, 4) else 200)
    await partners.projects(6)
    await partners.deliver()
    path = f"/v1/webhook-endpoints/{endpoint['id']}/reconciliation"
    found = (await partners.operator.get(path)).json()
    assert [(run["from_sequence"], run["to_sequence"], run["state"]) for run in found["runs"]] == [
        (1, 2, "delivered"),
        (3, 4, "pending"),
        (5, 6, "delivered"),
    ]
    assert (found["head"], found["counts"]["delivered"], found["counts"]["pending"]) == (6, 4, 2)
    received = {hit.sequence: hit.id for hit in partners.receiver.hits}
    lines = "".join(f"{sequence}:{received[sequence]}\n" for sequence in sorted(received))
    assert found["digest"] == hashlib.sha256(lines.encode()).hexdigest()
    part = (await partners.operator.get(f"{path}?from_sequence=2&to_sequence=3")).json()
    assert (part["from_sequence"], part["to_sequence"], len(part["runs"])) == (2, 3, 2)
    beyond = (await partners.operator.get(f"{path}?from_sequence=7")).json()
    assert (beyond["runs"], beyond["to_sequence"]) == ([], 6)
    assert (await partners.operator.get(f"{path}?from_sequence=0")).status_code == 400


async def test_the_feed_of_an_endpoint_has_the_bytes_that_were_sent(partners: Partners) -> None:
    endpoint = await partners.verified(event_types=["project.*"])
    await partners.projects(3)
    await partners.deliver()
    sent = {hit.sequence: hit.body for hit in partners.receiver.hits}
    lines = await partners.operator.get(
        f"/v1/events?endpoint_id={endpoint['id']}", headers={"accept": "application/jsonl"}
    )
    *events, last = lines.content.strip().split(b"\n")
    assert events == [sent[1], sent[2], sent[3]]
    cursor = json.loads(last)["next_cursor"]
    first = (await partners.operator.get(f"/v1/events?endpoint_id={endpoint['id']}&limit=1")).json()
    assert (first["items"][0]["delivery"]["sequence"], first["has_more"]) == (1, True)
    await partners.world.create_project(title="第四", team_name="第四")
    await partners.registry.sequence()
    rest = (
        await partners.operator.get(f"/v1/events?endpoint_id={endpoint['id']}&after={cursor}&wait=5")
    ).json()
    assert [item["delivery"]["sequence"] for item in rest["items"]] == [4]
    other = await partners.verified("/other")
    foreign = await partners.operator.get(f"/v1/events?endpoint_id={other['id']}&after={cursor}")
    assert refusal(foreign) == (410, "cursor_expired")
    assert foreign.json()["earliest"]
    both = await partners.operator.get(f"/v1/events?endpoint_id={endpoint['id']}&types=project.*")
    assert both.status_code == 400
    stranger = await partners.world.stranger.get(f"/v1/events?endpoint_id={endpoint['id']}")
    assert refusal(stranger) == (404, "not_found")


class Pages:
    """A feed of another service, a page at a time."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = list(events)
        self.epoch = "epo_one"

    async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
        start = int(after or 0)
        some = self.events[start : start + limit]
        end = start + len(some)
        return FetchedPage(list(some), str(end), end < len(self.events), self.epoch, len(self.events))


def profile_event(home_unit_id: str, version: int) -> dict[str, Any]:
    return {
        "id": f"evt_01jd3v9w8xk4m7q2r5t6y8z{version:03}",
        "type": "home_unit_profile.updated",
        "timestamp": "2026-11-23T01:02:03.456Z",
        "sequence": version,
        "subject": {
            "type": "home_unit_profile",
            "id": home_unit_id,
            "version": version,
            "url": f"/v1/home-units/{home_unit_id}/profile",
        },
        "actor": {"type": "client", "id": "cli_1", "organisation_id": home_unit_id},
        "request_id": None,
        "traceparent": None,
        "effective_at": "2026-11-23T01:02:03.456Z",
        "data": {
            "object": {"home_unit_id": home_unit_id, "description": "画像"},
            "changed": [],
            "previous": {},
        },
    }


async def test_events_of_other_services_reach_the_same_endpoints_once(partners: Partners) -> None:
    home = await partners.verified("/home", partners.world.home_unit, event_types=["home_unit_profile.*"])
    await partners.verified("/operator", event_types=["home_unit_profile.*", "project.*"])
    pages = Pages(*[profile_event(partners.world.home_unit_id, version) for version in (1, 2)])
    consumer = consumer_from("matching", partners.registry.database, pages, FanOut())
    await consumer.run_once()
    await partners.deliver()
    assert [hit.sequence for hit in partners.receiver.at("/home")] == [1, 2]
    document = partners.receiver.at("/home")[0].document
    delivery = document.pop("delivery")
    assert document == pages.events[0]
    assert (delivery["endpoint_id"], delivery["sequence"]) == (home["id"], 1)
    assert not partners.receiver.at("/operator")
    # The other service was restored and tells everything again, and something new.
    pages.epoch = "epo_two"
    pages.events.append(profile_event(partners.world.home_unit_id, 3))
    while await consumer.run_once() or len(partners.receiver.at("/home")) < 3:
        await partners.deliver()
    assert [hit.document["subject"]["version"] for hit in partners.receiver.at("/home")] == [1, 2, 3]


async def test_what_is_matchings_own_reaches_its_parties_and_nobody_else(partners: Partners) -> None:
    kinds = {"offer": "offer.made", "weight_proposal": "weight_proposal.created"}
    home_unit_id = partners.world.home_unit_id
    await partners.verified("/home", partners.world.home_unit, event_types=[*kinds.values()])
    await partners.verified("/operator", event_types=[*kinds.values()])
    events = []
    for number, (kind, event_type) in enumerate(kinds.items(), start=1):
        event = profile_event(home_unit_id, number)
        event |= {"type": event_type, "subject": {**event["subject"], "type": kind, "id": f"{kind}_one"}}
        event["data"]["object"] = {"home_unit_id": home_unit_id, "party_ids": [home_unit_id]}
        events.append(event)
    consumer = consumer_from("matching", partners.registry.database, Pages(*events), FanOut())
    await consumer.run_once()
    await partners.deliver()
    seen = {hit.document["subject"]["id"] for hit in partners.receiver.at("/home")}
    assert seen == {"offer_one", "weight_proposal_one"}
    assert not partners.receiver.at("/operator")
