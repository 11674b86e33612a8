"""Registry with partners: endpoints at a real receiver, and the work of delivering, step by step."""

from dataclasses import dataclass
from typing import Any

import httpx2

from services.registry.deliveries.dispatcher import Dispatcher
from tests.registry.project_world import World, build_world, make
from tests.registry.webhook_receiver import Receiver
from tests.support.services import ServiceUnderTest


@dataclass
class Partners:
    """A world, a receiver, and the workers of the application under test."""

    world: World
    receiver: Receiver

    @property
    def registry(self) -> ServiceUnderTest:
        return self.world.registry

    @property
    def operator(self) -> httpx2.AsyncClient:
        return self.world.operator

    @property
    def dispatcher(self) -> Dispatcher:
        dispatcher: Dispatcher = self.registry.app.state.service.extra["dispatcher"]
        return dispatcher

    async def deliver(self, rounds: int = 20) -> None:
        """Number events and work on the lanes until nothing is due."""
        for _ in range(rounds):
            numbered = await self.registry.sequence()
            if not await self.dispatcher.run_once() and not numbered:
                return
        raise AssertionError("there is always something due")

    async def create(
        self, path: str = "/hook", client: httpx2.AsyncClient | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Create an endpoint; return it with its secret."""
        body = {
            "name": "示例接收端",
            "url": self.receiver.url(path),
            "event_types": ["project.*"],
            **fields,
        }
        answer = await (client or self.operator).post("/v1/webhook-endpoints", json=body)
        assert answer.status_code == 201, answer.text
        endpoint: dict[str, Any] = answer.json()
        return endpoint

    async def verified(
        self, path: str = "/hook", client: httpx2.AsyncClient | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Create an endpoint and let it answer the handshake."""
        endpoint = await self.create(path, client, **fields)
        await self.deliver()
        current = await self.read(endpoint["id"])
        assert current["status"] == "active", current
        return {**endpoint, **current}

    async def travel(self, seconds: float) -> None:
        """Put the deployment's clock forward."""
        answer = await self.world.admin.post("/v1/sandbox/clock", json={"advance_s": round(seconds)})
        assert answer.status_code == 200, answer.text

    async def standing(self, endpoint_id: str) -> dict[str, Any]:
        """How the endpoint is doing."""
        answer = await self.operator.get(f"/v1/webhook-endpoints/{endpoint_id}/standing")
        record: dict[str, Any] = answer.json()
        return record

    async def attempts(self, delivery_id: str) -> list[dict[str, Any]]:
        """Every attempt of a delivery."""
        answer = await self.operator.get(f"/v1/webhook-deliveries/{delivery_id}/attempts")
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def events_of(self, types: str) -> list[dict[str, Any]]:
        """Events of a type, in order."""
        await self.registry.sequence()
        items: list[dict[str, Any]] = (
            await self.world.admin.get(f"/v1/events?types={types}&limit=1000")
        ).json()["items"]
        return items

    async def read(self, endpoint_id: str) -> dict[str, Any]:
        record: dict[str, Any] = (await self.world.admin.get(f"/v1/webhook-endpoints/{endpoint_id}")).json()
        return record

    async def act(self, endpoint_id: str, verb: str, body: dict[str, Any] | None = None) -> httpx2.Response:
        """POST ``:verb`` with the version as it is."""
        version = (await self.read(endpoint_id))["version"]
        return await self.operator.post(
            f"/v1/webhook-endpoints/{endpoint_id}:{verb}",
            json=body,
            headers={"if-match": f'"{version}"'},
        )

    async def deliveries(self, endpoint_id: str) -> list[dict[str, Any]]:
        """Every delivery, in order of sequence."""
        answer = await self.world.admin.get(
            f"/v1/webhook-endpoints/{endpoint_id}/deliveries?sort=sequence&limit=200"
        )
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def projects(self, count: int, **fields: Any) -> list[dict[str, Any]]:
        """Make projects, each with an event."""
        return [
            await self.world.create_project(
                title=f"示例项目{number}", team_name=f"示例团队{number}", **fields
            )
            for number in range(count)
        ]


async def make_webhooks(world: World) -> dict[str, str]:
    """Records of every kind there is of webhooks, of the operator, at an address where nobody listens."""
    body = {"name": "示例端点", "url": "https://partner.example/feidi", "event_types": ["project.*"]}
    endpoint_id = (await make(world.operator, "/v1/webhook-endpoints", body))["id"]
    await world.create_project(title="推送示例项目", team_name="推送示例团队")
    await world.registry.sequence()
    log = await world.operator.get(f"/v1/webhook-endpoints/{endpoint_id}/deliveries")
    replay = await world.operator.post("/v1/webhook-replays", json={"endpoint_id": endpoint_id})
    return {
        "endpoint_id": endpoint_id,
        "delivery_id": log.json()["items"][0]["id"],
        "replay_id": replay.json()["id"],
    }


async def build_partners(registry: ServiceUnderTest, receiver: Receiver) -> Partners:
    world = await build_world(registry)
    await registry.sequence()
    return Partners(world, receiver)
