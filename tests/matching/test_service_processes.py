"""Two processes of matching on one store: what one commits, the other answers with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from services.matching import tables
from services.matching.recommendations import live
from tests.matching.conftest import MatchingUnderTest, matching_beside
from tests.matching.registry_double import LISHUI, RegistryDouble, home_unit, identifier, project
from tests.matching.test_service_recommendations import OFFER
from tests.support.postgres import PostgresCluster
from tests.support.services import create_schema

LISHUI_ID, PROJECT = identifier("org", "丽水"), identifier("prj", "脑机接口电极")


@pytest.fixture
async def processes(
    postgres_cluster: PostgresCluster, registry: RegistryDouble, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[MatchingUnderTest]]:
    monkeypatch.setattr(live, "MAX_AGE_S", 0.0)
    url = postgres_cluster.create_database()
    create_schema(tables.metadata)(url)
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(matching_beside(registry, url)) for _ in range(3)]
    postgres_cluster.drop_database(url)


async def test_what_one_process_took_in_the_others_answer_with(processes: list[MatchingUnderTest]) -> None:
    first, second, third = processes
    first.registry.tell("organisation.created", home_unit("丽水", LISHUI))
    first.registry.tell("project.created", project("脑机接口电极", LISHUI_ID))
    await first.follow()
    assert (await second.recommend(PROJECT))["open_count"] == 1
    await third.put_profile(LISHUI_ID, OFFER)
    for process in processes:
        assert (await process.recommend(PROJECT))["feasible_count"] == 1
        assert (await process.recommend(PROJECT))["directory_as_of"] is not None


async def test_many_writers_lose_no_change(processes: list[MatchingUnderTest]) -> None:
    registry = processes[0].registry
    registry.tell("organisation.created", home_unit("丽水", LISHUI))
    await processes[0].follow()
    names = [f"项目 {number}" for number in range(60)]
    for name in names:
        registry.tell("project.created", project(name, LISHUI_ID))

    async def keep_changing(process: MatchingUnderTest, talents: int) -> None:
        for number in range(8):
            profile = {**OFFER, "talent_count": talents + number}
            url = f"/v1/home-units/{LISHUI_ID}/profile"
            current = await process.as_admin().get(url)
            headers = {"if-match": current.headers["etag"]} if current.status_code == 200 else {}
            await process.as_admin().put(url, json=profile, headers=headers)

    await asyncio.gather(
        *(process.follow() for process in processes),
        *(keep_changing(process, 100 * number) for number, process in enumerate(processes)),
    )
    await processes[0].follow()
    seen = []
    for process in processes:
        answer = await process.as_admin().get(f"/v1/home-units/{LISHUI_ID}/recommendations?limit=100")
        document = answer.json()
        document.pop("lag_seconds")
        seen.append(document)
    assert seen[0]["feasible_count"] == len(names)
    assert seen[1] == seen[0]
    assert seen[2] == seen[0]
