"""Deadlines of offers, and landing intents that come about exactly once whatever fails."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from services.matching.clients.registry import LandingAnswer
from services.matching.rounds import solving
from services.matching.rounds.offers import expire_offers
from services.matching.rounds.workers import LandingWork, RunWork
from shared import clock
from tests.matching.conftest import MatchingUnderTest
from tests.matching.rounds_world import (
    CHENGDU_ID,
    LISHUI_ID,
    ON_ONE_STORE,
    OPERATOR,
    TEAMS,
    RegistryWithLandings,
    RoundWorld,
    round_world,
)
from tests.support.services import load_test_keys


@pytest.fixture
async def registry() -> RegistryWithLandings:
    return RegistryWithLandings(await load_test_keys())


@pytest.fixture(autouse=True)
def _movable_clock() -> Iterator[None]:
    yield
    clock.stop_moving()


@pytest.fixture
async def world(matching: MatchingUnderTest) -> AsyncIterator[RoundWorld]:
    async with round_world(matching) as world:
        yield world


def later(**by: float) -> None:
    clock.move_to(clock.moved_by() + timedelta(**by))


async def expire(world: RoundWorld) -> int:
    async with world.matching.service.database.write() as tx:
        return await expire_offers(tx, 100)


async def test_an_answer_after_the_deadline_is_too_late(world: RoundWorld) -> None:
    round_id, (offer, other) = await world.offering(offer_days=1)
    await world.accept(offer, "home_unit")
    assert await expire(world) == 0
    later(days=2)
    assert (await world.accept(offer, "project", 409))["code"] == "offer_expired"
    assert (await world.read(f"/v1/offers/{offer['id']}"))["state"] == "open"
    assert await expire(world) == 2
    assert await expire(world) == 0
    assert (await world.accept(offer, "project", 409))["code"] == "offer_expired"
    record = await world.read(f"/v1/offers/{other['id']}")
    assert (record["state"], record["decided_at"]) == ("expired", record["deadline_at"])
    told = await world.events("offer.expired", world.matching.as_org(OPERATOR))
    assert {event["subject"]["id"] for event in told} == {offer["id"], other["id"]}
    assert (await world.act(round_id, "publish"))["state"] == "published"
    assert await world.workers.landings.run_once() == 0


@ON_ONE_STORE
async def test_the_deadline_is_the_end_of_a_day_in_china(world: RoundWorld) -> None:
    _, (offer, _) = await world.offering(offer_days=3)
    last = clock.today() + timedelta(days=3)
    assert offer["deadline_at"] == clock.to_rfc3339(clock.start_of_day(last + timedelta(days=1)))


async def test_of_answers_at_once_each_counts_once(world: RoundWorld) -> None:
    _, (offer, _) = await world.offering()
    url = f"/v1/offers/{offer['id']}"
    clients = [
        (world.matching.as_org(offer["home_unit_id"]), "home_unit"),
        (world.matching.as_org(TEAMS[offer["project_id"]]), "project"),
        (world.matching.as_org(OPERATOR), "project"),
    ]
    answers = await asyncio.gather(
        *(client.post(f"{url}:accept", json={"side": side}) for client, side in clients for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 409, 409, 409, 409]
    record = await world.read(url)
    assert (record["state"], record["version"]) == ("accepted", 3)


async def settle(world: RoundWorld) -> int:
    """Let landing intents be asked for until none is due, however often that takes."""
    rounds = 0
    while rounds < 20 and await _waits(world):
        await world.workers.landings.run_once()
        later(minutes=10)
        rounds += 1
    return rounds


async def _waits(world: RoundWorld) -> bool:
    items = (await world.read("/v1/offers"))["items"]
    return any(offer["landing"] and offer["landing"]["state"] == "pending" for offer in items)


async def test_a_registry_that_fails_in_between_gets_each_landing_once(world: RoundWorld) -> None:
    world.registry.faults = ["down"] * 4 + ["lost answer"] * 5 + ["down"]
    await world.published()
    assert await settle(world) > 1
    assert len(world.registry.landings) == 2
    found = {offer["landing"]["landing_id"] for offer in (await world.read("/v1/offers"))["items"]}
    assert found == set(world.registry.landings.values())


async def test_who_dies_between_answer_and_note_does_no_harm(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.published()

    async def die(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(LandingWork, "apply", die)
        assert await world.workers.landings.run_once() == 2
    assert len(world.registry.landings) == 2
    assert await world.workers.landings.run_once() == 0, "their leases have not ended"
    assert await settle(world) == 2
    assert len(world.registry.landings) == 2


@ON_ONE_STORE
async def test_a_landing_that_is_there_already_is_adopted(world: RoundWorld) -> None:
    _, offers = await world.published()
    pair = (offers[0]["project_id"], offers[0]["home_unit_id"])
    world.registry.landings[pair] = "lnd_made_by_hand"
    await world.workers.landings.run_once()
    record = await world.read(f"/v1/offers/{offers[0]['id']}")
    assert record["landing"] == {"state": "created", "landing_id": "lnd_made_by_hand", "code": None}


@ON_ONE_STORE
async def test_a_day_later_the_same_landing_is_found_without_its_key(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.registry.faults = ["lost answer"] * 3
    await world.published()
    await world.workers.landings.run_once()
    world.registry.keys.clear()
    await settle(world)
    assert len(world.registry.landings) == 2
    assert {offer["landing"]["state"] for offer in (await world.read("/v1/offers"))["items"]} == {"created"}


@ON_ONE_STORE
async def test_a_project_is_proposed_to_its_home_unit_first(world: RoundWorld) -> None:
    world.registry.needs_proposal = True
    _, offers = await world.published()
    await settle(world)
    pairs = {(offer["project_id"], offer["home_unit_id"]) for offer in offers}
    assert world.registry.proposed == pairs == world.registry.landings.keys()


@ON_ONE_STORE
async def test_what_registry_refuses_is_kept_with_its_code(world: RoundWorld) -> None:
    world.registry.refuse_with = "project_ended"
    await world.published()
    assert await settle(world) == 1
    for offer in (await world.read("/v1/offers"))["items"]:
        assert offer["landing"] == {"state": "refused", "landing_id": None, "code": "project_ended"}
    asked = world.registry.asked
    await world.workers.landings.run_once()
    assert world.registry.asked == asked


@ON_ONE_STORE
async def test_a_missing_scope_is_waited_for(world: RoundWorld) -> None:
    world.registry.refuse_with = "insufficient_scope"
    _, offers = await world.published()
    await world.workers.landings.run_once()
    waiting = (await world.read(f"/v1/offers/{offers[0]['id']}"))["landing"]
    assert waiting == {"state": "pending", "landing_id": None, "code": "insufficient_scope"}
    world.registry.refuse_with = None
    await settle(world)
    assert len(world.registry.landings) == 2


@ON_ONE_STORE
async def test_without_a_credential_nothing_is_lost(world: RoundWorld) -> None:
    work: LandingWork = world.workers.landings._work  # type: ignore[assignment]
    registry = work.registry
    own, registry._own = registry._own, None
    assert await registry.intend_landing("prj", "org", "key") == LandingAnswer(
        "pending", None, "registry_unavailable"
    )
    registry._own = own


async def test_a_run_whose_process_died_is_taken_up_with_the_same_result(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id = (await world.draft())["id"]
    await world.act(round_id, "freeze")
    await world.act(round_id, "run")
    lost: list[object] = []

    async def die(_work: object, _tx: object, _item: object, outcome: object, _token: str) -> None:
        lost.append(outcome)
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(RunWork, "apply", die)
        await world.work()
    assert (await world.read(f"/v1/rounds/{round_id}"))["state"] == "running"
    assert await world.workers.runs.run_once() == 0, "its lease has not ended"
    later(minutes=16)
    await world.work()
    (run,) = (await world.read(f"/v1/rounds/{round_id}"))["runs"]
    (first,) = lost
    assert isinstance(first, solving.Solved)
    assert (run["state"], run["result_hash"]) == ("done", first.result_hash)


@ON_ONE_STORE
async def test_what_places_were_worth_reaches_the_engine(
    world: RoundWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = {"kind": "optimality", "prices": [5_000, 7_000, 0], "price_scale": 1_000}
    prices = solving._prices
    monkeypatch.setattr(solving, "_prices", lambda market, _: prices(market, certificate))
    engine = world.matching.service.app.state.service.extra["engine"]
    assert engine.shadow_prices == {}
    await world.published()
    await world.workers.load_prices()
    assert engine.shadow_prices == {LISHUI_ID: 5, CHENGDU_ID: 7}, "and nothing of who takes no part"
