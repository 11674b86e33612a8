"""Behind a gateway that shows the service under a path of its own."""

import httpx2
import pytest

from services.registry.app import create_app
from services.registry.base import messaging
from tests.registry.access_world import HOME, settings_for
from tests.support.services import running, verifier


@pytest.mark.parametrize(
    ("setting", "served", "asked"),
    [("/registry", "", ""), ("/registry", "", "/registry"), ("", "/registry", "/registry"), ("", "", "")],
    ids=["takes the path away", "leaves the path", "said by the server", "no gateway"],
)
async def test_what_leads_on_leads_through_the_gateway(
    registry_url: str, setting: str, served: str, asked: str
) -> None:
    shown = setting or served
    app = create_app(settings_for(registry_url, root_path=setting), authenticator=verifier())
    async with running("registry", app, messaging) as service:
        headers = service.as_admin().headers
        transport = httpx2.ASGITransport(app, root_path=served)
        async with httpx2.AsyncClient(transport=transport, base_url="http://t", headers=headers) as admin:
            made = [
                await admin.post(
                    f"{asked}/v1/organisations",
                    json={**HOME, "name": name},
                    headers={"idempotency-key": f"key-{len(name)}"},
                )
                for name in ("甲", "甲乙", "甲乙")
            ]
            assert [answer.status_code for answer in made] == [201] * 3
            assert made[0].headers["location"] == f"{shown}/v1/organisations/{made[0].json()['id']}"
            assert made[1].headers["location"] == made[2].headers["location"]
            page = await admin.get(f"{asked}/v1/organisations?limit=1")
            assert page.headers["link"].startswith(f"<{shown}/v1/organisations?limit=1&cursor=")
            own = made[0].headers["location"].removeprefix(shown)
            assert (await admin.get(asked + own)).json() == made[0].json()
            refused = await admin.delete(asked + own)
            assert (refused.status_code, refused.headers["allow"]) == (405, "GET, PATCH")
            await service.sequence()
            events = (await admin.get(f"{asked}/v1/events")).json()["items"]
            assert events[0]["subject"]["url"].startswith("/v1/organisations/")
            contract = (await admin.get(f"{asked}/openapi.json")).json()
            assert contract.get("servers") == ([{"url": shown}] if shown else None)
