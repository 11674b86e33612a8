"""The list that the ``type`` of every problem document refers to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from services.registry.app import create_app
from services.registry.base import messaging
from shared.db.engine import ReadSession
from shared.web.problems import validation_error
from tests.registry.access_world import settings_for
from tests.support.services import ServiceUnderTest, running, verifier


async def test_the_type_of_a_refusal_is_in_the_list(registry: ServiceUnderTest) -> None:
    anonymous = registry.anonymous()
    kinds = {kind["code"]: kind for kind in (await anonymous.get("/v1/problems")).json()["items"]}
    admin = registry.as_admin()
    missing = "org_00000000000000000000000000"
    for refusal in (
        await anonymous.get("/v1/organisations"),
        await admin.get(f"/v1/organisations/{missing}"),
        await admin.get("/v1/nowhere"),
        await admin.post("/v1/organisations", json={"kind": "operator", "name": "甲", "adcode": "999999"}),
        await admin.patch(f"/v1/organisations/{missing}", json={}),
    ):
        problem = refusal.json()
        kind = kinds[problem["type"].partition("#")[2]]
        assert kind["status"] == refusal.status_code
        assert kind["title_zh"]
        assert kind["title_en"]


async def test_a_body_that_is_too_large_is_a_problem_whether_it_says_so_or_not(
    registry: ServiceUnderTest,
) -> None:
    admin = registry.as_admin()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    for body in (b" " * 2_000_000, pieces()):
        refused = await admin.post(
            "/v1/organisations", content=body, headers={"content-type": "application/json"}
        )
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
        assert refused.headers["x-request-id"] == refused.json()["request_id"]


async def test_a_refusal_before_any_route_speaks_the_callers_language(
    registry: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(error: Exception) -> Callable[[], None]:
        def fail() -> None:
            raise error

        return fail

    admin = registry.as_admin()
    admin.headers["accept-language"] = "zh-CN,zh;q=0.9"
    json_body = {"content-type": "application/json"}
    answers = {
        413: await admin.post("/v1/organisations", content=b" " * 2_000_000, headers=json_body),
        414: await admin.get("/v1/organisations?x=" + "a" * 40_000),
        431: await admin.get("/v1/organisations", headers={"x-large": "a" * 70_000}),
    }
    for status, error in {500: RuntimeError(), 503: ConnectionError()}.items():
        monkeypatch.setattr(registry.database, "read", broken(error))
        answers[status] = await admin.get("/v1/organisations")
    for status, answer in answers.items():
        assert (answer.status_code, answer.headers["content-language"]) == (status, "zh-CN"), answer.text
        assert not answer.json()["title"].isascii()


async def test_a_store_without_a_free_connection_is_unavailable(
    registry: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted() -> None:
        raise PoolTimeoutError

    admin = registry.as_admin()
    monkeypatch.setattr(registry.database, "read", exhausted)
    answer = await admin.get("/v1/organisations")
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("body", "code", "particulars"),
    [
        ({"kind": "operator", "name": "甲", "nmae": "乙"}, "unknown_field", {"unknown_field"}),
        ({"nmae": "甲", "kind": "operator"}, "validation_failed", {"missing_field", "unknown_field"}),
        ({"kind": "x", "name": "甲", "nmae": "乙"}, "validation_failed", {"enum", "unknown_field"}),
        ({"kind": "operator"}, "validation_failed", {"missing_field"}),
    ],
)
async def test_a_body_is_unknown_field_only_when_nothing_else_is_wrong(
    registry: ServiceUnderTest, body: dict[str, str], code: str, particulars: set[str]
) -> None:
    refused = await registry.as_admin().post("/v1/organisations", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert {entry["code"] for entry in refused.json()["errors"]} == particulars


def test_the_code_of_a_body_does_not_follow_the_order_of_its_errors() -> None:
    unknown = {"type": "extra_forbidden", "loc": ("body", "nmae"), "msg": "x"}
    missing = {"type": "missing", "loc": ("body", "name"), "msg": "x"}
    for entries in ([unknown, missing], [missing, unknown], [*[unknown] * 60, missing]):
        assert validation_error(entries).code == "validation_failed"
    assert validation_error([unknown, unknown]).code == "unknown_field"


async def test_a_service_tells_whom_it_has_no_place_for(registry_url: str) -> None:
    app = create_app(settings_for(registry_url, max_concurrency=1), authenticator=verifier())
    async with running("registry", app, messaging) as service:
        admin, read, go = service.as_admin(), service.database.read, asyncio.Event()

        @contextlib.asynccontextmanager
        async def held() -> AsyncIterator[ReadSession]:
            await go.wait()
            async with read() as session:
                yield session

        service.database.read = held  # type: ignore[method-assign]
        # One is worked on, two wait; whichever of four comes last is refused before any of them is answered.
        asked = [asyncio.create_task(admin.get("/v1/organisations")) for _ in range(4)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        go.set()
        (refused,) = [task.result() for task in done]
        assert (refused.status_code, refused.json()["code"]) == (503, "too_busy")
        assert sorted([(await task).status_code for task in asked]) == [200, 200, 200, 503]
