"""Order, limits, leases: who sends what when, also when several workers do."""

import asyncio
from itertools import pairwise

import pytest
from sqlalchemy import select, update

from services.registry.deliveries.breaker import DISABLE_AFTER, Standing
from services.registry.deliveries.dispatcher import Dispatcher
from services.registry.deliveries.models import webhook_deliveries
from services.registry.deliveries.schedule import MAX_TRIES
from services.registry.egress.client import EgressClient
from services.registry.webhooks.models import webhook_lanes
from services.registry.webhooks.parts import EXTRA, WebhookParts
from shared import clock
from tests.registry.webhook_receiver import Hit, Reply
from tests.registry.webhook_world import Partners


def another_worker(partners: Partners) -> tuple[Dispatcher, EgressClient]:
    """A second dispatcher on the same store, as in another process."""
    parts: WebhookParts = partners.registry.app.state.service.extra[EXTRA]
    client = EgressClient(parts.egress)
    return Dispatcher(partners.registry.database, client, parts), client


async def test_an_ordered_endpoint_waits_for_the_delivery_before(partners: Partners) -> None:
    await partners.verified(ordering="endpoint")
    partners.receiver.plan = lambda hit: Reply(500 if len(partners.receiver.hits) <= 2 else 200)
    await partners.projects(3)
    await partners.deliver()
    assert [hit.sequence for hit in partners.receiver.hits] == [1]
    await partners.travel(7)
    await partners.deliver()
    assert [hit.sequence for hit in partners.receiver.hits] == [1, 1]
    await partners.travel(37)
    await partners.deliver()
    assert [hit.sequence for hit in partners.receiver.hits] == [1, 1, 1, 2, 3]


async def test_a_delivery_waits_for_its_subject_only(partners: Partners) -> None:
    endpoint = await partners.verified(ordering="subject")
    first, second = await partners.projects(2)
    for version in (1, 2):
        await partners.world.admin.patch(
            f"/v1/projects/{first['id']}",
            json={"summary": f"第 {version} 版"},
            headers={"if-match": f'"{version}"'},
        )
    failing = True
    partners.receiver.plan = lambda hit: Reply(
        500 if failing and hit.document["subject"]["id"] == first["id"] else 200
    )
    await partners.deliver()
    received = [
        (hit.document["subject"]["id"], hit.document["subject"]["version"]) for hit in partners.receiver.hits
    ]
    assert sorted(received) == sorted([(first["id"], 1), (second["id"], 1)])
    failing = False
    await partners.travel(7)
    await partners.deliver()
    of_first = [hit for hit in partners.receiver.hits if hit.document["subject"]["id"] == first["id"]]
    assert [hit.document["subject"]["version"] for hit in of_first] == [1, 1, 2, 3]
    assert {row["state"] for row in await partners.deliveries(endpoint["id"])} == {"delivered"}


async def test_what_is_final_holds_nobody_back(partners: Partners) -> None:
    endpoint = await partners.verified(ordering="endpoint")
    partners.receiver.plan = lambda hit: Reply(500 if hit.sequence == 1 else 200)
    await partners.projects(2)
    await partners.deliver()
    rows = await partners.deliveries(endpoint["id"])
    answer = await partners.operator.post(f"/v1/webhook-deliveries/{rows[0]['id']}:cancel")
    assert answer.json()["state"] == "cancelled"
    await partners.deliver()
    assert [hit.sequence for hit in partners.receiver.hits] == [1, 2]


async def test_no_more_than_max_in_flight_are_on_the_way(partners: Partners) -> None:
    await partners.verified(max_in_flight=3)
    await partners.projects(12)
    await partners.registry.sequence()
    partners.receiver.hold = asyncio.Event()
    working = asyncio.create_task(partners.dispatcher.run_once())
    await partners.receiver.arrived(3)
    await asyncio.sleep(0.05)
    assert partners.receiver.most_in_flight["/hook"] == 3
    partners.receiver.hold.set()
    await working
    assert len(partners.receiver.hits) == 12
    assert partners.receiver.most_in_flight["/hook"] == 3


async def test_no_more_than_max_rps_are_sent_in_a_second(partners: Partners) -> None:
    await partners.verified(max_rps=50, max_in_flight=8)
    await partners.projects(12)
    times: list[float] = []

    def note(_: Hit) -> Reply:
        times.append(asyncio.get_running_loop().time())
        return Reply()

    partners.receiver.plan = note
    await partners.deliver()
    assert len(times) == 12
    # The spacing is kept where it is sent; on its way a message may be late, never the other way round.
    assert times[-1] - times[0] >= 11 / 50 - 0.02


async def test_a_slow_endpoint_delays_no_other(partners: Partners) -> None:
    await partners.verified("/slow")
    await partners.verified("/fast")
    await partners.projects(5)
    await partners.registry.sequence()
    partners.receiver.hold, partners.receiver.held_path = asyncio.Event(), "/slow"
    working = asyncio.create_task(partners.dispatcher.run_once())
    await partners.receiver.arrived(5, "/fast")
    assert not working.done()
    partners.receiver.hold.set()
    await working


async def test_a_lane_is_worked_on_by_one_worker_at_a_time(partners: Partners) -> None:
    await partners.verified(ordering="endpoint")
    await partners.projects(6)
    await partners.registry.sequence()
    other, client = another_worker(partners)
    await asyncio.gather(partners.dispatcher.run_once(), other.run_once(), other.run_once())
    await client.close()
    assert [hit.sequence for hit in partners.receiver.hits] == [1, 2, 3, 4, 5, 6]


async def test_when_a_worker_dies_another_sends_again(partners: Partners) -> None:
    endpoint = await partners.verified()
    await partners.projects(2)
    await partners.registry.sequence()
    async with partners.registry.database.write() as tx:
        now = clock.now()
        await partners.dispatcher.claim(tx, "lse_of_the_dead", now.replace(year=now.year + 1), 10)
    await partners.dispatcher.run_once()
    assert not partners.receiver.hits
    async with partners.registry.database.write() as tx:
        await tx.execute(update(webhook_lanes).values(leased_until=clock.now()))
    await partners.deliver()
    assert {row["state"] for row in await partners.deliveries(endpoint["id"])} == {"delivered"}


async def test_an_outcome_of_a_lost_lease_is_not_written_and_is_sent_again(partners: Partners) -> None:
    endpoint = await partners.verified()
    await partners.projects(1)
    await partners.registry.sequence()
    partners.receiver.hold = asyncio.Event()
    late = asyncio.create_task(partners.dispatcher.run_once())
    await partners.receiver.arrived(1)
    async with partners.registry.database.write() as tx:
        await tx.execute(update(webhook_lanes).values(lease_token="lse_other", leased_until=clock.now()))
    partners.receiver.hold.set()
    await late
    (row,) = await partners.deliveries(endpoint["id"])
    assert (row["state"], row["attempts"]) == ("pending", 0)
    partners.receiver.hold = None
    await partners.deliver()
    (row,) = await partners.deliveries(endpoint["id"])
    assert (row["state"], row["attempts"]) == ("delivered", 1)
    assert len({hit.id for hit in partners.receiver.hits}) == 1


@pytest.mark.parametrize("workers", [1, 4])
async def test_fifty_final_failures_at_once_give_one_notice_and_one_audit_record(
    partners: Partners, workers: int
) -> None:
    endpoint = await partners.verified(max_in_flight=50)
    await partners.projects(50)
    await partners.registry.sequence()
    long_ago = clock.now() - DISABLE_AFTER
    hopeless = Standing(failures=100, failing_since=long_ago, last_success_at=long_ago, enabled_at=long_ago)
    async with partners.registry.database.write() as tx:
        await tx.execute(update(webhook_lanes).values(**hopeless.columns(), enabled_at=long_ago))
        await tx.execute(update(webhook_deliveries).values(tries=MAX_TRIES - 1))
    partners.receiver.hold = asyncio.Event()
    partners.receiver.plan = lambda _: Reply(500)
    others = [another_worker(partners) for _ in range(workers - 1)]
    working = []
    for dispatcher in (partners.dispatcher, *[other for other, _ in others]):
        working.append(asyncio.create_task(dispatcher.run_once()))
        await partners.receiver.arrived(50 * len(working))
        # Each worker is late: its lease is over before it has an answer, so the next one sends all again.
        if len(working) < workers:
            async with partners.registry.database.write() as tx:
                await tx.execute(update(webhook_lanes).values(leased_until=clock.now()))
    partners.receiver.hold.set()
    await asyncio.gather(*working)
    for _, client in others:
        await client.close()
    assert len(await partners.events_of("webhook_endpoint.disabled")) == 1
    exhausted = await partners.events_of("webhook.delivery_exhausted")
    assert len(exhausted) == len({event["subject"]["id"] for event in exhausted}) == 50
    records = f"/v1/audit-records?resource_id={endpoint['id']}&action=webhook_endpoint.disabled"
    assert len((await partners.world.admin.get(records)).json()["items"]) == 1
    assert (await partners.read(endpoint["id"]))["disabled_reason"] == "failing"


async def test_the_sequence_of_an_endpoint_has_no_gap_under_concurrent_writers(partners: Partners) -> None:
    every = await partners.verified("/all", event_types=["*"])
    some = await partners.verified("/some", event_types=["project.created"])
    start = len(await partners.deliveries(every["id"]))

    async def write(number: int) -> None:
        await partners.world.create_project(title=f"并发{number}", team_name=f"并发{number}")
        await partners.registry.sequence()

    await asyncio.gather(*[write(number) for number in range(20)])
    await partners.deliver()
    for endpoint in (every, some):
        rows = await partners.deliveries(endpoint["id"])
        assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
        assert all(a["event_sequence"] < b["event_sequence"] for a, b in pairwise(rows))
    assert len(await partners.deliveries(some["id"])) == 20
    assert len(await partners.deliveries(every["id"])) == start + 20
    async with partners.registry.database.read() as session:
        ids = [row["id"] for row in await session.rows(select(webhook_deliveries.c.id))]
    assert len(ids) == len(set(ids))
