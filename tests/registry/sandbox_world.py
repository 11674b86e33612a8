"""A sandbox receiver, and a sender that signs as Standard Webhooks asks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2

from services.registry.signatures.standard_webhooks import secret_of, sign
from shared import clock
from tests.registry.project_world import World, make

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
SECRET = secret_of(KEY)
ENDPOINT = "whe_01jd3v9w8xk4m7q2r5t6y8z0ab"
RECEIVERS = "/v1/sandbox/receivers"


@dataclass
class Receiver:
    """One receiver of the operator; ``send`` needs no credential."""

    world: World
    record: dict[str, Any]
    sent: list[httpx2.Response] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"{RECEIVERS}/{self.record['id']}"

    async def send(
        self,
        body: bytes,
        *,
        message_id: str = "evt_1",
        key: bytes = KEY,
        signed: bytes | None = None,
        age_s: int = 0,
        **headers: str,
    ) -> httpx2.Response:
        sent_at = int((clock.now() - timedelta(seconds=age_s)).timestamp())
        said = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": sign([key], message_id, sent_at, body if signed is None else signed),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self.world.registry.anonymous().post(f"{self.path}/hits", content=body, headers=said)

    async def deliver(self, sequence: int, *, endpoint: str = ENDPOINT, **more: Any) -> httpx2.Response:
        """Send the delivery of this sequence, the same bytes every time."""
        body = delivery(sequence, endpoint, more.pop("type", "project.created"))
        return await self.send(body, message_id=f"evt_{endpoint}_{sequence}", **more)

    async def shake_hands(self, challenge: str = "c-1") -> httpx2.Response:
        return await self.send(handshake(challenge), message_id="msg_1")

    async def hits(self, query: str = "sort=number") -> list[dict[str, Any]]:
        answer = await self.world.operator.get(f"{self.path}/hits?{query}")
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def judge(self, **expected: Any) -> dict[str, Any]:
        answer = await self.world.operator.post(f"{self.path}:assert", json=expected)
        assert answer.status_code == 200, answer.text
        judged: dict[str, Any] = answer.json()
        return judged


async def receiver(
    world: World, script: Sequence[Mapping[str, Any]] = ({"status": 200},), **fields: Any
) -> Receiver:
    body = {"name": "练习", "script": list(script), "secret": SECRET, **fields}
    return Receiver(world, await make(world.operator, RECEIVERS, body))


def delivery(sequence: int, endpoint: str = ENDPOINT, type: str = "project.created") -> bytes:
    return json.dumps(
        {
            "id": f"evt_{endpoint}_{sequence}",
            "type": type,
            "delivery": {"id": f"dlv_{sequence}", "endpoint_id": endpoint, "sequence": sequence},
        }
    ).encode()


def handshake(challenge: Any) -> bytes:
    document = {"type": "webhook.endpoint_verification", "endpoint_id": ENDPOINT, "challenge": challenge}
    return json.dumps(document).encode()


def passed(judged: Mapping[str, Any]) -> dict[str, bool]:
    return {check["check"]: check["passed"] for check in judged["checks"]}


def exercises(judged: Mapping[str, Any]) -> dict[str, bool | None]:
    return {entry["exercise"]: entry["passed"] for entry in judged["certification"]}
