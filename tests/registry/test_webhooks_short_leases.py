"""A receiver that never answers is given up within the lease, however short that is."""

import asyncio

import pytest

from services.registry.deliveries.dispatcher import Dispatcher, turn_s_of
from services.registry.egress.client import EgressClient
from services.registry.egress.policy import policy_of
from services.registry.settings import RegistrySettings
from tests.registry.webhook_world import Partners

WORKED_SHARE = 0.8


def settings_with(lease_s: float) -> RegistrySettings:
    return RegistrySettings(
        environment="test",
        webhook_lease_s=lease_s,
        webhook_allow_http=True,
        webhook_allowed_networks=["127.0.0.0/8"],
    )


@pytest.mark.parametrize("lease_s", [1, 2, 10, 19, 26, 38, 60, 600])
def test_the_last_answer_of_a_turn_leaves_time_to_be_written(lease_s: float) -> None:
    answer_s = policy_of(settings_with(lease_s)).total_s
    margin_s = min(lease_s * 0.08, 5)
    assert turn_s_of(lease_s) + answer_s + margin_s <= lease_s * WORKED_SHARE
    assert answer_s == 15 or lease_s < 38


async def test_an_attempt_that_hangs_is_known_and_not_made_again_at_once(partners: Partners) -> None:
    endpoint = await partners.verified()
    await partners.projects(1)
    await partners.registry.sequence()
    partners.receiver.hold = asyncio.Event()
    state = partners.registry.app.state.service
    client = EgressClient(policy_of(settings_with(1)))
    dispatcher = Dispatcher(state.database, client, state.extra["webhooks"], lease_s=1)
    try:
        assert await dispatcher.run_once() == 1
    finally:
        partners.receiver.hold.set()
        await client.close()
    (row,) = await partners.deliveries(endpoint["id"])
    assert (row["state"], row["tries"]) == ("pending", 1)
    attempts = (await partners.operator.get(f"/v1/webhook-deliveries/{row['id']}/attempts")).json()["items"]
    assert [(attempt["status"], attempt["error"]) for attempt in attempts] == [(None, "timeout")]
