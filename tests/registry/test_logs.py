"""What the log says when something goes wrong, and that it never tells what a record holds."""

import json
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError, IntegrityError

from services.registry.organisations import service
from services.registry.organisations.models import organisations
from services.registry.organisations.schemas import OrganisationRead
from shared.db.engine import WriteSession
from shared.db.hot import hot_insert
from shared.logging import configure_logging
from tests.support.services import ServiceUnderTest

CANARY = "金丝雀-CANARY"
BODY = {"kind": "operator", "name": CANARY}

Add = Callable[[WriteSession, dict[str, Any]], Awaitable[None]]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    lines, root = StringIO(), logging.getLogger()
    handlers, level, kept = root.handlers[:], root.level, structlog.get_config()
    monkeypatch.setattr(sys, "stderr", lines)
    configure_logging("registry", "DEBUG")
    yield lines
    structlog.configure(**kept)
    root.handlers[:] = handlers
    root.setLevel(level)


async def add_plainly(tx: WriteSession, values: dict[str, Any]) -> None:
    await tx.execute(insert(organisations).values(values | {"version": None}))


async def add_at_once(tx: WriteSession, values: dict[str, Any]) -> None:
    await tx.row(organisations.select().limit(1))
    await hot_insert(organisations).run(tx, [values | {"version": None}])


@pytest.mark.parametrize("add", [add_plainly, add_at_once])
async def test_a_violated_constraint_is_logged_without_the_row(
    registry: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch, log: StringIO, add: Add
) -> None:
    monkeypatch.setattr(service.repository, "add", add)
    failed = await registry.as_admin().post("/v1/organisations", json=BODY)
    assert (failed.status_code, failed.json()["code"]) == (500, "internal_error")
    told = log.getvalue()
    assert "unhandled_error" in told
    assert "version" in told
    assert CANARY not in told
    assert CANARY not in failed.text


async def test_a_record_that_cannot_be_shown_is_logged_without_it(
    registry: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    def broken(row: Any) -> OrganisationRead:
        return OrganisationRead.model_validate(dict(row) | {"version": CANARY})

    monkeypatch.setattr(OrganisationRead, "of", broken)
    failed = await registry.as_admin().post("/v1/organisations", json=BODY)
    assert failed.status_code == 500
    assert "OrganisationRead" in log.getvalue()
    assert CANARY not in log.getvalue()


@pytest.mark.parametrize("add", [add_plainly, add_at_once])
async def test_an_error_of_the_store_can_be_repeated_anywhere(registry: ServiceUnderTest, add: Add) -> None:
    """Its text becomes the reason of a dead letter, too."""
    values = {column.name: CANARY for column in organisations.columns if column.type.python_type is str}
    with pytest.raises(DBAPIError) as failed:
        async with registry.database.write() as tx:
            await add(tx, {**values, "id": "org_1"})
    error: BaseException | None = failed.value
    while error is not None:
        assert CANARY not in str(error)
        error = error.__cause__


@pytest.mark.parametrize("registry_url", ["postgresql"], indirect=True)
async def test_a_value_the_store_does_not_take_is_not_quoted(registry: ServiceUnderTest) -> None:
    for add in (add_plainly, add_at_once):
        with pytest.raises(DBAPIError) as failed:
            async with registry.database.write() as tx:
                await add(tx, {"id": {CANARY: 1}})
        assert not isinstance(failed.value, IntegrityError)
        assert CANARY not in f"{failed.value} {failed.value.__cause__} {failed.value.orig}"


async def test_a_caller_who_leaves_before_the_body_is_whole_is_no_error(
    registry: ServiceUnderTest, log: StringIO
) -> None:
    token = registry.as_admin().headers["authorization"].encode()
    messages = iter(({"type": "http.request", "body": b'{"kind"', "more_body": True},))

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        raise AssertionError(message)

    for path in ("/v1/organisations", "/oauth2/token"):
        form = b"application/x-www-form-urlencoded" if "token" in path else b"application/json"
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"content-type", form), (b"authorization", token)],
            "server": ("127.0.0.1", 80),
        }
        await registry.app(scope, receive, send)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["level"], line["status"]) for line in lines] == [("info", 499)] * 2
