"""The step into the reserve asks matching: whatever keeps it from answering is said, and passes."""

import json
from typing import Any

import httpx2
import pytest

from services.registry.clients.matching import MatchingClient
from shared.http import ServiceClient
from tests.registry.project_walk import (
    FEASIBLE,
    answer_from_matching,
    failed_guards,
    matching_finds,
    post_step,
    step,
    walk_to,
)
from tests.registry.project_world import World, build_world
from tests.support.services import ServiceUnderTest

VERSION = 2
BEST = FEASIBLE["items"][0]


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry, seat_capacity=100, area_capacity_m2=2000)


def found(**changes: Any) -> httpx2.Response:
    """An answer that would do but for these fields of it."""
    document = {"project_version": VERSION, **FEASIBLE, **changes}
    return httpx2.Response(200, text=json.dumps(document), headers={"content-type": "application/json"})


def best(**changes: Any) -> httpx2.Response:
    """An answer that would do but for these fields of its best home unit."""
    return found(items=[{**BEST, **changes}])


def reason(**changes: Any) -> httpx2.Response:
    """An answer that would do but for these fields of a reason."""
    return best(criteria=[{**BEST["criteria"][0], **changes}])


NO_ANSWER = {
    "down": httpx2.Response(503),
    "overloaded": httpx2.Response(429),
    "not yet told": httpx2.Response(404),
    "behind": found(project_version=VERSION - 1),
    "elsewhere": httpx2.Response(302, headers={"location": "http://elsewhere.test"}),
    "empty": httpx2.Response(200),
    "not JSON": httpx2.Response(200, text="<html>"),
    "not text": httpx2.Response(200, content=b'{"items": "\xff\xfe"}'),
    "a list": httpx2.Response(200, json=[]),
    "null": httpx2.Response(200, json=None),
    "nested": httpx2.Response(200, text="[" * 100_000),
    "half": httpx2.Response(200, json={"items": []}),
    "infinite version": httpx2.Response(
        200, text='{"project_version": 1e999, "feasible_count": 1, "items": []}'
    ),
    "infinite count": found(feasible_count=float("inf")),
    "items are text": found(items="abc"),
    "items are a record": found(items={"a": 1}),
    "no home unit": best(home_unit_id=None),
    "odd home unit": best(home_unit_id="org_1\x00"),
    "no score": best(score=float("nan")),
    "score above one": best(score=1.01),
    "score below zero": best(score=-0.01),
    "no reasons": best(criteria=None),
    "reasons are text": best(criteria=["abc"]),
    "reason that no store keeps": reason(text={"zh": "\x00"}),
    "reason that is half a letter": reason(text={"zh": "\ud800"}),
    "reason without a number": reason(score=float("inf")),
    "negative count": found(feasible_count=-1),
}


async def test_whatever_is_no_answer_is_said_to_be_none_and_the_step_can_be_taken_later(world: World) -> None:
    project = await walk_to(world, "screening")
    assert project["version"] == VERSION
    path = f"/v1/projects/{project['id']}/transitions"
    request = {
        "json": {"to": "reserve"},
        "headers": {"if-match": f'"{VERSION}"', "idempotency-key": "into-the-reserve"},
    }
    for name, respond in NO_ANSWER.items():
        answer_from_matching(world, lambda _request, respond=respond: respond)
        refused = await world.operator.post(path, **request)
        assert refused.status_code == 409, (name, refused.text)
        assert failed_guards(refused) == {"feasible_home_unit", "score_with_reasons"}, name
        entry = refused.json()["errors"][0]
        assert entry["code"] == "feasible_home_unit"
        assert entry["params"] == {"reason": "matching_unavailable", "retry": True}, name
    assert (await world.read_project(project["id"])) == project
    matching_finds(world)
    taken = await world.operator.post(path, **request)
    assert (taken.status_code, taken.json()["reserve_score"]) == (200, 0.81)
    assert (await world.operator.post(path, **request)).content == taken.content


async def test_matching_that_cannot_be_reached_is_asked_again_later(world: World) -> None:
    project = await walk_to(world, "screening")
    for error in (httpx2.ConnectError, httpx2.ReadTimeout, httpx2.RemoteProtocolError, httpx2.DecodingError):

        def refuse(request: httpx2.Request, error: type[httpx2.RequestError] = error) -> httpx2.Response:
            raise error("refused", request=request)

        answer_from_matching(world, refuse)
        refused = await post_step(world, project["id"], "reserve")
        assert failed_guards(refused) == {"feasible_home_unit", "score_with_reasons"}
        assert refused.json()["errors"][0]["params"] == {"reason": "matching_unavailable", "retry": True}
    matching_finds(world)
    await step(world, project["id"], "reserve")


async def test_no_feasible_home_unit_is_an_answer_and_no_reason_to_ask_again(world: World) -> None:
    project = await walk_to(world, "screening")
    answer_from_matching(world, lambda _request: found(feasible_count=0, items=[]))
    refused = await post_step(world, project["id"], "reserve")
    assert failed_guards(refused) == {"feasible_home_unit", "score_with_reasons"}
    assert refused.json()["errors"][0]["params"] == {"feasible": 0}
    matching_finds(world)
    assert (await step(world, project["id"], "reserve"))["reserve_score"] == 0.81


async def test_matching_that_is_only_a_moment_behind_is_waited_for(world: World) -> None:
    project = await walk_to(world, "screening")
    versions = iter((1, 1, VERSION))

    def respond(_request: httpx2.Request) -> httpx2.Response:
        return found(project_version=next(versions))

    client = ServiceClient("http://matching.test", transport=httpx2.MockTransport(respond), retries=0)
    world.registry.app.state.service.extra["matching"] = MatchingClient(client, pauses_s=(0, 0))
    assert (await step(world, project["id"], "reserve"))["reserve_score"] == 0.81
    assert next(versions, None) is None
