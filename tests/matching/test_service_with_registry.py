"""Matching beside the real registry: its tokens, its feed, and the question its guard asks."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.matching import tables as matching_tables
from services.matching.app import create_app as create_matching
from services.matching.base import messaging as matching_messaging
from services.matching.settings import MatchingSettings
from services.registry import tables as registry_tables
from services.registry.app import create_app as create_registry
from services.registry.base import messaging as registry_messaging
from services.registry.clients.matching import MatchingClient
from services.registry.settings import RegistrySettings
from shared.http import ServiceClient
from shared.web.token_source import ClientCredentials
from tests.matching.conftest import settings_for
from tests.matching.rounds_world import OFFER as EVERYTHING
from tests.support.services import ServiceUnderTest, create_schema, running

ISSUER = "http://registry.test"
SECRETS = {name: f"{name} has a secret of enough length" for name in ("registry", "matching")}
ADMIN = ("cli_admin", "the administration has a long secret")


class Network:
    """Both services, and a caller of the network administration at each."""

    def __init__(self, registry: ServiceUnderTest, matching: ServiceUnderTest) -> None:
        self.registry, self.matching = registry, matching

    async def sign_in(self, client_id: str, secret: str) -> str:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        answer = await self.registry.anonymous().post("/oauth2/token", data=form)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    async def settle(self) -> None:
        await self.registry.sequence()
        while await self.matching.app.state.service.extra["consumer"].run_once():
            pass


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    registry_url, matching_url = (f"sqlite+aiosqlite:///{tmp_path / name}.db" for name in ("r", "m"))
    create_schema(registry_tables.metadata)(registry_url)
    create_schema(matching_tables.metadata)(matching_url)
    registry_settings = RegistrySettings(
        environment="test",
        database_url=registry_url,
        secret="a secret for tests",
        issuer=ISSUER,
        run_workers=False,
        sqlite_synchronous="OFF",
        bootstrap_client_id=ADMIN[0],
        bootstrap_client_secret=ADMIN[1],
        service_clients=SECRETS,
        matching_client_id="matching",
    )
    changed: dict[str, Any] = {
        "issuer": ISSUER,
        "registry_url": ISSUER,
        "client_id": "matching",
        "client_secret": SECRETS["matching"],
    }
    matching_settings = MatchingSettings(**{**settings_for(matching_url).model_dump(), **changed})
    async with contextlib.AsyncExitStack() as stack:
        registry_app = create_registry(registry_settings)
        registry = await stack.enter_async_context(running("registry", registry_app, registry_messaging))
        transport = httpx2.ASGITransport(registry_app)
        matching_app = create_matching(matching_settings, registry_transport=transport)
        matching = await stack.enter_async_context(running("matching", matching_app, matching_messaging))
        yield Network(registry, matching)


async def _create(client: httpx2.AsyncClient, collection: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/v1/{collection}", json=body)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


async def test_from_a_lead_in_the_registry_to_the_guard_that_asks(network: Network) -> None:
    token = await network.sign_in(*ADMIN)
    registry, matching = network.registry.client(token), network.matching.client(token)
    home = await _create(
        registry,
        "organisations",
        kind="home_unit",
        name="丽水经开区",
        unit_type="development_zone",
        adcode="331100",
    )
    enclave = await _create(
        registry, "enclaves", name="丽水(上海)飞地", home_unit_id=home["id"], host_adcode="310115"
    )
    needs = {"plant_class": "clean_room", "space_m2": 800, "fund_amount_cny": "3000000"}
    lead = await _create(
        registry,
        "projects",
        title="柔性脑机接口电极",
        team_name="示例团队",
        enclave_id=enclave["id"],
        industry_codes=["3581"],
        needs=needs,
    )
    await network.settle()
    put = await matching.put(f"/v1/home-units/{home['id']}/profile", json=OFFER)
    assert put.status_code == 201, put.text

    credentials = ClientCredentials(
        ISSUER, "registry", SECRETS["registry"], transport=httpx2.ASGITransport(network.registry.app)
    )
    asking = ServiceClient(
        "http://matching.test", token=credentials, transport=httpx2.ASGITransport(network.matching.app)
    )
    guard = MatchingClient(asking)
    found = await guard.best_home_unit(lead["id"], lead["version"])
    await guard.close()
    await credentials.close()
    assert (found.feasible_count, found.home_unit_id) == (1, home["id"])
    assert found.project_version == lead["version"]
    assert found.score is not None
    assert 0.5 < found.score < 1
    assert found.score == round(found.score, 2)
    reasons = {reason["criterion"]: reason["zh"] for reason in found.reasons}
    assert reasons["city_cluster"].startswith("城市群：与飞入地同属一个城市群（圈层式）")
    assert not any("5,000,000" in (text or "") for text in reasons.values())
    assert reasons["own_enclave"].startswith("本地飞地在孵：项目在该地自己的飞地内")


OFFER = {
    "leading_industries": ["3581"],
    "accepted_stages": ["lead", "screening"],
    "accepted_plant_classes": ["clean_room"],
    "available_space_m2": 21000,
    "max_fund_amount_cny": "5000000",
    "remaining_budget_cny": "36000000",
    "policy_supported_fields": ["3581"],
}


class Line(httpx2.AsyncBaseTransport):
    """The way from registry to matching, which can be cut."""

    def __init__(self, app: Any) -> None:
        self._through, self.is_cut = httpx2.ASGITransport(app), False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.is_cut:
            raise httpx2.ConnectError("refused", request=request)
        return await self._through.handle_async_request(request)


async def test_the_step_into_the_reserve_waits_for_matching_to_be_there_and_to_know(network: Network) -> None:
    token = await network.sign_in(*ADMIN)
    registry, matching = network.registry.client(token), network.matching.client(token)
    home = await _create(
        registry, "organisations", kind="home_unit", name="丽水", unit_type="city", adcode="331100"
    )
    lead = await _create(
        registry,
        "projects",
        title="柔性脑机接口电极",
        team_name="示例团队",
        owner_name="招商专员",
        industry_codes=["3581"],
        needs={"plant_class": "clean_room", "space_m2": 800, "fund_amount_cny": "3000000"},
    )
    await network.settle()
    await matching.put(f"/v1/home-units/{home['id']}/profile", json=OFFER)
    path, line = f"/v1/projects/{lead['id']}/transitions", Line(network.matching.app)
    issued = network.registry.app.state.service.extra["matching"]._client._token
    asking = ServiceClient("http://matching.test", token=issued, transport=line, retries=0)
    network.registry.app.state.service.extra["matching"] = MatchingClient(asking, pauses_s=())
    screened = await registry.post(path, json={"to": "screening"}, headers={"if-match": '"1"'})
    assert screened.status_code == 200, screened.text

    async def into_the_reserve() -> httpx2.Response:
        headers = {"if-match": '"2"', "idempotency-key": "into-the-reserve"}
        return await registry.post(path, json={"to": "reserve"}, headers=headers)

    unavailable = {"reason": "matching_unavailable", "retry": True}
    for line.is_cut in (True, False):
        refused = await into_the_reserve()
        assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
        assert refused.json()["errors"][0]["params"] == unavailable
    await network.settle()
    taken = await into_the_reserve()
    assert taken.status_code == 200, taken.text
    assert taken.json()["stage"] == "reserve"
    assert taken.json()["reserve_score"] > 0
    await asking.close()


async def test_disabled_client_is_refused(network: Network) -> None:
    admin = network.registry.client(await network.sign_in(*ADMIN))
    home = await _create(
        admin, "organisations", kind="home_unit", name="丽水", unit_type="city", adcode="331100"
    )
    made = await _create(
        admin,
        "clients",
        name="看板",
        scopes=["matching:recommendations:read"],
        organisation_id=home["id"],
    )
    await network.settle()
    client_id = made["id"]
    secret = made.get("client_secret") or made.get("secret")
    client = network.matching.client(await network.sign_in(client_id, secret))
    url = f"/v1/home-units/{home['id']}/recommendations"
    assert (await client.get(url)).status_code == 200
    current = await admin.get(f"/v1/clients/{client_id}")
    disabled = await admin.patch(
        f"/v1/clients/{client_id}",
        json={"status": "disabled"},
        headers={"if-match": current.headers["etag"]},
    )
    assert disabled.status_code == 200, disabled.text
    await network.settle()
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")


async def test_an_agreed_pair_becomes_a_landing_of_the_real_registry(network: Network) -> None:
    token = await network.sign_in(*ADMIN)
    registry, matching = network.registry.client(token), network.matching.client(token)
    operator = await _create(registry, "organisations", kind="operator", name="运营商")
    city = {"kind": "home_unit", "name": "丽水", "unit_type": "city", "adcode": "331100"}
    home = await _create(registry, "organisations", **city)
    owner = await _create(registry, "organisations", **{**city, "name": "衢州", "adcode": "330800"})
    enclave = await _create(
        registry,
        "enclaves",
        name="衢州海创园",
        home_unit_id=owner["id"],
        operator_id=operator["id"],
        host_adcode="330110",
    )
    lead = {"title": "柔性电极", "team_name": "示例团队", "enclave_id": enclave["id"]}
    needs = {"plant_class": "clean_room", "space_m2": 800, "fund_amount_cny": "3000000"}
    project = await _create(registry, "projects", **lead, industry_codes=["3581"], needs=needs)
    assert home["id"] not in project["party_ids"]
    await network.settle()
    profile = {**EVERYTHING, "accepted_stages": ["lead"]}
    await matching.put(f"/v1/home-units/{home['id']}/profile", json=profile)
    quotas = [{"home_unit_id": home["id"], "projects": 1}]
    body = {"name": "轮次", "period": "2027", "projects": {"stages": ["lead"]}, "quotas": quotas}
    url = f"/v1/rounds/{(await _create(matching, 'rounds', **body))['id']}"
    workers = network.matching.app.state.service.extra["rounds"]

    async def act(action: str) -> None:
        answer = await matching.post(f"{url}:{action}", headers={"idempotency-key": action})
        assert answer.status_code == 200, answer.text

    for action in ("freeze", "run"):
        await act(action)
    await workers.runs.run_once()
    await act("offer")
    (offer,) = (await matching.get(f"{url}/offers")).json()["items"]
    for side, party in (("home_unit", home), ("project", operator)):
        scopes = ["matching:rounds:write"]
        made = await _create(registry, "clients", name=side, scopes=scopes, organisation_id=party["id"])
        client = network.matching.client(await network.sign_in(made["id"], made["secret"]))
        accepted = await client.post(f"/v1/offers/{offer['id']}:accept", json={"side": side})
        assert accepted.status_code == 200, accepted.text
    await act("publish")
    await workers.landings.run_once()
    landed = (await matching.get(f"/v1/offers/{offer['id']}")).json()["landing"]
    (landing,) = (await registry.get("/v1/landings")).json()["items"]
    assert landed == {"state": "created", "landing_id": landing["id"], "code": None}
    assert (landing["project_id"], landing["home_unit_id"]) == (project["id"], home["id"])
