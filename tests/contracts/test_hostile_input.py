"""What no client should send: refused in time, with a problem document, and never echoed."""

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx2
import pytest

from deploy.contracts import SERVICES, contract_of
from tests.contracts.filled import BUILD, Values, schema_of
from tests.contracts.hostile import (
    CANARY,
    FORM,
    JSON,
    BodyOperation,
    body_operations,
    filled_path,
    hostile_bodies,
    wrong_fields,
)
from tests.support.services import ServiceUnderTest, empty_store

SLOWEST_S = 1.0
"""A hundred times what a refusal costs: only work without a bound takes this long."""

PROBLEM_FIELDS = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}


class Target:
    """A service with records, its contract and a caller who may do everything."""

    def __init__(self, service: ServiceUnderTest, values: Values) -> None:
        self.service = service
        self.values = values
        self.contract = contract_of(service.name)
        self.client = service.as_admin()

    async def send(self, method: str, path: str, **parts: Any) -> httpx2.Response:
        """Send a request and check what holds of every answer."""
        gc.disable()  # What is collected is what earlier tests left, and no work of this request.
        started = time.process_time()  # Not by the wall, so that a busy machine accuses nobody.
        try:
            async with asyncio.timeout(30):
                answer = await self.client.request(method, path, **parts)
        finally:
            gc.enable()
        took = time.process_time() - started
        assert took < SLOWEST_S, (method, path, took)
        assert_proper(answer.status_code, answer.headers, answer.content, method)
        return answer

    async def post(
        self, operation: BodyOperation, content: bytes, content_type: str | None
    ) -> httpx2.Response:
        headers = {**operation.headers, **({} if content_type is None else {"content-type": content_type})}
        answer = await self.send(operation.method, operation.path, content=content, headers=headers)
        if answer.status_code >= 400:
            assert CANARY not in answer.text, answer.text
        return answer

    def lists(self) -> list[str]:
        return [
            filled_path(path, self.values)
            for path, methods in self.contract["paths"].items()
            if any(entry["name"] == "cursor" for entry in methods.get("get", {}).get("parameters", ()))
        ]


def assert_proper(status: int, headers: Any, content: bytes, method: str = "GET") -> None:
    assert status < 500, content
    if status < 400:
        return
    assert headers["content-type"] == "application/problem+json", (status, content)
    assert headers["x-request-id"]
    if method != "HEAD":
        problem = json.loads(content)
        assert problem.keys() >= PROBLEM_FIELDS, content
        assert (problem["status"], problem["request_id"]) == (status, headers["x-request-id"])


@pytest.fixture(params=[*(f"{service} sqlite" for service in SERVICES), "registry postgresql"])
async def target(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Target]:
    name, dialect = request.param.split()
    cluster = request.getfixturevalue("postgres_cluster") if dialect == "postgresql" else None
    shared = tmp_path_factory.getbasetemp()
    with empty_store(dialect, name, schema_of(name), tmp_path, shared, cluster) as url:
        async with BUILD[name](url) as (service, values):
            yield Target(service, values)


SIGNED = "receiveInboundMessage"
"""Looks at the signature first, which none of these has."""


async def test_every_operation_refuses_every_hostile_body(target: Target) -> None:
    bodies = hostile_bodies()
    assert len(bodies) >= 76
    for operation in body_operations(target.contract, target.values):
        for reason, body in bodies.items():
            answer = await target.post(operation, body.content, body.content_type)
            refused = (401, 413) if operation.name == SIGNED else (400, 413, 415, 422)
            assert answer.status_code in refused, (operation.name, reason, answer.text)


async def test_every_field_with_every_wrong_value_is_answered_properly(target: Target) -> None:
    for operation in body_operations(target.contract, target.values):
        if operation.media_type != JSON:
            continue
        for reason, value in wrong_fields(operation):
            answer = await target.post(operation, json.dumps(value).encode(), JSON)
            assert answer.status_code not in (400, 413, 415), (operation.name, reason, answer.text)


async def test_a_misspelt_field_is_named_with_the_one_that_was_meant(target: Target) -> None:
    for operation in body_operations(target.contract, target.values):
        for name in operation.properties if operation.media_type == JSON else ():
            body = {**operation.sample, name + "x": CANARY}
            answer = await target.post(operation, json.dumps(body).encode(), JSON)
            assert answer.status_code == 422, (operation.name, answer.text)
            entries = {entry.get("pointer"): entry for entry in answer.json()["errors"]}
            entry = entries[f"/{name}x"]
            assert (entry["code"], entry["params"]["did_you_mean"]) == ("unknown_field", name)


FORMS = ("", "&&&", "=", "grant_type", "%", "%zz=1", "a=%ff", "a=%00", "a=1&a=2", "&".join(["a=1"] * 9999))


async def test_malformed_forms_are_refused(target: Target) -> None:
    for operation, form in product(body_operations(target.contract, target.values), FORMS):
        if operation.media_type == FORM:
            answer = await target.post(operation, form.encode(), FORM)
            assert answer.status_code in (400, 401, 422), answer.text


async def test_lists_refuse_cursors_that_are_not_their_own(target: Target) -> None:
    lists = target.lists()
    assert lists
    own: dict[str, str] = {}
    for path in lists:
        first = (await target.send("GET", path, params={"limit": 1})).json()
        if first["next_cursor"]:
            own[path] = first["next_cursor"]
    for path in lists:
        others = [cursor for other, cursor in own.items() if other != path]
        tampered = [_flipped(cursor) for cursor in others] + [cursor[:-1] for cursor in others]
        odd = ["", "x", "%", "\x00", "游标", "eyJhIjoxfQ", "A" * 4000, quote("/../.."), "=" * 40]
        for cursor in [*others, *tampered, *odd]:
            answer = await target.send("GET", path, params={"limit": 1, "cursor": cursor})
            assert (answer.status_code, answer.json()["code"]) in (
                (400, "invalid_cursor"),
                (400, "invalid_parameter"),
            ), (path, cursor)


async def test_a_cursor_serves_only_the_question_it_was_given_for(target: Target) -> None:
    other_caller = target.service.as_org("org_7zzzzzzzzzzzzzzzzzzzzzzzzz")
    for path in target.lists():
        first = (await target.send("GET", path, params={"limit": 1})).json()
        cursor = first["next_cursor"]
        if cursor is None:
            continue
        assert (await target.send("GET", path, params={"limit": 1, "cursor": cursor})).status_code == 200
        for params in (
            {"cursor": _flipped(cursor)},
            {"cursor": cursor, "sort": "-id"},
            {"cursor": cursor + "A"},
        ):
            answer = await target.send("GET", path, params=params)
            assert answer.json()["code"] == "invalid_cursor", (path, params)
        answer = await other_caller.get(path, params={"cursor": cursor})
        assert answer.status_code in (400, 403, 404), (path, answer.text)
        assert answer.status_code != 400 or answer.json()["code"] == "invalid_cursor"


def _flipped(cursor: str) -> str:
    middle = len(cursor) // 2
    return cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]


HOSTILE_QUERIES = {
    "unknown": ("zq=1", 400),
    "unknown operator": ("id[zq]=1", 400),
    "given twice": ("limit=1&limit=1", 400),
    "no number": ("limit=x", 400),
    "underscore": ("limit=1_0", 400),
    "arabic digit": ("limit=%D9%A1", 400),
    "plus": ("limit=%2B1", 400),
    "too many": ("limit=99999999999999999999", 400),
    "negative": ("limit=-1", 400),
    "no truth value": ("include_total=yes", 400),
    "unknown sort": ("sort=zq", 400),
    "a byte that is not UTF-8": ("%FF=1", 400),
    "NUL": ("sort=%00", 400),
    "lone ampersands": ("&&&", 200),
    "half an escape": ("sort=%", 400),
    "beyond 32 bits": ("level=999999999999999999", None),
    "beyond 64 bits": ("level=9999999999999999999", 400),
    "brackets": ("[]=1", 400),
    "too long": ("zq=" + "x" * 40_000, 414),
}


async def test_lists_refuse_hostile_queries(target: Target) -> None:
    for path, (query, status) in product(target.lists(), HOSTILE_QUERIES.values()):
        answer = await target.send("GET", f"{path}?{query}")
        assert answer.status_code == status or status is None, (path, answer.text)
        assert "x" * 30 not in answer.text


async def test_operations_without_lists_refuse_unknown_queries(target: Target) -> None:
    for path, methods in target.contract["paths"].items():
        if "get" in methods and path.startswith("/v1") and not path.endswith("/stream"):
            answer = await target.send("GET", filled_path(path, target.values) + "?zq=1")
            assert answer.status_code == 400, (path, answer.text)


HEADERS: dict[str, tuple[list[tuple[bytes, bytes]], int | None]] = {
    "9 KiB in one header": ([(b"x-large", b"x" * 9_216)], 200),
    "9 KiB in many headers": ([(f"x-{n}".encode(), b"x" * 100) for n in range(90)], 200),
    "100 KiB": ([(b"x-large", b"x" * 102_400)], 431),
    "100 KiB of a token": ([(b"authorization", b"Bearer " + b"x" * 102_400)], 431),
    "bytes that are not UTF-8": ([(b"x-odd", b"\xff\xfe\x80")], 200),
    "request id of odd characters": ([(b"x-request-id", b"\xff'; DROP TABLE")], 200),
    "request id too long": ([(b"x-request-id", b"a" * 500)], 200),
    "traceparent": ([(b"traceparent", b"00-zz-\xff")], 200),
    "language": ([(b"accept-language", b"zh;q=nan, \xff;q=1e999, *;q=-1")], 200),
    "accept": ([(b"accept", b"application/zq; q=\xff")], 200),
    "if-none-match": ([(b"if-none-match", b'W/"\xff", ,,"')], None),
}


async def test_odd_headers_are_answered_or_refused(target: Target) -> None:
    for path, (headers, status) in product((target.lists()[0], "/livez"), HEADERS.values()):
        answer = await target.send("GET", path, headers=headers)
        assert status is None or answer.status_code == status, answer.text


async def test_authorisation_headers_of_no_sense_are_401(target: Target) -> None:
    path = target.lists()[0]
    anonymous = target.service.anonymous()
    for value in (
        b"",
        b"Bearer",
        b"Bearer \xff",
        b"Basic eA==",
        b"Bearer a.b.c",
        b"Bearer " + b"." * 999,
        b"\x80",
    ):
        answer = await anonymous.get(path, headers=[(b"authorization", value)])
        assert_proper(answer.status_code, answer.headers, answer.content)
        assert answer.status_code == 401, value
        assert answer.headers["www-authenticate"]


async def test_writes_refuse_odd_preconditions_and_keys(target: Target) -> None:
    for operation in body_operations(target.contract, target.values):
        for name in ("if-match", "idempotency-key"):
            for value in (
                b"",
                b"\xff",
                b'"\xff"',
                b"x" * 300,
                b'W/"1"',
                b'"9999999999999"',
                b"*",
                b'"1", "2"',
            ):
                headers = [(name.encode(), value), (b"content-type", operation.media_type.encode())]
                content = json.dumps(operation.sample).encode()
                await target.send(operation.method, operation.path, content=content, headers=headers)


async def _raw(target: Target, raw_path: bytes, method: str = "GET", query: bytes = b"") -> dict[str, Any]:
    """Call the application as uvicorn would, which decodes paths with replacement characters."""
    answer: dict[str, Any] = {"body": b""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
            answer["headers"] = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        else:
            answer["body"] += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": [
            (b"host", b"test"),
            (b"authorization", target.client.headers["authorization"].encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await target.service.app(scope, receive, send)
    return answer


HOSTILE_SEGMENTS = (
    b"%FF",
    b"%00",
    b"%ED%A0%80",
    b"%F0%9F%A7%AA",
    b"..%2F..",
    b"%2e%2e",
    b"%252e",
    b"'%3B--",
    b"%20",
    b"x" * 5000,
    b"%E2%80%AE",
    b":",
    b"%7B%7D",
    b"-1",
)


async def test_odd_path_segments_are_no_record(target: Target) -> None:
    for path, methods in target.contract["paths"].items():
        if "get" not in methods or "{" not in path:
            continue
        before, _, after = filled_path(path, {}).partition("{")
        tail = filled_path(after.partition("}")[2], target.values)
        for segment in HOSTILE_SEGMENTS:
            answer = await _raw(target, before.encode() + segment + tail.encode())
            assert_proper(answer["status"], answer["headers"], answer["body"])
            assert answer["status"] in (400, 404), (path, segment, answer["status"])


async def test_an_address_that_is_too_long_is_414(target: Target) -> None:
    for raw_path in (b"/v1/" + b"x" * 40_000, b"/" + b"%2F" * 20_000):
        answer = await _raw(target, raw_path)
        assert_proper(answer["status"], answer["headers"], answer["body"])
        assert answer["status"] == 414
        assert len(answer["body"]) < 2000


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "ZQ")


async def test_other_methods_are_405_and_name_those_that_there_are(target: Target) -> None:
    for path, methods in target.contract["paths"].items():
        documented = {method.upper() for method in methods}
        for method in METHODS:
            if method in documented:
                continue
            answer = await target.send(method, filled_path(path, target.values))
            if answer.status_code == 404 and method == "GET" and ":" in path:
                continue  # An action's path read as an item's: there is no such item.
            assert answer.status_code == 405, (method, path, answer.status_code)
            allowed = {name.strip() for name in answer.headers["allow"].split(",")}
            assert allowed >= documented, (method, path, allowed)
            assert allowed <= documented | {"HEAD", "OPTIONS"}, (method, path, allowed)


async def test_a_trailing_slash_is_another_address(target: Target) -> None:
    for path, methods in target.contract["paths"].items():
        method = next(iter(methods)).upper()
        answer = await target.send(method, filled_path(path, target.values) + "/")
        assert answer.status_code == 404, (method, path, answer.status_code)
    for odd in ("//v1/projects", "/v1//projects", "/V1/projects", "/v1", "/v2/projects"):
        assert (await target.send("GET", odd)).status_code == 404, odd
