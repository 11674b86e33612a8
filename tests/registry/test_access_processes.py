"""Two processes on one PostgreSQL store: what one changes, the other honours within seconds."""

import time
from collections.abc import AsyncIterator

import pytest

from tests.registry.access_world import Secured, secured_registry

READ = "registry:organisations:read"

# A SQLite file is one process's own.
pytestmark = pytest.mark.parametrize("registry_url", ["postgresql"], indirect=True)


@pytest.fixture
async def two(registry_url: str) -> AsyncIterator[tuple[Secured, Secured]]:
    async with secured_registry(registry_url) as one, secured_registry(registry_url) as other:
        yield one, other


def let_pass(world: Secured, seconds: float) -> None:
    """Let time pass for what a process remembers of credentials."""
    authenticator = world.service.app.state.service.authenticator

    def later() -> float:
        return time.monotonic() + seconds

    authenticator._now = later
    authenticator._standings._now = later


async def test_revocation_crosses_processes(two: tuple[Secured, Secured]) -> None:
    one, other = two
    client, admin = await one.new_client(await one.organisation(), READ), await one.admin()
    token = (await one.token(client["id"], client["secret"])).json()["access_token"]
    body = {"name": "k", "scopes": [READ], "organisation_id": client["organisation_id"]}
    key = await admin.post("/v1/api-keys", json=body)
    there = [other.service.client(token), other.service.client(key.json()["secret"])]
    assert [(await caller.get("/v1/organisations")).status_code for caller in there] == [200, 200]
    url = f"/v1/clients/{client['id']}"
    await admin.patch(url, json={"status": "disabled"}, headers={"if-match": '"1"'})
    await admin.delete(key.headers["location"], headers={"if-match": '"1"'})
    let_pass(other, 5.1)
    answers = [await caller.get("/v1/organisations") for caller in there]
    assert [answer.json()["code"] for answer in answers] == ["token_revoked", "token_revoked"]


async def test_token_of_one_process_is_good_at_the_other(two: tuple[Secured, Secured]) -> None:
    one, other = two
    client = await one.new_client(await one.organisation(), READ)
    token = (await other.token(client["id"], client["secret"])).json()["access_token"]
    assert (await one.service.client(token).get("/v1/organisations")).status_code == 200
