"""The clock of a sandbox: forward only, for all processes of a store, and nobody is signed out by it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.registry.sandbox_clock import repository
from services.registry.settings import RegistrySettings
from shared import clock
from shared.errors import CannotStart
from shared.messaging.timer import ROUND
from shared.web.auth import Issuer, TokenVerifier
from tests.registry.access_world import ADMIN, ADMIN_SECRET, KEY_ADMIN, Secured, secured_registry
from tests.registry.project_world import refusal
from tests.support.services import AUDIENCE, ISSUER, ServiceUnderTest

CLOCK = "/v1/sandbox/clock"
RETRIES_S = 75 * 3600


@pytest.fixture
async def sandbox(registry_url: str) -> AsyncIterator[Secured]:
    async with secured_registry(registry_url, clock="movable") as world:
        yield world


async def advance(world: Secured, seconds: int, **headers: str) -> dict[str, Any]:
    moved = await (await world.admin()).post(CLOCK, json={"advance_s": seconds}, headers=headers)
    assert moved.status_code == 200, moved.text
    reading: dict[str, Any] = moved.json()
    return reading


def lead_s(reading: dict[str, Any]) -> float:
    now, real = (datetime.fromisoformat(reading[name]) for name in ("now", "real_now"))
    return (now - real).total_seconds()


async def test_elsewhere_the_clock_is_real_and_stays_so(registry: ServiceUnderTest) -> None:
    admin = registry.as_admin()
    assert refusal(await admin.post(CLOCK, json={"advance_s": 60})) == (409, "clock_not_movable")
    reading = (await admin.get(CLOCK)).json()
    assert (reading["movable"], reading["offset_s"], reading["now"]) == (False, 0, reading["real_now"])
    async with registry.database.read() as session:
        assert await repository.offset_s(session) == 0


async def test_moves_add_up_and_what_is_written_then_has_the_later_time(sandbox: Secured) -> None:
    assert lead_s(await advance(sandbox, 60)) == 60
    moved = await advance(sandbox, RETRIES_S)
    assert (moved["movable"], moved["offset_s"], lead_s(moved)) == (True, RETRIES_S + 60, RETRIES_S + 60)
    before = clock.real()
    organisation = await sandbox.organisation()
    admin = await sandbox.admin()
    created = (await admin.get(f"/v1/organisations/{organisation}")).json()["created_at"]
    assert datetime.fromisoformat(created) - before >= timedelta(seconds=RETRIES_S + 59)
    assert (await admin.get(CLOCK)).json()["offset_s"] == RETRIES_S + 60


async def test_signing_in_works_after_a_move_and_what_was_signed_before_it_goes_on(sandbox: Secured) -> None:
    before = await sandbox.admin()
    await advance(sandbox, RETRIES_S)
    after = await sandbox.token(ADMIN, ADMIN_SECRET)
    assert after.status_code == 200
    token = after.json()["access_token"]
    for caller in (before, sandbox.service.client(token)):
        assert (await caller.get("/v1/organisations")).status_code == 200

    async def keys() -> dict[str, Any]:
        key_set: dict[str, Any] = (await sandbox.anonymous.get("/.well-known/jwks.json")).json()
        return key_set

    elsewhere = TokenVerifier(Issuer(ISSUER, AUDIENCE, keys))
    assert (await elsewhere.authenticate(token)).id == ADMIN


async def test_a_disabled_client_is_not_let_in_again_by_a_move(sandbox: Secured) -> None:
    organisation = await sandbox.organisation()
    client = await sandbox.new_client(organisation, "registry:organisations:read")
    member = await sandbox.caller(client["id"], client["secret"])
    admin = await sandbox.admin()
    disabled = await admin.patch(
        f"/v1/clients/{client['id']}", json={"status": "disabled"}, headers={"if-match": '"1"'}
    )
    assert disabled.status_code == 200
    await advance(sandbox, RETRIES_S)
    assert refusal(await member.get("/v1/organisations")) == (401, "token_revoked")
    told = await admin.get("/v1/clients:recently-changed")
    assert client["id"] in told.text


async def test_an_api_key_ends_at_its_time(sandbox: Secured) -> None:
    organisation = await sandbox.organisation()
    body = {
        "name": "短期密钥",
        "scopes": ["registry:organisations:read"],
        "organisation_id": organisation,
        "expires_at": clock.to_rfc3339(clock.now() + timedelta(hours=70)),
    }
    key = (await (await sandbox.admin()).post("/v1/api-keys", json=body)).json()
    caller = sandbox.service.client(key["secret"])
    assert (await caller.get("/v1/organisations")).status_code == 200
    await advance(sandbox, RETRIES_S)
    assert refusal(await caller.get("/v1/organisations")) == (401, "key_expired")


async def test_a_repeated_request_moves_once(sandbox: Secured) -> None:
    first = await advance(sandbox, RETRIES_S, **{"idempotency-key": "one-move"})
    assert await advance(sandbox, RETRIES_S, **{"idempotency-key": "one-move"}) == first
    assert (await (await sandbox.admin()).get(CLOCK)).json()["offset_s"] == RETRIES_S


async def test_the_time_survives_a_restart_and_ends_with_the_process(registry_url: str) -> None:
    async with secured_registry(registry_url, clock="movable") as world:
        await advance(world, RETRIES_S)
    assert clock.moved_by() == timedelta(0)
    async with secured_registry(registry_url, clock="movable") as world:
        assert (await (await world.admin()).get(CLOCK)).json()["offset_s"] == RETRIES_S


async def test_a_move_of_another_process_is_followed_and_wakes_what_waits(sandbox: Secured) -> None:
    database = sandbox.service.database
    due = database.signal(ROUND)
    seen = due.count
    async with database.write() as tx:
        await repository.add(tx, RETRIES_S, clock.real())
    assert await due.wait(seen, 10)
    assert clock.moved_by() == timedelta(seconds=RETRIES_S)


async def test_a_clock_never_goes_back(sandbox: Secured) -> None:
    await advance(sandbox, RETRIES_S)
    assert clock.move_to(timedelta(seconds=60)) is False
    assert clock.moved_by() == timedelta(seconds=RETRIES_S)
    admin = await sandbox.admin()
    for wrong in ({"advance_s": -60}, {"advance_s": 0}, {"advance_s": "60"}, {}):
        assert (await admin.post(CLOCK, json=wrong)).status_code == 422, wrong


async def test_the_clock_does_not_leave_the_time_of_dates(sandbox: Secured) -> None:
    for _ in range(10):
        await advance(sandbox, 366 * 86_400)
    admin = await sandbox.admin()
    assert refusal(await admin.post(CLOCK, json={"advance_s": 1})) == (409, "clock_moved_too_far")
    assert (await admin.get(CLOCK)).json()["offset_s"] == 3660 * 86_400


async def test_moving_needs_its_scope(sandbox: Secured) -> None:
    member = await sandbox.member(await sandbox.organisation(), "registry:sandbox:read", KEY_ADMIN)
    assert (await member.get(CLOCK)).status_code == 200
    assert refusal(await member.post(CLOCK, json={"advance_s": 60})) == (403, "insufficient_scope")


@pytest.mark.parametrize("environment", ["development", "production"])
def test_only_a_sandbox_or_a_test_moves_its_clock(environment: Any) -> None:
    with pytest.raises(CannotStart) as refused:
        RegistrySettings(environment=environment, clock="movable")
    assert "FEIDI_REGISTRY_CLOCK" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert RegistrySettings(environment="sandbox", clock="movable").clock == "movable"
    assert RegistrySettings(environment=environment).clock == "real"
