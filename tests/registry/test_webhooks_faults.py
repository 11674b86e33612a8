"""Faults of our own: a turn that fails gives its lane back and rests; nothing is lost and nothing spins."""

from sqlalchemy import select, update

from services.registry.webhooks.models import webhook_lanes, webhook_secrets
from tests.registry.webhook_world import Partners


async def test_a_turn_that_fails_rests_and_goes_on(partners: Partners) -> None:
    endpoint = await partners.verified()
    async with partners.registry.database.write() as tx:
        sealed = await tx.scalar(select(webhook_secrets.c.sealed))
        await tx.execute(update(webhook_secrets).values(sealed=b"unreadable by this deployment"))
    await partners.projects(1)
    await partners.deliver()
    assert not partners.receiver.hits
    async with partners.registry.database.write() as tx:
        lane = await tx.row(select(webhook_lanes))
        assert lane is not None
        assert lane["lease_token"] is None
        assert lane["due_at"] is not None
        await tx.execute(update(webhook_secrets).values(sealed=sealed))
    await partners.travel(6)
    await partners.deliver()
    assert [row["state"] for row in await partners.deliveries(endpoint["id"])] == ["delivered"]
