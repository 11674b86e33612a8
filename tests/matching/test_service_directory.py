"""The directory: built from the feed alone, the same however it was built, and honest about its age."""

import gc
from typing import Any

import pytest
from sqlalchemy import select

from services.matching.directory.models import projects
from services.matching.recommendations import live
from tests.matching.conftest import MatchingUnderTest, matching_beside
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
ENCLAVE_ID = identifier("enc", "张江飞地")
AGE = ("directory_as_of", "directory_revision", "lag_seconds")


def tell_everything(registry: RegistryDouble) -> list[str]:
    """A little history with changes of every kind; return the projects' ids."""
    registry.tell("organisation.created", home_unit("丽水", None))
    registry.tell("organisation.created", home_unit("成都", CHENGDU))
    registry.tell("enclave.created", enclave("张江飞地", CHENGDU_ID, None))
    ids = []
    for number in range(12):
        title = f"项目 {number}"
        record = project(title, LISHUI_ID, enclave_id=ENCLAVE_ID if number % 2 else None)
        ids.append(record["id"])
        registry.tell("project.created", record)
        if number % 3 == 0:
            registry.tell("project.stage_changed", {**record, "stage": "reserve", "version": 2})
        if number % 4 == 0:
            registry.tell(
                "project.updated", {**record, "host_adcode": "310115", "host_place": SHANGHAI, "version": 3}
            )
    registry.tell("organisation.updated", home_unit("丽水", LISHUI, version=2))
    registry.tell("enclave.updated", enclave("张江飞地", LISHUI_ID, SHANGHAI, version=2))
    return ids


async def answers(matching: MatchingUnderTest, ids: list[str]) -> list[dict[str, Any]]:
    found = [await matching.recommend(project_id) for project_id in ids]
    for home_unit_id in (LISHUI_ID, CHENGDU_ID):
        answer = await matching.as_admin().get(f"/v1/home-units/{home_unit_id}/recommendations")
        found.append(answer.json())
    return [{name: value for name, value in document.items() if name not in AGE} for document in found]


async def test_many_records_are_left_out_of_searches_for_cycles(
    matching: MatchingUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MANY", 10)
    ids = tell_everything(matching.registry)
    await matching.follow()
    try:
        frozen = gc.get_freeze_count()
        await matching.recommend(ids[0])
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()


async def test_late_word_of_an_enclave_moves_its_projects(matching: MatchingUnderTest) -> None:
    ids = tell_everything(matching.registry)
    await matching.follow()
    await matching.put_profile(LISHUI_ID, OFFER)
    (item,) = (await matching.recommend(ids[1]))["items"]
    known = {entry["criterion"]: entry for entry in item["criteria"]}
    assert known["distance"]["known"]
    assert known["own_enclave"]["value"] == 1


async def test_place_a_project_states_counts_before_that_of_its_enclave(matching: MatchingUnderTest) -> None:
    tell = matching.registry.tell
    tell("organisation.created", home_unit("丽水", LISHUI))
    tell("organisation.created", home_unit("成都", CHENGDU))
    tell("enclave.created", enclave("张江飞地", LISHUI_ID, SHANGHAI))
    record = project("项目", LISHUI_ID, enclave_id=ENCLAVE_ID)
    record["needs"]["max_distance_km"] = 500
    tell("project.created", record)
    await matching.follow()
    await matching.put_profile(LISHUI_ID, OFFER)
    await matching.put_profile(CHENGDU_ID, OFFER)

    async def feasible() -> list[str]:
        return [item["home_unit_id"] for item in (await matching.recommend(record["id"]))["items"]]

    assert await feasible() == [LISHUI_ID]
    district = {**CHENGDU, "adcode": "510107", "name": "武侯区"}
    tell("project.updated", {**record, "host_adcode": "510107", "host_place": district, "version": 2})
    await matching.follow()
    assert await feasible() == [CHENGDU_ID]
    item = (await matching.recommend(record["id"]))["items"][0]
    distance = next(entry for entry in item["criteria"] if entry["criterion"] == "distance")
    assert (distance["value"], record["id"] in {s["record_id"] for s in distance["sources"]}) == (0, True)


async def test_stated_place_that_is_not_known_is_a_question(matching: MatchingUnderTest) -> None:
    tell = matching.registry.tell
    tell("organisation.created", home_unit("丽水", LISHUI))
    tell("enclave.created", enclave("张江飞地", LISHUI_ID, SHANGHAI))
    record = project("项目", LISHUI_ID, enclave_id=ENCLAVE_ID, host_adcode="310115")
    record["needs"]["max_distance_km"] = 2000
    without = {name: value for name, value in record.items() if name != "host_place"}
    for version, told in ((1, without), (2, record)):
        tell("project.updated", {**told, "version": version})
        await matching.follow()
        await matching.put_profile(LISHUI_ID, OFFER)
        document = await matching.recommend(record["id"])
        assert document["feasible_count"] == 0
        (candidate,) = document["open_items"]
        assert [gate["gate"] for gate in candidate["unknown_gates"]] == ["max_distance"]
        (question,) = document["questions"]
        assert (question["record_id"], question["field"]) == (record["id"], "host_place")


async def test_incremental_restarted_and_rebuilt_answers_are_the_same(
    matching_url: str, registry: RegistryDouble
) -> None:
    history = RegistryDouble({})
    ids = tell_everything(history)
    async with matching_beside(registry, matching_url) as matching:
        for count, event in enumerate(history.events, 1):
            registry.events.append(event)
            if count % 5 == 0:
                await matching.follow()
                await matching.as_admin().get(f"/v1/projects/{ids[0]}/recommendations")
            if event["type"] == "enclave.created":
                await matching.follow()
                await matching.put_profile(LISHUI_ID, OFFER)
                await matching.put_profile(CHENGDU_ID, {**OFFER, "available_space_m2": None})
        await matching.follow()
        incremental = await answers(matching, ids)
    async with matching_beside(registry, matching_url) as matching:
        assert await answers(matching, ids) == incremental
        registry.begin_anew("second")
        tell_everything(registry)
        await matching.follow()
        assert await answers(matching, ids) == incremental


async def test_forgotten_projects_are_gone_after_a_new_epoch(matching: MatchingUnderTest) -> None:
    ids = tell_everything(matching.registry)
    await matching.follow()
    await matching.recommend(ids[0])
    matching.registry.begin_anew("second")
    matching.registry.tell("organisation.created", home_unit("丽水", LISHUI))
    await matching.follow()
    answer = await matching.as_admin().get(f"/v1/projects/{ids[0]}/recommendations")
    assert answer.status_code == 404


async def test_older_version_changes_nothing(matching: MatchingUnderTest) -> None:
    record = project("项目", LISHUI_ID)
    matching.registry.tell("project.updated", {**record, "title": "新名", "version": 3})
    matching.registry.tell("project.updated", {**record, "title": "旧名", "version": 2, "party_ids": []})
    matching.registry.tell("project.updated", {**record, "title": "别名", "version": 3})
    await matching.follow()
    async with matching.service.database.read() as session:
        assert await session.scalar(select(projects.c.title)) == "新名"
    client = matching.as_org(LISHUI_ID)
    assert (await client.get(f"/v1/projects/{record['id']}/recommendations")).status_code == 200


async def test_while_the_registry_is_down_the_answer_says_its_age(matching: MatchingUnderTest) -> None:
    registry = matching.registry
    ids = tell_everything(registry)
    answer = await matching.as_admin().get(f"/v1/projects/{ids[0]}/recommendations")
    assert answer.status_code == 404
    await matching.follow()
    registry.is_down = True
    answer = await matching.as_admin().get(f"/v1/projects/{ids[0]}/recommendations")
    document = answer.json()
    assert answer.status_code == 200
    assert answer.headers["x-data-as-of"] == document["directory_as_of"]
    assert document["lag_seconds"] >= 0


async def test_restart_while_the_registry_is_down_still_verifies_tokens(
    matching_url: str, registry: RegistryDouble
) -> None:
    ids = tell_everything(registry)
    async with matching_beside(registry, matching_url) as matching:
        registry.is_down = True
        unknown = await matching.as_admin().get(f"/v1/projects/{ids[0]}/recommendations")
        assert (unknown.status_code, unknown.json()["code"]) == (503, "service_unavailable")
        registry.is_down = False
        await matching.follow()
        await matching.recommend(ids[0])
    registry.is_down = True
    async with matching_beside(registry, matching_url) as matching:
        assert (await matching.recommend(ids[0]))["considered_count"] == 2


async def test_revoked_client_is_refused_at_once(matching: MatchingUnderTest) -> None:
    client = matching.as_org(LISHUI_ID)
    record = {"id": f"cli_of_{LISHUI_ID}", "status": "active", "version": 1}
    matching.registry.tell("client.created", record)
    matching.registry.tell("organisation.created", home_unit("丽水", LISHUI))
    await matching.follow()
    url = f"/v1/home-units/{LISHUI_ID}/recommendations"
    assert (await client.get(url)).status_code == 200
    matching.registry.tell("client.updated", {**record, "status": "disabled", "version": 2})
    await matching.follow()
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")
    matching.registry.tell("client.updated", {**record, "status": "active", "version": 3})
    await matching.follow()
    assert (await client.get(url)).status_code == 200


async def test_record_the_engine_cannot_read_leaves_the_others(matching: MatchingUnderTest) -> None:
    tell_everything(matching.registry)
    strange = project("未来的阶段", LISHUI_ID, stage="a_stage_of_tomorrow")
    matching.registry.tell("project.created", strange)
    await matching.follow()
    await matching.put_profile(LISHUI_ID, OFFER)
    answer = await matching.as_admin().get(f"/v1/projects/{strange['id']}/recommendations")
    assert answer.status_code == 404
    assert (await matching.recommend(identifier("prj", "项目 1")))["feasible_count"] == 1
