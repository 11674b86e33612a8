"""A network in which a round can be run: three home units, three projects with teams, and a registry that
keeps landings and can fail at the worst moment.
"""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from services.matching.rounds.workers import RoundWorkers
from shared.ids import derived_id
from tests.matching.conftest import MatchingUnderTest
from tests.matching.registry_double import (
    CHENGDU,
    LISHUI,
    SHANGHAI,
    RegistryDouble,
    enclave,
    home_unit,
    identifier,
    project,
)

ON_ONE_STORE = pytest.mark.parametrize("matching_url", ["sqlite"], indirect=True)
"""For what no store has a part in: every test costs CI its time twice."""

LISHUI_ID, CHENGDU_ID, IDLE_ID = (identifier("org", name) for name in ("丽水", "成都", "未填名额"))
OPERATOR, PARK = identifier("org", "运营商"), identifier("org", "园区")
TITLES = ("柔性电极", "骨科机器人", "手术导航")
PROJECTS = tuple(sorted(identifier("prj", title) for title in TITLES))
TEAMS = {identifier("prj", title): identifier("org", f"{title}团队") for title in TITLES}
OFFER: dict[str, Any] = {
    "description": "脑机接口与高端医疗器械生产基地",
    "leading_industries": ["3581"],
    "accepted_stages": ["reserve"],
    "accepted_plant_classes": ["clean_room"],
    "available_space_m2": 5000,
    "max_fund_amount_cny": "5000000",
    "remaining_budget_cny": "40000000",
    "policy_supported_fields": ["3581"],
    "talent_count": 100,
}
LIMITS: dict[str, Any] = {
    "quotas": [{"period": "2027-H1", "projects": 1}],
    "industry_caps": [{"industry": "35", "projects": 2}],
    "budgets": [
        {"name": "引导基金", "kind": "fund", "remaining_cny": "9000000", "supported_fields": ["3581"]}
    ],
    "preferences": [{"project_id": PROJECTS[0], "priority": 1, "reason": "与现有产线互补"}],
}
DRAFT: dict[str, Any] = {
    "name": "2027 年上半年撮合",
    "period": "2027-H1",
    "quotas": [{"home_unit_id": CHENGDU_ID, "projects": 1}],
}


class RegistryWithLandings(RegistryDouble):
    """Registry with its landings; ``faults`` are used up one per request: ``down`` and ``lost answer``."""

    def __init__(self, keys: dict[str, Any]) -> None:
        super().__init__(keys)
        self.landings: dict[tuple[str, str], str] = {}
        self.keys: dict[str, str] = {}
        self.proposed: set[tuple[str, str]] = set()
        self.needs_proposal = False
        self.refuse_with: str | None = None
        self.faults: list[str] = []
        self.asked = 0

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path == "/v1/landings" and request.method == "POST":
            return self._create(request)
        if path == "/v1/landings":
            wanted = (request.url.params["project_id"], request.url.params["home_unit_id"])
            found = [{"id": self.landings[wanted]}] if wanted in self.landings else []
            return httpx2.Response(200, json={"items": found})
        if path.endswith(":propose"):
            assert request.headers["if-match"] == '"7"'
            project_id = path.split("/")[-1].removesuffix(":propose")
            (home,) = json.loads(request.content)["home_unit_ids"]
            self.proposed.add((project_id, home))
            return httpx2.Response(200, json={})
        if path.startswith("/v1/projects/"):
            return httpx2.Response(200, json={}, headers={"etag": '"7"'})
        return super().answer(request)

    def _create(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        fault = self.faults.pop(0) if self.faults else None
        if fault == "down":
            raise httpx2.ConnectError("connection refused")
        body, key = json.loads(request.content), request.headers["idempotency-key"]
        answer = self._landing((body["project_id"], body["home_unit_id"]), key)
        if fault == "lost answer":
            raise httpx2.ReadError("connection reset")
        return answer

    def _landing(self, pair: tuple[str, str], key: str) -> httpx2.Response:
        if self.refuse_with is not None:
            return httpx2.Response(409, json={"code": self.refuse_with})
        if key in self.keys:
            return httpx2.Response(201, json={"id": self.keys[key]})
        if self.needs_proposal and pair not in self.proposed:
            return httpx2.Response(409, json={"code": "home_unit_not_proposed"})
        if pair in self.landings:
            return httpx2.Response(409, json={"code": "landing_exists"})
        self.keys[key] = self.landings[pair] = derived_id("lnd", *pair)
        return httpx2.Response(201, json={"id": self.landings[pair]})


def tell_network(registry: RegistryDouble) -> None:
    """Tell of three home units, an enclave and three projects, each with a team of its own."""
    registry.tell("organisation.created", home_unit("丽水", LISHUI))
    registry.tell("organisation.created", home_unit("成都", CHENGDU))
    registry.tell("organisation.created", home_unit("未填名额", LISHUI))
    site = enclave("张江飞地", LISHUI_ID, SHANGHAI, operator_id=OPERATOR)
    registry.tell("enclave.created", site)
    for title in TITLES:
        team = identifier("org", f"{title}团队")
        people = {"operator_id": OPERATOR, "team_organisation_id": team, "stage": "reserve"}
        record = project(title, OPERATOR, LISHUI_ID, PARK, team, enclave_id=site["id"], **people)
        registry.tell("project.created", record)


@dataclass
class RoundWorld:
    """A round on its way, and the callers who move it."""

    matching: MatchingUnderTest
    registry: RegistryWithLandings
    count: int = 0

    @property
    def workers(self) -> RoundWorkers:
        workers: RoundWorkers = self.matching.service.app.state.service.extra["rounds"]
        return workers

    @property
    def admin(self) -> httpx2.AsyncClient:
        return self.matching.as_admin()

    async def begin(self) -> None:
        """Take in the network and what its home units offer."""
        tell_network(self.registry)
        await self.matching.follow()
        for home in (LISHUI_ID, CHENGDU_ID, IDLE_ID):
            limits = LIMITS if home == LISHUI_ID else {}
            await self.matching.put_profile(home, {**OFFER, **limits})

    async def draft(self, **changes: Any) -> dict[str, Any]:
        answer = await self.admin.post("/v1/rounds", json={**DRAFT, **changes})
        assert answer.status_code == 201, answer.text
        record: dict[str, Any] = answer.json()
        return record

    async def act(self, round_id: str, action: str, status: int = 200, **options: Any) -> dict[str, Any]:
        self.count += 1
        headers = {"idempotency-key": f"act-{self.count}"}
        answer = await self.admin.post(f"/v1/rounds/{round_id}:{action}", headers=headers, **options)
        assert answer.status_code == status, answer.text
        record: dict[str, Any] = answer.json()
        return record

    async def work(self) -> None:
        assert await self.workers.runs.run_once() == 1

    async def proposed(self, **changes: Any) -> dict[str, Any]:
        """A round that has a result."""
        round_id = (await self.draft(**changes))["id"]
        await self.act(round_id, "freeze")
        await self.act(round_id, "run")
        await self.work()
        record = await self.read(f"/v1/rounds/{round_id}")
        assert record["state"] == "proposed", record["runs"]
        return record

    async def offering(self, **changes: Any) -> tuple[str, list[dict[str, Any]]]:
        """A round whose offers wait, and the offers."""
        round_id = (await self.proposed(**changes))["id"]
        await self.act(round_id, "offer")
        return round_id, await self.offers(round_id)

    async def offers(self, round_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.read(f"/v1/rounds/{round_id}/offers?sort=id"))["items"]
        return items

    async def read(self, path: str, client: httpx2.AsyncClient | None = None) -> dict[str, Any]:
        answer = await (client or self.admin).get(path)
        assert answer.status_code == 200, answer.text
        record: dict[str, Any] = answer.json()
        return record

    async def accept(self, offer: dict[str, Any], side: str, status: int = 200) -> dict[str, Any]:
        return await self._answer(offer, side, "accept", {}, status)

    async def refuse(self, offer: dict[str, Any], side: str, reason: str = "capacity") -> dict[str, Any]:
        return await self._answer(offer, side, "refuse", {"reason": reason}, 200)

    async def agree(self, offer: dict[str, Any]) -> dict[str, Any]:
        await self.accept(offer, "home_unit")
        return await self.accept(offer, "project")

    async def _answer(
        self, offer: dict[str, Any], side: str, action: str, body: dict[str, Any], status: int
    ) -> dict[str, Any]:
        who = offer["home_unit_id"] if side == "home_unit" else TEAMS[offer["project_id"]]
        url = f"/v1/offers/{offer['id']}:{action}"
        answer = await self.matching.as_org(who).post(url, json={"side": side, **body})
        assert answer.status_code == status, answer.text
        record: dict[str, Any] = answer.json()
        return record

    async def published(self, **changes: Any) -> tuple[str, list[dict[str, Any]]]:
        """A round that ended with every offer agreed to, by default two."""
        round_id, offers = await self.offering(**changes)
        for offer in offers:
            await self.agree(offer)
        await self.act(round_id, "publish")
        return round_id, offers

    async def events(self, pattern: str, client: httpx2.AsyncClient | None = None) -> list[dict[str, Any]]:
        await self.matching.service.sequence()
        page = await self.read(f"/v1/events?types={pattern}&limit=1000", client)
        found: list[dict[str, Any]] = page["items"]
        return found


@contextlib.asynccontextmanager
async def round_world(matching: MatchingUnderTest) -> AsyncIterator[RoundWorld]:
    """The world of a matching that follows a ``RegistryWithLandings``."""
    assert isinstance(matching.registry, RegistryWithLandings)
    world = RoundWorld(matching, matching.registry)
    await world.begin()
    yield world
