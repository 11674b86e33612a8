"""Registry's credentials at another service: its own token, its callers' tokens and keys, revocation."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from shared.credentials import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE
from shared.errors import DomainError, Unavailable
from shared.http import ServiceClient
from shared.web.auth import Issuer
from shared.web.remote_auth import RemoteAuthenticator
from shared.web.token_source import ClientCredentials, TokenRefused
from tests.registry.access_world import MATCHING_SECRET, Secured, claims_of, secured_registry
from tests.support.services import ISSUER

READ = "registry:organisations:read"


@pytest.fixture
async def secured(registry_url: str) -> AsyncIterator[Secured]:
    async with secured_registry(registry_url) as world:
        yield world


class Wire(httpx2.AsyncBaseTransport):
    """Carries requests to registry in this process, counts them, and can be cut."""

    def __init__(self, secured: Secured) -> None:
        self._inner = httpx2.ASGITransport(secured.service.app)
        self.paths: list[str] = []
        self.cut = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.paths.append(request.url.path)
        if self.cut:
            raise httpx2.ConnectError("cut", request=request)
        return await self._inner.handle_async_request(request)


class Other:
    """What another service authenticates with."""

    def __init__(self, secured: Secured) -> None:
        self.wire = Wire(secured)
        self.now = 1000.0
        self.clock: Callable[[], float] = lambda: self.now
        self.credentials = ClientCredentials(
            "http://registry", "cli_matching", MATCHING_SECRET, transport=self.wire, time_source=self.clock
        )
        public = ServiceClient("http://registry", transport=self.wire, retries=0)
        own = ServiceClient("http://registry", transport=self.wire, token=self.credentials, retries=0)

        async def load_keys() -> dict[str, Any]:
            key_set: dict[str, Any] = (await public.get("/.well-known/jwks.json")).json()
            return key_set

        issuer = Issuer(ISSUER, "feidi", load_keys)
        self.authenticator = RemoteAuthenticator(issuer, public, own, time_source=self.clock)

    async def refusal(self, credential: str) -> str:
        with pytest.raises(DomainError) as refusal:
            await self.authenticator.authenticate(credential)
        return refusal.value.code


async def new_key(secured: Secured, home: str) -> tuple[str, str]:
    body = {"name": "k", "scopes": [READ], "organisation_id": home}
    created = await (await secured.admin()).post("/v1/api-keys", json=body)
    return created.json()["secret"], created.headers["location"]


async def test_own_token_is_fetched_once_and_renewed_in_time(secured: Secured) -> None:
    other = Other(secured)
    first = await other.credentials()
    assert claims_of(first)["sub"] == "cli_matching"
    assert await other.credentials() == first
    other.now += 779
    assert await other.credentials() == first
    other.now += 2
    second = await other.credentials()
    assert second != first
    assert other.wire.paths == ["/oauth2/token"] * 2


async def test_own_token_serves_until_it_expires_while_registry_is_away(secured: Secured) -> None:
    other = Other(secured)
    first = await other.credentials()
    other.wire.cut = True
    other.now += 800
    assert await other.credentials() == first
    other.now += 101
    with pytest.raises(Unavailable):
        await other.credentials()
    other.wire.cut = False
    assert await other.credentials() != first


async def test_wrong_own_secret_is_named_as_such(secured: Secured) -> None:
    other = Other(secured)
    wrong = ClientCredentials("http://registry", "cli_matching", "wrong", transport=other.wire)
    with pytest.raises(TokenRefused):
        await wrong()


async def test_token_of_a_disabled_client_is_out_within_ten_seconds(secured: Secured) -> None:
    other, client = Other(secured), await secured.new_client(await secured.organisation(), READ)
    token = (await secured.token(client["id"], client["secret"])).json()["access_token"]
    assert (await other.authenticator.authenticate(token)).id == client["id"]
    url = f"/v1/clients/{client['id']}"
    await (await secured.admin()).patch(url, json={"status": "disabled"}, headers={"if-match": '"1"'})
    other.now += 10.1
    assert await other.refusal(token) == "token_revoked"


async def test_narrower_scopes_reach_the_other_service(secured: Secured) -> None:
    client = await secured.new_client(await secured.organisation(), "matching:*:read", READ)
    other, token = (
        Other(secured),
        (await secured.token(client["id"], client["secret"])).json()["access_token"],
    )
    url = f"/v1/clients/{client['id']}"
    narrow = {"scopes": ["matching:rounds:read"]}
    await (await secured.admin()).patch(url, json=narrow, headers={"if-match": '"1"'})
    assert (await other.authenticator.authenticate(token)).scopes == {"matching:rounds:read"}


async def test_tokens_stay_good_and_nobody_waits_while_registry_is_away(secured: Secured) -> None:
    client = await secured.new_client(await secured.organisation(), READ)
    other, token = (
        Other(secured),
        (await secured.token(client["id"], client["secret"])).json()["access_token"],
    )
    await other.authenticator.authenticate(token)
    other.wire.cut = True
    for _ in range(20):
        other.now += 4
        assert (await other.authenticator.authenticate(token)).id == client["id"]


async def test_api_key_is_exchanged_once_for_half_a_minute(secured: Secured) -> None:
    home = await secured.organisation()
    other, (key, url) = Other(secured), await new_key(secured, home)
    for _ in range(3):
        principal = await other.authenticator.authenticate(key)
    assert (principal.kind, principal.organisation_id, principal.scopes) == ("api_key", home, {READ})
    assert url.endswith(principal.id)
    assert other.wire.paths.count("/oauth2/token") == 1
    await (await secured.admin()).delete(url, headers={"if-match": '"1"'})
    other.now += 30
    assert await other.refusal(key) == "invalid_token"


async def test_unknown_api_key_is_not_asked_for_again_and_again(secured: Secured) -> None:
    from shared.credentials import new_secret

    other, unknown = Other(secured), new_secret("fk_")
    assert await other.refusal("fk_malformed") == "invalid_token"
    assert other.wire.paths == []
    assert [await other.refusal(unknown) for _ in range(5)] == ["invalid_token"] * 5
    assert other.wire.paths == ["/oauth2/token"]


async def test_api_key_is_unavailable_not_refused_while_registry_is_away(secured: Secured) -> None:
    other, (key, _url) = Other(secured), await new_key(secured, await secured.organisation())
    other.wire.cut = True
    assert await other.refusal(key) == "service_unavailable"
    other.wire.cut = False
    assert (await other.authenticator.authenticate(key)).kind == "api_key"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"subject_token": "fk_x"}, "invalid_request"),
        ({"subject_token": "fk_x", "subject_token_type": "other"}, "invalid_request"),
        ({"subject_token": "fk_x", "subject_token_type": ACCESS_TOKEN_TYPE}, "invalid_grant"),
        ({"subject_token": "a.b.c", "subject_token_type": ACCESS_TOKEN_TYPE}, "invalid_grant"),
    ],
)
async def test_bad_exchanges_are_refused(secured: Secured, form: dict[str, str], error: str) -> None:
    answer = await secured.anonymous.post("/oauth2/token", data={"grant_type": TOKEN_EXCHANGE, **form})
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_exchange_gives_no_more_than_the_key_has(secured: Secured) -> None:
    key, _url = await new_key(secured, await secured.organisation())
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": key,
        "subject_token_type": ACCESS_TOKEN_TYPE,
    }
    wider = await secured.anonymous.post("/oauth2/token", data={**form, "scope": "registry:*:read"})
    assert wider.json()["error"] == "invalid_scope"
    same = await secured.anonymous.post("/oauth2/token", data=form)
    claims = claims_of(same.json()["access_token"])
    assert (claims["scope"], claims["reach"], claims["exp"] - claims["iat"]) == (READ, "organisation", 30)


async def test_recent_changes_are_shown_to_their_owner(secured: Secured) -> None:
    home, foreign = await secured.organisation("甲"), await secured.organisation("乙")
    theirs = await secured.new_client(foreign, READ)
    member = await secured.member(home, "registry:access:read")
    body = (await member.get("/v1/clients:recently-changed")).json()
    assert theirs["id"] not in {item["id"] for item in body["items"]}
    assert body["window_s"] == 960
    matching = await secured.caller("cli_matching", MATCHING_SECRET)
    everyone = (await matching.get("/v1/clients:recently-changed")).json()["items"]
    assert {"id": theirs["id"], "status": "active", "scopes": [READ]} in everyone
