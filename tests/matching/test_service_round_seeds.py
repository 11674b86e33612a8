"""The seed of a lottery: sealed in the store until it is revealed, and told of as lost when it is."""

import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from services.matching.rounds.models import round_documents, round_runs
from services.matching.rounds.seeds import Seeds
from services.matching.rounds.workers import RunWork
from tests.matching.conftest import MatchingUnderTest
from tests.matching.rounds_world import RegistryWithLandings, RoundWorld, round_world
from tests.support.services import load_test_keys

SEED = "5eed" * 16


@pytest.fixture
async def registry() -> RegistryWithLandings:
    return RegistryWithLandings(await load_test_keys())


@pytest.fixture
async def world(matching: MatchingUnderTest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RoundWorld]:
    monkeypatch.setattr("services.matching.rounds.service.secrets.token_hex", lambda _: SEED)
    async with round_world(matching) as world:
        yield world


async def stored(world: RoundWorld) -> list[bytes]:
    """Everything the store has of the only run, as it can be read without a secret."""
    found: list[bytes] = []
    async with world.matching.service.database.read() as session:
        for table in (round_runs, round_documents):
            row = await session.row(select(table))
            assert row is not None
            found += [value if isinstance(value, bytes) else repr(value).encode() for value in row.values()]
    return [zlib.decompress(one) if one[:1] == b"\x78" else one for one in found]


def holds_seed(contents: list[bytes]) -> bool:
    return any(SEED.encode() in one or bytes.fromhex(SEED) in one for one in contents)


async def test_the_store_does_not_tell_the_lottery_before_its_round_is_published(world: RoundWorld) -> None:
    round_id, offers = await world.offering()
    contents = await stored(world)
    assert any(b'"assignment":' in one for one in contents)
    assert not holds_seed(contents)
    assert (await world.act(round_id, "verify"))["passed"]
    for offer in offers:
        await world.agree(offer)
    await world.act(round_id, "publish")
    assert holds_seed(await stored(world))
    assert (await world.read(f"/v1/rounds/{round_id}"))["runs"][0]["seed"] == SEED
    assert (await world.read(f"/v1/rounds/{round_id}/certificate"))["seed"] == SEED
    world.workers.seeds = Seeds(b"another secret")
    assert (await world.act(round_id, "verify"))["passed"]


def with_secret(world: RoundWorld, secret: Any) -> None:
    """Go on as a deployment with another secret would."""
    workers = world.workers
    workers.seeds = Seeds(secret)
    workers.runs._work = RunWork(workers._running, workers.seeds)


async def test_under_another_secret_a_run_says_why_it_failed_and_nothing_is_lost(world: RoundWorld) -> None:
    round_id = (await world.draft())["id"]
    await world.act(round_id, "freeze")
    await world.act(round_id, "run")
    before = world.matching.service.app.state.service.settings.secret_key
    with_secret(world, b"another secret")
    await world.work()
    (run,) = (await world.read(f"/v1/rounds/{round_id}"))["runs"]
    assert run["state"] == "failed"
    assert all("FEIDI_MATCHING_SECRET" in run["failure"][language] for language in ("zh", "en"))
    with_secret(world, before)
    await world.act(round_id, "run")
    await world.work()
    await world.act(round_id, "offer")
    for offer in await world.offers(round_id):
        await world.agree(offer)
    with_secret(world, b"another secret")
    for action in ("publish", "verify"):
        assert (await world.act(round_id, action, 409))["code"] == "seed_unreadable"
    with_secret(world, before)
    assert (await world.act(round_id, "publish"))["runs"][0]["seed"] == SEED


async def test_a_run_that_failed_under_a_lost_secret_does_not_keep_its_round_from_ending(
    world: RoundWorld,
) -> None:
    round_id = (await world.draft())["id"]
    await world.act(round_id, "freeze")
    await world.act(round_id, "run")
    with_secret(world, b"another secret")
    await world.work()
    await world.act(round_id, "rerun")
    await world.work()
    await world.act(round_id, "offer")
    for offer in await world.offers(round_id):
        await world.agree(offer)
    published = await world.act(round_id, "publish")
    assert [(run["state"], run["seed"]) for run in published["runs"]] == [("failed", None), ("done", SEED)]
