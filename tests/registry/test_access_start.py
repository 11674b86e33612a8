"""Starting registry: signing keys and configured clients exist afterwards, once."""

import asyncio

import pytest
from sqlalchemy import func, select, update

from services.registry.access.bootstrap import WeakSecret
from services.registry.access.models import clients, signing_keys
from services.registry.access.signing import KeyRing
from services.registry.base import messaging
from tests.registry.access_world import (
    ADMIN,
    ADMIN_SECRET,
    MATCHING_SECRET,
    Secured,
    secured_registry,
)


async def count(secured: Secured, table: object) -> int:
    async with secured.service.database.read() as session:
        return int(await session.scalar(select(func.count()).select_from(table)))  # type: ignore[arg-type]


async def test_second_start_changes_nothing(registry_url: str) -> None:
    async with secured_registry(registry_url) as first:
        token = (await first.token(ADMIN, ADMIN_SECRET)).json()["access_token"]
        before = [await count(first, table) for table in (clients, signing_keys, messaging.events)]
    async with secured_registry(registry_url) as second:
        assert [await count(second, table) for table in (clients, signing_keys, messaging.events)] == before
        assert (await second.service.client(token).get("/v1/clients")).status_code == 200


async def test_changed_configuration_changes_the_secret(registry_url: str) -> None:
    async with secured_registry(registry_url):
        pass
    changed = "another secret of matching, long enough"
    async with secured_registry(registry_url, service_clients={"cli_matching": changed}) as second:
        assert (await second.token("cli_matching", MATCHING_SECRET)).status_code == 401
        assert (await second.token("cli_matching", changed)).status_code == 200


async def test_a_disabled_client_of_the_configuration_is_back_after_a_restart(registry_url: str) -> None:
    async with secured_registry(registry_url) as first:
        url, match = f"/v1/clients/{ADMIN}", {"if-match": '"1"'}
        disabled = await (await first.admin()).patch(url, json={"status": "disabled"}, headers=match)
        assert disabled.status_code == 200
        assert (await first.token(ADMIN, ADMIN_SECRET)).status_code == 401
    async with secured_registry(registry_url) as second:
        client = (await (await second.admin()).get(url)).json()
        assert (client["status"], client["version"]) == ("active", 3)


async def test_short_secret_stops_the_start(registry_url: str) -> None:
    with pytest.raises(WeakSecret) as refusal:
        async with secured_registry(registry_url, bootstrap_client_secret="changeme"):
            pass
    assert "changeme" not in str(refusal.value)


async def test_without_configuration_nobody_gets_in(registry_url: str) -> None:
    bare = {"bootstrap_client_id": None, "bootstrap_client_secret": None, "service_clients": {}}
    async with secured_registry(registry_url, **bare) as world:
        assert await count(world, clients) == 0
        assert (await world.token(ADMIN, ADMIN_SECRET)).status_code == 401


async def test_rotation_publishes_two_keys_and_breaks_no_token(registry_url: str) -> None:
    async with secured_registry(registry_url) as world:
        old = await world.admin()
        keys: KeyRing = world.service.app.state.service.extra["access"].keys
        first = (await keys.signing_key()).kid
        second = await keys.rotate()
        published = (await world.anonymous.get("/.well-known/jwks.json")).json()["keys"]
        assert {key["kid"] for key in published} == {first, second}
        assert (await keys.signing_key()).kid == first, "a key is published before it signs"
        async with world.service.database.write() as tx:
            aged = select(signing_keys.c.created_at).where(signing_keys.c.kid == first).scalar_subquery()
            await tx.execute(update(signing_keys).where(signing_keys.c.kid == second).values(created_at=aged))
        assert (await old.get("/v1/clients")).status_code == 200
        assert (await (await world.admin()).get("/v1/clients")).status_code == 200


async def test_another_secret_gets_a_new_key_and_keeps_old_tokens(registry_url: str) -> None:
    async with secured_registry(registry_url) as first:
        token = (await first.token(ADMIN, ADMIN_SECRET)).json()["access_token"]
    async with secured_registry(registry_url, secret="another secret for tests") as second:
        assert (await second.service.client(token).get("/v1/clients")).status_code == 200
        assert (await (await second.admin()).get("/v1/clients")).status_code == 200
        assert await count(second, signing_keys) == 2


async def test_keys_made_at_the_same_time_are_one(registry_url: str) -> None:
    async with secured_registry(registry_url) as world:
        async with world.service.database.write() as tx:
            await tx.execute(signing_keys.delete())
        rings = [
            KeyRing(world.service.database, b"a secret for tests", token_ttl_s=900, max_age_days=90)
            for _ in range(4)
        ]
        made = await asyncio.gather(*[ring.signing_key() for ring in rings])
        assert len({key.kid for key in made}) == 1
        assert await count(world, signing_keys) == 1


async def test_private_keys_are_not_readable_in_the_store(registry_url: str) -> None:
    async with secured_registry(registry_url) as world:
        keys: KeyRing = world.service.app.state.service.extra["access"].keys
        raw = (await keys.signing_key()).private_key.private_bytes_raw()
        async with world.service.database.read() as session:
            (row,) = await session.rows(select(signing_keys))
        assert raw not in bytes(row["private_key"])
        assert "d" not in row["public_jwk"]


async def test_services_own_token_is_signed_like_any_other(registry_url: str) -> None:
    async with secured_registry(registry_url) as world:
        issuer = world.service.app.state.service.extra["access"].issuer
        token = await issuer.service_token()
        assert await issuer.service_token() == token
        refused = await world.service.client(token).get("/v1/organisations")
        assert refused.json()["code"] == "insufficient_scope"
