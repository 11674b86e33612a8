"""What is asserted of hits, and the certification: only what can be observed."""

from datetime import timedelta
from typing import Any

import pytest

from shared import clock
from tests.registry.project_world import World, build_world
from tests.registry.sandbox_world import OTHER_KEY, exercises, passed, receiver
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


class Watch:
    """A clock that a test moves; it starts now."""

    def __init__(self) -> None:
        self.now = clock.now()

    def __call__(self) -> Any:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    found = Watch()
    monkeypatch.setattr(clock, "now", found)
    return found


EVERYTHING = {
    "min_hits": 2,
    "in_order": True,
    "types": ["project.created", "project.*"],
    "delivered_after_retries": 1,
    "max_seconds": 60,
}


async def test_what_was_expected_passes(world: World, watch: Watch) -> None:
    made = await receiver(world, [{"status": 500}, {"status": 200}])
    await made.shake_hands()
    watch.pass_s(5)
    for sequence in (17, 17, 18):
        await made.deliver(sequence)
    judged = await made.judge(**EVERYTHING)
    assert set(passed(judged)) == {
        "min_hits",
        "all_valid",
        "no_gaps",
        "no_unknown_duplicates",
        "in_order",
        "types",
        "delivered_after_retries",
        "max_seconds",
    }
    assert set(passed(judged).values()) == {True}
    assert (judged["passed"], judged["hits"], judged["elapsed_s"], judged["gaps"]) == (True, 4, 5.0, [])


async def test_nothing_is_asserted_of_nothing(world: World) -> None:
    judged = await (await receiver(world)).judge(**EVERYTHING)
    assert judged["passed"] is False
    assert passed(judged) == {
        "min_hits": False,
        "all_valid": False,
        "no_gaps": False,
        "no_unknown_duplicates": True,
        "in_order": False,
        "types": False,
        "delivered_after_retries": False,
        "max_seconds": False,
    }
    assert set(exercises(judged).values()) == {None}
    assert (judged["certified"], judged["elapsed_s"]) == (False, None)


def failing(judged: dict[str, Any]) -> dict[str, list[int]]:
    return {check["check"]: check["hits"] for check in judged["checks"] if not check["passed"]}


async def test_a_wrong_signature_fails(world: World) -> None:
    made = await receiver(world)
    await made.deliver(1)
    await made.deliver(2, key=OTHER_KEY)
    judged = await made.judge()
    assert (judged["passed"], failing(judged)) == (False, {"all_valid": [2]})
    assert (await made.judge(all_valid=False))["passed"] is True


async def test_a_gap_fails_until_it_is_filled(world: World) -> None:
    made = await receiver(world)
    for sequence in (3, 4, 8, 6):
        await made.deliver(sequence)
    await made.deliver(100, endpoint="whe_other")
    judged = await made.judge()
    assert failing(judged) == {"no_gaps": [3]}
    gaps = [(gap["first"], gap["last"]) for gap in judged["gaps"]]
    assert gaps == [(5, 5), (7, 7)]
    for sequence in (5, 7):
        await made.deliver(sequence)
    judged = await made.judge()
    assert (judged["passed"], judged["gaps"]) == (True, [])
    assert exercises(judged)["gap_detected"] is True
    assert failing(await made.judge(in_order=True)) == {"in_order": [4, 6, 7]}


async def test_a_duplicate_of_what_was_accepted_is_unknown(world: World) -> None:
    made = await receiver(world, [{"status": 500}, {"status": 200}])
    for _ in range(2):
        await made.deliver(1)
    assert (await made.judge())["passed"] is True
    await made.deliver(1)
    assert failing(await made.judge()) == {"no_unknown_duplicates": [3]}


async def test_a_missing_type_fails(world: World) -> None:
    made = await receiver(world)
    await made.deliver(1, type="landing.created")
    judged = await made.judge(types=["landing.*", "landing.updated", "projects.created"])
    [check] = [check for check in judged["checks"] if check["check"] == "types"]
    assert check["passed"] is False
    assert check["detail_en"] == "Did not arrive: landing.updated, projects.created."
    assert check["detail_zh"] == "未到达：landing.updated、projects.created。"


async def test_so_many_retries_and_no_fewer(world: World) -> None:
    made = await receiver(world, [{"status": 500}, {"status": 429}, {"status": 200}])
    for _ in range(3):
        await made.deliver(1)
    assert (await made.judge(delivered_after_retries=2))["passed"] is True
    assert "delivered_after_retries" in failing(await made.judge(delivered_after_retries=3))


async def test_too_slow_fails(world: World, watch: Watch) -> None:
    made = await receiver(world)
    await made.deliver(1)
    watch.pass_s(61)
    await made.deliver(2)
    assert "max_seconds" in failing(await made.judge(max_seconds=60))
    assert (await made.judge(max_seconds=61))["passed"] is True


# -- certification

SCRIPT = [{"status": 500}, {"status": 429, "retry_after": 30}, {"status": 200}]


async def walk(made: Any, watch: Watch, retry_after_s: float) -> None:
    await made.shake_hands()
    await made.deliver(1)
    watch.pass_s(5)
    await made.deliver(1)
    watch.pass_s(retry_after_s)
    await made.deliver(1)


async def test_a_partner_is_certified_by_what_arrived(world: World, watch: Watch) -> None:
    made = await receiver(world, SCRIPT)
    await walk(made, watch, 30)
    judged = await made.judge()
    assert exercises(judged) == {
        "handshake_answered": True,
        "signature_verified": True,
        "duplicate_recognised": True,
        "retry_after_failure": True,
        "retry_after_honoured": True,
        "gap_detected": None,
        "forgery_recognised": None,
        "timeout_retried": None,
    }
    assert judged["certified"] is True
    [honoured] = [e for e in judged["certification"] if e["exercise"] == "retry_after_honoured"]
    assert (honoured["required"], honoured["hits"]) == (True, [4])


async def test_a_sender_that_comes_too_early_is_not_certified(world: World, watch: Watch) -> None:
    made = await receiver(world, SCRIPT)
    await walk(made, watch, 29.9)
    judged = await made.judge()
    assert (judged["certified"], exercises(judged)["retry_after_honoured"]) == (False, False)
    assert (judged["passed"], exercises(judged)["retry_after_failure"]) == (True, True)


async def test_certification_takes_no_longer_than_an_hour(world: World, watch: Watch) -> None:
    made = await receiver(world, SCRIPT)
    await walk(made, watch, 3601)
    judged = await made.judge()
    assert (judged["certified"], exercises(judged)["retry_after_honoured"]) == (False, True)


async def test_what_failed_so_far_is_told(world: World) -> None:
    made = await receiver(world, [{"status": 500}], handshake="refuse")
    await made.shake_hands()
    await made.deliver(1, key=OTHER_KEY)
    judged = exercises(await made.judge())
    assert (judged["handshake_answered"], judged["signature_verified"]) == (False, False)
    assert (judged["retry_after_failure"], judged["duplicate_recognised"]) == (False, None)
    assert judged["forgery_recognised"] is True


async def test_an_answer_later_than_a_sender_waits_is_a_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(_delay_ms: int) -> None:
        return None

    monkeypatch.setattr("services.registry.sandbox.routes.hold_back", at_once)
    made = await receiver(world, [{"status": 200, "delay_ms": 16_000}, {"status": 200}])
    for _ in range(2):
        await made.deliver(1)
    judged = await made.judge(delivered_after_retries=1)
    assert (judged["passed"], exercises(judged)["timeout_retried"]) == (True, True)
