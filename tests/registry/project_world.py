"""Parties, an enclave and projects for tests of the three tracks, made through HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.support.services import ServiceUnderTest


@dataclass
class World:
    """An enclave of Lishui in Shanghai with its parties, and a home unit that has no part in it."""

    registry: ServiceUnderTest
    admin: httpx2.AsyncClient
    home_unit_id: str
    operator_id: str
    park_id: str
    stranger_id: str
    enclave_id: str

    @property
    def operator(self) -> httpx2.AsyncClient:
        return self.registry.as_org(self.operator_id)

    @property
    def home_unit(self) -> httpx2.AsyncClient:
        return self.registry.as_org(self.home_unit_id)

    @property
    def park(self) -> httpx2.AsyncClient:
        return self.registry.as_org(self.park_id)

    @property
    def stranger(self) -> httpx2.AsyncClient:
        return self.registry.as_org(self.stranger_id)

    def lead(self, **fields: Any) -> dict[str, Any]:
        return {
            "title": "柔性脑机接口电极",
            "team_name": "示例神经工程团队",
            "enclave_id": self.enclave_id,
            "owner_name": "招商专员",
            "industry_codes": ["3581"],
            "synthetic": True,
            **fields,
        }

    async def create_project(self, **fields: Any) -> dict[str, Any]:
        return await make(self.admin, "/v1/projects", self.lead(**fields))

    async def read_project(self, project_id: str) -> dict[str, Any]:
        record: dict[str, Any] = (await self.admin.get(f"/v1/projects/{project_id}")).json()
        return record

    async def events(self, prefix: str) -> list[dict[str, Any]]:
        await self.registry.sequence()
        answer = await self.admin.get(f"/v1/events?types={prefix}&limit=200")
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


async def make(
    client: httpx2.AsyncClient, path: str, body: Mapping[str, Any], version: int | None = None
) -> dict[str, Any]:
    """POST and return the record; fail with the problem document when refused."""
    headers = {} if version is None else {"if-match": f'"{version}"'}
    answer = await client.post(path, json=dict(body), headers=headers)
    assert answer.status_code in (200, 201), answer.text
    record: dict[str, Any] = answer.json()
    return record


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def build_world(registry: ServiceUnderTest, **enclave: Any) -> World:
    admin = registry.as_admin()

    async def party(kind: str, name: str, **fields: Any) -> str:
        return str((await make(admin, "/v1/organisations", {"kind": kind, "name": name, **fields}))["id"])

    home = await party("home_unit", "丽水经济技术开发区", unit_type="development_zone", adcode="331100")
    operator, park = await party("operator", "示例运营商"), await party("host_park", "示例园区")
    stranger = await party("home_unit", "宁波示例区", unit_type="county", adcode="330212")
    body = {
        "name": "示例科创飞地",
        "home_unit_id": home,
        "operator_id": operator,
        "host_park_id": park,
        "host_adcode": "310112",
        **enclave,
    }
    created = await make(admin, "/v1/enclaves", body)
    return World(registry, admin, home, operator, park, stranger, created["id"])
