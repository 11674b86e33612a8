"""A source of messages with a mapping onto every command, and a partner's system that signs for it."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from pydantic_core import to_json

from services.registry.signatures import standard_webhooks as signatures
from shared.ids import new_id
from tests.registry.project_world import World, make

SCOPES = ["registry:projects:write", "registry:claims:write"]


def mapping(world: World) -> dict[str, Any]:
    by_number = {"by": "external_id", "source": "/data/number"}
    return {
        "type_pointer": "/type",
        "rules": [
            {
                "type": "lead.created",
                "command": "create_project",
                "fields": [
                    {"target": "/title", "source": "/data/name"},
                    {"target": "/team_name", "source": "/data/team", "default": "示例团队"},
                    {"target": "/external_id", "source": "/data/number"},
                    {"target": "/industry_codes", "source": "/data/industries"},
                    {"target": "/needs/space_m2", "source": "/data/space"},
                    {
                        "target": "/needs/plant_class",
                        "source": "/data/plant",
                        "values": {"洁净": "clean_room"},
                    },
                    {"target": "/last_contact_on", "source": "/data/contact"},
                    {"target": "/enclave_id", "constant": world.enclave_id},
                    {"target": "/synthetic", "constant": True},
                ],
            },
            {
                "type": "lead.changed",
                "command": "update_project",
                "record": by_number,
                "fields": [
                    {"target": "/summary", "source": "/data/summary"},
                    {"target": "/title", "source": "/data/name"},
                ],
            },
            {
                "type": "paper.filed",
                "command": "add_evidence",
                "record": by_number,
                "fields": [
                    {"target": "/kind", "source": "/data/kind"},
                    {"target": "/title", "source": "/data/name"},
                    {"target": "/issued_on", "source": "/data/day"},
                ],
            },
            {
                "type": "figures.monthly",
                "command": "record_claim",
                "record": by_number,
                "fields": [
                    {"target": "/metric", "source": "/data/metric"},
                    {"target": "/value", "source": "/data/value"},
                    {"target": "/as_of", "source": "/data/day"},
                    {"target": "/external_id", "source": "/data/id"},
                    {"target": "/source", "constant": "运营商月报"},
                ],
            },
        ],
    }


def lead(number: str, **data: Any) -> dict[str, Any]:
    stated = {"number": number, "name": f"项目{number}", "industries": ["3581"], **data}
    return {"type": "lead.created", "data": stated}


def about(message_type: str, number: str, /, **data: Any) -> dict[str, Any]:
    return {"type": message_type, "data": {"number": number, **data}}


def signed(key: bytes, body: bytes, webhook_id: str, timestamp: int | None = None) -> dict[str, str]:
    sent_at = int(time.time()) if timestamp is None else timestamp
    return {
        "content-type": "application/json",
        signatures.ID: webhook_id,
        signatures.TIMESTAMP: str(sent_at),
        signatures.SIGNATURE: signatures.sign([key], webhook_id, sent_at, body),
    }


@dataclass
class Partner:
    """A partner's system: it knows where to send and the secret to sign with."""

    client: httpx2.AsyncClient
    source_id: str
    secret: str

    @property
    def key(self) -> bytes:
        return base64.b64decode(self.secret.removeprefix("whsec_"))

    @property
    def url(self) -> str:
        return f"/v1/inbound/{self.source_id}"

    async def send(
        self,
        message: Any,
        webhook_id: str | None = None,
        *,
        timestamp: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Send bytes as they are, anything else as JSON."""
        body = message if isinstance(message, bytes) else to_json(message)
        sent = signed(self.key, body, webhook_id or new_id("msg"), timestamp)
        return await self.client.post(self.url, content=body, headers={**sent, **(headers or {})})

    async def taken(self, message: Any, webhook_id: str | None = None) -> str:
        """Send a message that is taken; return its id."""
        answer = await self.send(message, webhook_id)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


async def make_partner(world: World, *, mapped: bool = True, **source: Any) -> Partner:
    body = {"name": "运营系统", "scopes": SCOPES, "max_per_minute": 60_000, **source}
    made = await make(world.operator, "/v1/inbound-sources", body)
    if mapped:
        await make(world.operator, f"/v1/inbound-sources/{made['id']}/mappings", mapping(world))
    return Partner(world.registry.anonymous(), made["id"], made["secret"])


async def message(world: World, message_id: str) -> dict[str, Any]:
    answer = await world.operator.get(f"/v1/inbound-messages/{message_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def codes(record: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    return [(problem["code"], problem["pointer"]) for problem in record["problems"]]
