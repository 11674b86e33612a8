"""A change of a project or a home unit comes out as events of the first threes it changed, and no others."""

from typing import Any

import pytest
from sqlalchemy import select, update

from services.matching.engine.scoring.bulk import Bulk
from services.matching.recommendations.follower import Follower, LeaseLost
from services.matching.recommendations.live import LiveEngine
from services.matching.recommendations.models import (
    recommendation_runs,
    recommendation_state,
    top_recommendations,
)
from services.matching.recommendations.schemas import RecommendationChanged
from tests.matching.conftest import MatchingUnderTest
from tests.matching.registry_double import CHENGDU, LISHUI, RegistryDouble, home_unit, identifier, project

OPERATOR = identifier("org", "运营商")
CITIES = ("丽水", "衢州", "成都", "绵阳", "金华")
OFFER: dict[str, Any] = {
    "description": "高端医疗器械",
    "leading_industries": ["3581"],
    "accepted_stages": ["screening", "reserve"],
    "accepted_plant_classes": ["clean_room"],
    "available_space_m2": 5000,
    "max_fund_amount_cny": "5000000",
    "remaining_budget_cny": "40000000",
    "policy_supported_fields": ["3581"],
    "talent_count": 100,
}


def org(name: str) -> str:
    return identifier("org", name)


class World:
    """Matching with five home units of which the first offers most, and three projects."""

    def __init__(self, matching: MatchingUnderTest) -> None:
        self.matching = matching
        self.engine: LiveEngine = matching.service.app.state.service.extra["engine"]
        self.follower: Follower = matching.service.app.state.service.extra["follower"]

    def tell_project(self, name: str, version: int = 1, **changes: Any) -> str:
        kind = "project.created" if version == 1 else "project.updated"
        self.matching.registry.tell(kind, project(name, OPERATOR, version=version, **changes))
        return identifier("prj", name)

    async def offer(self, name: str, **changes: Any) -> None:
        await self.matching.put_profile(org(name), {**OFFER, **changes})

    async def follow(self) -> int:
        await self.matching.follow()
        return await self.follower.run_once()

    async def events(self, client: Any = None) -> list[dict[str, Any]]:
        await self.matching.service.sequence()
        asked = "/v1/events?limit=1000&types=recommendation.changed"
        answer = await (client or self.matching.as_admin()).get(asked)
        return [event["data"]["object"] for event in answer.json()["items"]]

    async def tops(self) -> dict[str, list[str]]:
        async with self.matching.service.database.read() as session:
            rows = await session.rows(select(top_recommendations))
        return {row["project_id"]: [entry[0] for entry in row["top"]] for row in rows}

    async def anew(self) -> dict[str, list[str]]:
        await self.engine.refresh()
        best = Bulk(self.engine.snapshot, compiled=False).best(3)
        return {name: best.top(row) for row, name in enumerate(self.engine.snapshot.project_table.ids)}


@pytest.fixture
async def world(matching: MatchingUnderTest) -> World:
    made = World(matching)
    for number, city in enumerate(CITIES):
        matching.registry.tell("organisation.created", home_unit(city, (LISHUI, CHENGDU)[number % 2]))
    for name in ("甲", "乙", "丙"):
        made.tell_project(name)
    await matching.follow()
    for number, city in enumerate(CITIES):
        await made.offer(city, talent_count=1000 - 100 * number)
    return made


async def test_first_fill_of_a_store_is_no_change(world: World) -> None:
    assert await world.follow() == 3
    assert await world.events() == []
    tops = await world.tops()
    assert tops == await world.anew()
    assert all(len(top) == 3 for top in tops.values())
    assert await world.follow() == 0


async def test_nothing_is_said_before_the_registry_was_read_to_its_end(
    matching: MatchingUnderTest, registry: RegistryDouble
) -> None:
    world = World(matching)
    registry.tell("organisation.created", home_unit("丽水", LISHUI))
    assert await world.follower.run_once() == 0
    assert await world.tops() == {}
    async with matching.service.database.read() as session:
        assert await session.row(select(recommendation_state)) is None


async def test_changed_profile_tells_of_the_projects_it_moved_and_of_no_score(world: World) -> None:
    await world.follow()
    before = await world.tops()
    best = next(iter(before.values()))[0]
    name = next(city for city in CITIES if org(city) == best)
    await world.offer(name, accepted_stages=["pilot"])
    assert await world.follow() == 3
    events = await world.events()
    assert {event["project_id"] for event in events} == before.keys()
    for event in events:
        RecommendationChanged.model_validate(event)
        assert (event["cause"], event["version"]) == ("profile", 2)
        assert [entry["home_unit_id"] for entry in event["previous_top"]] == before[event["project_id"]]
        after = [entry["home_unit_id"] for entry in event["top"]]
        assert best not in after
        assert [entry["rank"] for entry in event["top"]] == [1, 2, 3]
        assert set(event) == {
            "project_id",
            "top",
            "previous_top",
            "cause",
            "directory_revision",
            "version",
        }
    assert await world.tops() == await world.anew()


async def test_change_that_moves_no_first_three_tells_nothing(world: World) -> None:
    await world.follow()
    worst = await worst_city(world)
    await world.offer(worst, talent_count=1)
    assert await world.follow() == 0
    assert await world.events() == []


async def worst_city(world: World) -> str:
    seen = {name for top in (await world.tops()).values() for name in top}
    return next(city for city in CITIES if org(city) not in seen)


async def test_home_unit_that_overtakes_the_third_enters(world: World) -> None:
    await world.follow()
    worst = await worst_city(world)
    await world.offer(worst, weights={"industry_fit": 1})
    assert await world.follow() == 3
    assert all(top[0] == org(worst) for top in (await world.tops()).values())
    assert {event["cause"] for event in await world.events()} == {"profile"}


async def test_changed_project_moves_alone_and_an_ended_one_is_forgotten(world: World) -> None:
    await world.follow()
    changed = world.tell_project("甲", 2, industry_codes=["6513"], needs={"plant_class": "none"})
    await world.follow()
    assert await world.tops() == await world.anew()
    ended = world.tell_project("乙", 2, stage="withdrawn")
    await world.follow()
    assert ended not in await world.tops()
    assert {event["project_id"] for event in await world.events()} <= {changed}


async def test_new_project_is_told_of_with_nothing_before(world: World) -> None:
    await world.follow()
    new = world.tell_project("丁")
    await world.follow()
    (event,) = await world.events()
    assert (event["project_id"], event["cause"], event["previous_top"]) == (new, "project", [])
    assert len(event["top"]) == 3


async def test_only_parties_of_the_project_get_its_event(world: World) -> None:
    await world.follow()
    await world.offer(await worst_city(world), weights={"industry_fit": 1})
    await world.follow()
    assert len(await world.events(world.matching.as_org(OPERATOR))) == 3
    assert await world.events(world.matching.as_org(org("丽水"))) == []


async def test_restart_finishes_what_was_begun_and_tells_each_change_once(world: World) -> None:
    await world.follow()
    await world.offer(await worst_city(world), weights={"industry_fit": 1})
    await world.matching.follow()
    broken, follower = world.follower, Follower(world.matching.service.database, world.engine, follows=True)

    async def dies(*_: Any) -> None:
        raise RuntimeError("killed")

    broken._finish = dies  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="killed"):
        await broken.run_once()
    assert len(await world.events()) == 3
    assert await follower.run_once() == 0, "the lease of the dead one still holds"
    async with world.matching.service.database.write() as tx:
        await tx.execute(update(recommendation_state).values(lease_token=None, leased_until=None))
    assert await follower.run_once() == 0
    assert len(await world.events()) == 3
    assert await world.tops() == await world.anew()
    assert await broken.run_once() == 0, "and so does the lease of the new one"


async def test_losing_the_lease_writes_nothing(world: World) -> None:
    await world.follow()
    await world.offer(await worst_city(world), weights={"industry_fit": 1})
    await world.matching.follow()
    before, work = await world.tops(), world.follower._work

    async def late(*given: Any) -> int:
        other = Follower(world.matching.service.database, world.engine, follows=True)
        async with world.matching.service.database.write() as tx:
            await tx.execute(update(recommendation_state).values(lease_token=other._token))
        return await work(*given)

    world.follower._work = late  # type: ignore[method-assign]
    with pytest.raises(LeaseLost):
        await world.follower.run_once()
    assert await world.tops() == before
    assert await world.events() == []


async def test_reading_the_registry_anew_moves_nothing(world: World) -> None:
    await world.follow()
    before = await world.tops()
    registry, told = world.matching.registry, world.matching.registry.events
    registry.begin_anew("epo_second")
    await world.follow()
    assert await world.tops() == before
    registry.events = told
    await world.follow()
    assert await world.tops() == before == await world.anew()
    assert await world.events() == []


async def test_run_over_everything_repairs_what_is_on_file_and_tells_of_it(world: World) -> None:
    await world.follow()
    admin, wrong = world.matching.as_admin(), [[org("丽水"), 1]]
    async with world.matching.service.database.write() as tx:
        await tx.execute(update(top_recommendations).values(top=wrong))
    asked = await admin.post("/v1/recommendations:refresh")
    again = await admin.post("/v1/recommendations:refresh")
    assert (asked.status_code, asked.json()["state"]) == (202, "queued")
    assert asked.json()["id"] == again.json()["id"]
    assert await world.follower.run_once() == 3
    run = (await admin.get(asked.headers["location"])).json()
    assert (run["state"], run["project_count"], run["home_unit_count"]) == ("succeeded", 3, 5)
    assert (run["changed_count"], run["directory_revision"]) == (3, world.engine.state.revision)
    assert run["peak_mb"] > 1
    assert run["started_at"] <= run["finished_at"]
    assert await world.tops() == await world.anew()
    assert {event["cause"] for event in await world.events()} == {"unknown"}
    assert await world.follower.run_once() == 0


async def test_run_that_was_interrupted_is_taken_up_and_at_last_given_up(world: World) -> None:
    await world.follow()
    asked = await world.matching.as_admin().post("/v1/recommendations:refresh")
    for attempts, state in ((1, "succeeded"), (3, "failed")):
        async with world.matching.service.database.write() as tx:
            begun = {"state": "running", "attempts": attempts}
            await tx.execute(update(recommendation_runs).values(begun))
        await world.follower.run_once()
        run = (await world.matching.as_admin().get(asked.headers["location"])).json()
        assert run["state"] == state


async def test_a_run_is_the_administrations(world: World) -> None:
    mine = world.matching.as_org(org("丽水"))
    refused = await mine.post("/v1/recommendations:refresh")
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    asked = await world.matching.as_admin().post("/v1/recommendations:refresh")
    assert (await mine.get(asked.headers["location"])).status_code == 404
    assert (await world.matching.as_admin().get("/v1/recommendation-runs/rrn_none")).status_code == 404


async def test_batch_answers_as_each_question_alone(world: World) -> None:
    world.tell_project("乙", 2, stage="failed")
    await world.matching.follow()
    ids = [identifier("prj", name) for name in ("丙", "乙", "无", "甲", "丙")]
    operator, admin = world.matching.as_org(OPERATOR), world.matching.as_admin()
    for client in (operator, admin):
        answer = await client.post("/v1/recommendations:batch", json={"project_ids": ids, "limit": 2})
        assert answer.status_code == 200
        document = answer.json()
        assert (document["not_found"], document["closed"]) == ([ids[2]], [ids[1]])
        assert [item["project_id"] for item in document["items"]] == [ids[0], ids[3]]
        for item in document["items"]:
            query = "?limit=2&explain=false&refused_limit=0"
            alone = await client.get(f"/v1/projects/{item['project_id']}/recommendations{query}")
            assert {**item, "lag_seconds": None} == {**alone.json(), "lag_seconds": None}
    stranger = await world.matching.as_org(org("丽水")).post(
        "/v1/recommendations:batch", json={"project_ids": ids}
    )
    assert (stranger.json()["items"], stranger.json()["closed"]) == ([], [])
    assert stranger.json()["not_found"] == [*ids[:4]]


@pytest.mark.parametrize(
    "body",
    [{}, {"project_ids": []}, {"project_ids": ["x"] * 501}, {"project_ids": ["x"], "limit": 21}],
    ids=["nothing", "none", "too many", "too long"],
)
async def test_batch_refuses_what_it_does_not_bound(matching: MatchingUnderTest, body: Any) -> None:
    answer = await matching.as_admin().post("/v1/recommendations:batch", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
