"""Neither a bad record nor a new day stops the following, nor does it hold the event loop."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.matching.engine.scoring import standings
from services.matching.engine.scoring.standings import Standings
from services.matching.recommendations import follower, live
from shared import clock
from tests.matching.registry_double import identifier
from tests.matching.rounds_world import ON_ONE_STORE
from tests.matching.test_service_standings import CITIES, World, org, world

__all__ = ["world"]


def failing_for(record_id: str, genuine: Callable[..., Any]) -> Callable[..., Any]:
    def features(record: Any, *more: Any) -> Any:
        if record.id == record_id:
            raise TypeError("nobody foresaw this")
        return genuine(record, *more)

    return features


@ON_ONE_STORE
async def test_a_home_unit_that_cannot_be_read_is_ranked_nowhere_and_stops_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.follow()
    best = next(iter((await world.tops()).values()))[0]
    monkeypatch.setattr(live, "home_unit_features", failing_for(best, live.home_unit_features))
    await world.offer(next(city for city in CITIES if org(city) == best), talent_count=1)
    world.tell_project("丁")
    await world.follow()
    tops = await world.tops()
    assert len(tops) == 4
    assert not any(best in top for top in tops.values())
    assert tops == await world.anew()


@ON_ONE_STORE
async def test_a_project_that_cannot_be_read_stops_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.follow()
    bad = identifier("prj", "甲")
    monkeypatch.setattr(live, "project_features", failing_for(bad, live.project_features))
    world.tell_project("甲", 2, industry_codes=["6513"])
    new = world.tell_project("丁")
    await world.follow()
    tops = await world.tops()
    assert bad not in tops
    assert new in tops
    assert len(tops) == 3


@ON_ONE_STORE
async def test_what_a_new_day_changes_is_followed_though_nobody_wrote_anything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.follow()
    genuine, worst = live.home_unit_features, CITIES[-1]

    def better(home: Any, profile: Any) -> Any:
        features = genuine(home, profile)
        return replace(features, weights={"industry_fit": 1}) if home.id == org(worst) else features

    monkeypatch.setattr(live, "home_unit_features", better)
    assert await world.follow() == 0
    world.engine._homes.pop(org(worst))
    try:
        clock.move_to(timedelta(days=1))
        world.engine._checked_at = float("-inf")
        assert await world.follower.run_once() == 3
        assert all(top[0] == org(worst) for top in (await world.tops()).values())
        assert await world.follower.run_once() == 0
    finally:
        clock.stop_moving()


@ON_ONE_STORE
async def test_the_loop_is_let_go_after_so_many_pairs_and_compiling_is_for_another_thread(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, threads, score = list[int](), list[int](), Standings.score

    def counted(self: Standings, project_ids: Iterable[str]) -> Any:
        sizes.append(len(list(project_ids)))
        return score(self, project_ids)

    monkeypatch.setattr(Standings, "score", counted)
    monkeypatch.setattr(standings, "_FEW", 2)
    monkeypatch.setattr(follower, "warm", lambda: threads.append(threading.get_ident()))
    monkeypatch.setattr(follower, "_PAIRS", 2 * len(CITIES))
    await world.follow()
    assert sizes == [2, 1]
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
