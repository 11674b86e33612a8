"""What a sandbox receiver says of signatures: each verdict, by each kind of key."""

from collections.abc import Sequence

import pytest

from services.registry.sandbox.routes import sandbox_router
from services.registry.sandbox.signers import Signers
from services.registry.signatures.standard_webhooks import TOLERANCE_S, sign
from shared import clock
from shared.db.engine import ReadSession
from tests.registry.project_world import World, build_world
from tests.registry.sandbox_world import KEY, OTHER_KEY, Receiver, delivery, receiver
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


class Endpoints:
    """Endpoints of the operator: which keys sign for which URL, and what was sent originally."""

    def __init__(self) -> None:
        self.keys: dict[tuple[str, str], list[bytes]] = {}
        self.bodies: dict[tuple[str, str], bytes] = {}

    async def keys_for(self, _session: ReadSession, url: str, organisation_id: str) -> list[bytes]:
        return self.keys.get((url, organisation_id), [])

    async def original_body(
        self, _session: ReadSession, delivery_id: str, organisation_id: str
    ) -> bytes | None:
        return self.bodies.get((delivery_id, organisation_id))

    def sign_for(self, made: Receiver, keys: Sequence[bytes]) -> None:
        self.keys[made.record["url"], made.record["organisation_id"]] = list(keys)


@pytest.fixture
def endpoints(world: World) -> Endpoints:
    found = Endpoints()
    routes = sandbox_router(Signers(found.keys_for, found.original_body)).routes
    world.registry.app.router.routes[:0] = routes
    return found


async def verdicts(made: Receiver) -> list[str | None]:
    return [hit["verdict"] for hit in await made.hits()]


async def test_a_good_signature_is_valid(world: World) -> None:
    made = await receiver(world)
    await made.deliver(1)
    await made.shake_hands()
    await made.send(b"\x00\xff any bytes")
    assert await verdicts(made) == ["valid"] * 3


async def test_a_signature_of_another_key_is_told(world: World) -> None:
    made = await receiver(world)
    await made.deliver(1, key=OTHER_KEY)
    assert await verdicts(made) == ["wrong_key"]


@pytest.mark.parametrize("age_s", [TOLERANCE_S + 60, -TOLERANCE_S - 60])
async def test_a_timestamp_from_another_time_is_told(world: World, age_s: int) -> None:
    made = await receiver(world)
    await made.deliver(1, age_s=age_s)
    assert await verdicts(made) == ["wrong_timestamp"]


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook_id": ""},
        {"webhook_timestamp": "yesterday"},
        {"webhook_signature": ""},
        {"webhook_signature": "v1"},
        {"webhook_signature": "v1,***"},
    ],
    ids=str,
)
async def test_what_is_no_signature_is_malformed(world: World, headers: dict[str, str]) -> None:
    made = await receiver(world)
    await made.send(delivery(1), **headers)
    assert await verdicts(made) == ["malformed"]


async def test_a_body_that_changed_between_two_attempts_is_told(world: World) -> None:
    made = await receiver(world)
    changed = delivery(1).replace(b"created", b"deleted")
    await made.send(delivery(1), message_id="evt_1")
    await made.send(changed, message_id="evt_1", signed=delivery(1))
    await made.send(changed, message_id="evt_2", signed=delivery(1))
    await made.send(changed, message_id="evt_1", signed=delivery(1), key=OTHER_KEY)
    assert await verdicts(made) == ["valid", "body_modified", "wrong_key", "wrong_key"]


async def test_without_any_key_nothing_is_said_of_a_signature(world: World) -> None:
    made = await receiver(world, secret=None)
    await made.deliver(1)
    await made.send(delivery(1), webhook_signature="v1")
    assert await verdicts(made) == [None, "malformed"]


async def test_the_secrets_of_the_endpoints_with_this_url_count(world: World, endpoints: Endpoints) -> None:
    made = await receiver(world, secret=None)
    endpoints.sign_for(made, [OTHER_KEY, KEY])
    await made.deliver(1)
    endpoints.sign_for(made, [OTHER_KEY])
    await made.deliver(2)
    assert await verdicts(made) == ["valid", "wrong_key"]


async def test_one_of_several_signatures_is_enough(world: World) -> None:
    made = await receiver(world)
    sent_at = int(clock.now().timestamp())
    both = sign([OTHER_KEY, KEY], "evt_1", sent_at, delivery(1))
    await made.send(delivery(1), webhook_timestamp=str(sent_at), webhook_signature=both)
    assert await verdicts(made) == ["valid"]


async def test_a_secret_of_its_own_goes_before_those_of_endpoints(world: World, endpoints: Endpoints) -> None:
    made = await receiver(world)
    endpoints.sign_for(made, [OTHER_KEY])
    await made.deliver(1)
    await made.deliver(2, key=OTHER_KEY)
    assert await verdicts(made) == ["valid", "wrong_key"]


async def test_a_signature_over_the_delivery_as_it_was_sent_tells_that_the_body_changed(
    world: World, endpoints: Endpoints
) -> None:
    made = await receiver(world, secret=None)
    endpoints.sign_for(made, [KEY])
    changed = delivery(1).replace(b"created", b"deleted")
    endpoints.bodies["dlv_1", world.stranger_id] = delivery(1)
    await made.send(changed, signed=delivery(1))
    endpoints.bodies["dlv_1", world.operator_id] = delivery(1)
    await made.send(changed, message_id="evt_2", signed=delivery(1), webhook_delivery_id="dlv_1")
    await made.send(changed, message_id="evt_3", signed=delivery(1), key=OTHER_KEY)
    assert await verdicts(made) == ["wrong_key", "body_modified", "wrong_key"]


async def test_a_secret_sealed_under_another_deployment_secret_says_nothing(world: World) -> None:
    made = await receiver(world)
    settings = world.registry.app.state.service.settings
    changed = settings.model_copy(update={"secret": type(settings.secret)("another secret")})
    vars(changed).pop("secret_key", None)
    world.registry.app.state.service.settings = changed
    assert (await made.deliver(1)).status_code == 200
    assert await verdicts(made) == [None]
