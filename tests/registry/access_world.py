"""Registry with its own credentials: nothing is injected, every token comes from the token endpoint."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jwt

from services.registry.app import create_app
from services.registry.base import messaging
from services.registry.settings import RegistrySettings
from tests.support.services import ISSUER, ServiceUnderTest, running

ADMIN = "cli_admin"
ADMIN_SECRET = "an administrator's secret of the tests"
MATCHING_SECRET = "the secret of matching in these tests"
HOME = {"kind": "home_unit", "name": "丽水经济技术开发区", "adcode": "331100"}
KEY_ADMIN = "registry:access:admin"


def settings_for(url: str, **changes: Any) -> RegistrySettings:
    return RegistrySettings(
        **{
            "environment": "test",
            "database_url": url,
            "secret": "a secret for tests",
            "issuer": ISSUER,
            "run_workers": False,
            "sqlite_synchronous": "OFF",
            "bootstrap_client_id": ADMIN,
            "bootstrap_client_secret": ADMIN_SECRET,
            "service_clients": {"cli_matching": MATCHING_SECRET},
            **changes,
        }
    )


class Secured:
    """Registry and callers with credentials it gave out itself."""

    def __init__(self, service: ServiceUnderTest) -> None:
        self.service = service
        self.anonymous = service.anonymous()

    async def token(self, client_id: str, secret: str, **form: str) -> httpx2.Response:
        body = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret,
            **form,
        }
        return await self.anonymous.post("/oauth2/token", data=body)

    async def caller(self, client_id: str, secret: str, **form: str) -> httpx2.AsyncClient:
        answer = await self.token(client_id, secret, **form)
        assert answer.status_code == 200, answer.text
        return self.service.client(answer.json()["access_token"])

    async def admin(self) -> httpx2.AsyncClient:
        return await self.caller(ADMIN, ADMIN_SECRET)

    async def organisation(self, name: str = HOME["name"]) -> str:
        created = await (await self.admin()).post("/v1/organisations", json={**HOME, "name": name})
        assert created.status_code == 201, created.text
        return str(created.json()["id"])

    async def new_client(self, organisation_id: str, *scopes: str, **fields: Any) -> dict[str, Any]:
        body = {"name": "客户端", "scopes": list(scopes), "organisation_id": organisation_id, **fields}
        created = await (await self.admin()).post("/v1/clients", json=body)
        assert created.status_code == 201, created.text
        issued: dict[str, Any] = created.json()
        return issued

    async def member(self, organisation_id: str, *scopes: str) -> httpx2.AsyncClient:
        client = await self.new_client(organisation_id, *scopes)
        return await self.caller(client["id"], client["secret"])


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


@contextlib.asynccontextmanager
async def secured_registry(url: str, **changes: Any) -> AsyncIterator[Secured]:
    async with running("registry", create_app(settings_for(url, **changes)), messaging) as service:
        yield Secured(service)
