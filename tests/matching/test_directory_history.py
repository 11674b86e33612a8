"""Landings in the directory: what a home unit's track record is made of, built from the feed alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from services.matching.base import messaging
from services.matching.directory.history import LANDING_STATES, STAGES, Move, first_reached
from services.matching.directory.models import admissions, landing_moves, landings, stage_moves
from shared import clock
from tests.matching.conftest import MatchingUnderTest, matching_beside
from tests.matching.landing_histories import day_number, days_ago, move, tell_admission, tell_landing
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
from tests.matching.test_service_recommendations import OFFER

LISHUI_ID, CHENGDU_ID = identifier("org", "丽水"), identifier("org", "成都")
ENCLAVE_ID, OTHER_ID = identifier("enc", "张江飞地"), identifier("enc", "成都飞地")
ASKED = identifier("prj", "待定项目")


def moves_of(*steps: tuple[str, int], initial: int = -1) -> list[Move]:
    """Moves on days of 2020, in the order in which they were told."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    return [
        Move(number, state, number == initial, start + timedelta(days=day), number)
        for number, (state, day) in enumerate(steps)
    ]


def reached(moves: list[Move], goal: str = "admitted") -> int | None:
    ladder = STAGES if goal in STAGES else LANDING_STATES
    found = first_reached(moves, ladder, goal)
    return None if found is None else found.effective_at.timetuple().tm_yday - 1


def test_what_was_reached_counts_from_its_first_day_until_it_is_taken_back() -> None:
    assert reached(moves_of(("lead", 0), ("admitted", 5), ("incubation", 9))) == 5
    assert reached(moves_of(("lead", 0), ("rnd", 9), ("admitted", 5))) == 5
    assert reached(moves_of(("lead", 0), ("admitted", 5), ("reserve", 6))) is None
    assert reached(moves_of(("admitted", 5), ("reserve", 6), ("admitted", 8))) == 8
    assert reached(moves_of(("admitted", 5), ("failed", 6))) == 5
    assert reached(moves_of(("registered", 5), ("moved_away", 6)), "registered") == 5
    assert reached(moves_of(("lead", 7), ("admitted", 5), initial=0)) == 5
    assert reached([]) is None


def tell_parties(registry: RegistryDouble) -> None:
    registry.tell("organisation.created", home_unit("丽水", LISHUI))
    registry.tell("organisation.created", home_unit("成都", CHENGDU))
    registry.tell("enclave.created", enclave("张江飞地", LISHUI_ID, SHANGHAI))
    registry.tell("project.created", project("待定项目", LISHUI_ID, CHENGDU_ID, host_place=SHANGHAI))


def tell_history(registry: RegistryDouble) -> None:
    """Of Lishui's three matured admissions two landed in time; the young one that landed is not counted."""
    tell_admission(registry, "早落地", LISHUI_ID, ENCLAVE_ID, days_ago(1200), days_ago(900))
    tell_admission(registry, "也落地", LISHUI_ID, ENCLAVE_ID, days_ago(1100), days_ago(1000))
    tell_admission(registry, "晚落地", LISHUI_ID, ENCLAVE_ID, days_ago(1500), days_ago(100))
    tell_admission(registry, "尚年轻", LISHUI_ID, ENCLAVE_ID, days_ago(300), days_ago(200))
    tell_admission(registry, "无飞地", LISHUI_ID, None, days_ago(1500), days_ago(1400))


async def records(matching: MatchingUnderTest) -> dict[str, str]:
    """What the network's administration is told of each home unit's track record."""
    found = {}
    for item in (await matching.recommend(ASKED))["items"]:
        (entry,) = [entry for entry in item["criteria"] if entry["criterion"] == "track_record"]
        found[item["home_unit_name"]] = entry["text"]["en"] if entry["known"] else None
    return found


async def offer(matching: MatchingUnderTest) -> None:
    await matching.follow()
    await matching.put_profile(LISHUI_ID, OFFER)
    await matching.put_profile(CHENGDU_ID, OFFER)


async def test_the_track_record_counts_what_matured_and_is_unknown_without(
    matching: MatchingUnderTest,
) -> None:
    tell_parties(matching.registry)
    await offer(matching)
    assert await records(matching) == {"丽水": None, "成都": None}
    tell_history(matching.registry)
    await matching.follow()
    found = await records(matching)
    assert found["丽水"].startswith("Track record: 2 of 3 matured projects landed")
    assert found["成都"] is None
    document = await matching.recommend(ASKED)
    (item,) = [item for item in document["items"] if item["home_unit_id"] == LISHUI_ID]
    (entry,) = [entry for entry in item["criteria"] if entry["criterion"] == "track_record"]
    assert {source["as_of"] for source in entry["sources"]} == {clock.today().isoformat()}


async def test_another_party_is_not_told_a_home_units_counts(matching: MatchingUnderTest) -> None:
    tell_parties(matching.registry)
    tell_history(matching.registry)
    await offer(matching)
    url = f"/v1/projects/{ASKED}/recommendations"
    for viewer, hidden in ((CHENGDU_ID, True), (LISHUI_ID, False)):
        document = (await matching.as_org(viewer).get(url)).json()
        (item,) = [item for item in document["items"] if item["home_unit_id"] == LISHUI_ID]
        (entry,) = [entry for entry in item["criteria"] if entry["criterion"] == "track_record"]
        assert (entry["redacted"], entry["value"] is None) == (hidden, hidden)


async def test_a_step_back_and_another_enclave_move_what_is_counted(matching: MatchingUnderTest) -> None:
    registry = matching.registry
    tell_parties(registry)
    registry.tell("enclave.created", enclave("成都飞地", CHENGDU_ID, SHANGHAI))
    record = tell_admission(registry, "早落地", LISHUI_ID, ENCLAVE_ID, days_ago(1200), days_ago(900))
    await offer(matching)
    assert [bool(text) for text in (await records(matching)).values()].count(True) == 1
    move(registry, record, "reserve", days_ago(1190))
    await matching.follow()
    assert await records(matching) == {"丽水": None, "成都": None}
    move(registry, record, "admitted", days_ago(1180), enclave_id=OTHER_ID)
    await matching.follow()
    found = await records(matching)
    assert found["丽水"] is None
    assert found["成都"].startswith("Track record: 0 of 1 ")
    tell_landing(registry, "早落地", CHENGDU_ID, days_ago(1000))
    registry.tell("enclave.updated", enclave("张江飞地", CHENGDU_ID, SHANGHAI, version=2))
    await matching.follow()
    assert (await records(matching))["成都"].startswith("Track record: 1 of 1 ")
    registry.tell("enclave.updated", enclave("成都飞地", LISHUI_ID, SHANGHAI, version=2))
    await matching.follow()
    found = await records(matching)
    assert (found["丽水"].startswith("Track record: 1 of 1 "), found["成都"]) == (True, None)


async def stored(matching: MatchingUnderTest) -> dict[str, list[dict[str, Any]]]:
    """The history as it is kept, without the revisions."""
    found = {}
    async with matching.service.database.read() as session:
        for table in (stage_moves, landing_moves, admissions, landings):
            columns = [column for column in table.c if column.name not in ("revision", "sequence")]
            found[table.name] = list(await session.rows(select(*columns).order_by(*table.primary_key)))
    return found


async def test_history_is_the_same_restarted_reread_and_rebuilt(
    matching_url: str, registry: RegistryDouble
) -> None:
    tell_parties(registry)
    tell_history(registry)
    async with matching_beside(registry, matching_url) as matching:
        await offer(matching)
        kept, told = await stored(matching), await records(matching)
        assert {name: len(rows) for name, rows in kept.items()} == {
            "stage_moves": 11,
            "landing_moves": 15,
            "admissions": 5,
            "landings": 5,
        }
        first = kept["landings"][0]
        assert first["state"] == "registered"
        assert first["landed_day"] in {day_number(days_ago(days)) for days in (900, 1000, 100, 200, 1400)}
        async with matching.service.database.write() as tx:
            await tx.execute(update(messaging.consumers).values(cursor=None, epoch="", position=0))
        assert await matching.follow() > 0
        assert await stored(matching) == kept
    async with matching_beside(registry, matching_url) as matching:
        assert await records(matching) == told
        registry.begin_anew("second")
        registry.tell("organisation.created", home_unit("丽水", LISHUI))
        await matching.follow()
        assert {name: len(rows) for name, rows in (await stored(matching)).items()} == dict.fromkeys(kept, 0)
        registry.begin_anew("third")
        tell_parties(registry)
        tell_history(registry)
        await matching.follow()
        assert await stored(matching) == kept
        assert await records(matching) == told


async def test_a_record_matures_when_its_day_comes(matching: MatchingUnderTest) -> None:
    tell_parties(matching.registry)
    tell_admission(matching.registry, "尚年轻", LISHUI_ID, ENCLAVE_ID, days_ago(725), days_ago(600))
    await offer(matching)
    assert (await records(matching))["丽水"] is None
    try:
        clock.move_to(timedelta(days=10))
        matching.service.app.state.service.extra["engine"]._checked_at = float("-inf")
        assert (await records(matching))["丽水"].startswith("Track record: 1 of 1 ")
    finally:
        clock.stop_moving()
