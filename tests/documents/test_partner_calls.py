"""The requests that the page for partners shows are those of the contract."""

import re
from typing import Any

import pytest

from deploy.contracts import contract_of
from services.registry.event_types.service import list_event_types
from services.registry.signatures.standard_webhooks import TOLERANCE_S
from tests.documents.partner_page import CHINESE_PAGE, PAGE, Call, calls

CALLS = calls()
CONTRACT = contract_of("registry")
OPERATIONS = {
    (method, re.sub(r"\{\w+\}", "{}", path)): operation
    for path, methods in CONTRACT["paths"].items()
    for method, operation in methods.items()
}


def served(call: Call) -> dict[str, Any] | None:
    """The operation a call is for; a value in the path stands for any."""
    for (method, path), operation in OPERATIONS.items():
        pattern = re.escape(path).replace(r"\{\}", "[^/:]+")
        if method == call.method and re.fullmatch(pattern, call.path):
            return operation
    return None


def unknown_fields(body: Any, schema: dict[str, Any], where: str = "") -> list[str]:
    """Members of a body that its schema does not have."""
    if "$ref" in schema:
        return unknown_fields(
            body, CONTRACT["components"]["schemas"][schema["$ref"].rpartition("/")[2]], where
        )
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return unknown_fields(body, choice, where)
    if isinstance(body, list):
        return [found for one in body for found in unknown_fields(one, schema.get("items", {}), where)]
    if not isinstance(body, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    return [
        found
        for name, value in body.items()
        for found in (
            unknown_fields(value, known[name], f"{where}/{name}") if name in known else [f"{where}/{name}"]
        )
    ]


def test_the_calls_are_found() -> None:
    assert len(CALLS) >= 20
    assert {call.method for call in CALLS} == {"get", "post", "patch"}
    assert Call("get", "/v1/events", ("endpoint_id", "after", "limit"), None) in CALLS


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_a_call_is_one_of_the_contract(call: Call) -> None:
    operation = served(call)
    assert operation is not None, "registry serves no such operation"
    known = {parameter.get("name") for parameter in operation.get("parameters", ())}
    assert set(call.query) <= known
    if call.body is not None:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert unknown_fields(call.body, schema) == []


def test_the_types_on_the_page_are_in_the_catalogue() -> None:
    text = PAGE.read_text(encoding="utf-8")
    types = {entry.type for entry in list_event_types().items}
    kinds = {name.partition(".")[0] for name in types}
    assert set(re.findall(r"event-types/([a-z_]+\.[a-z_]+)", text)) <= types
    assert set(re.findall(r'"([a-z_]+)\.\*"', text)) <= kinds
    assert f"{TOLERANCE_S} seconds" in text


def test_the_chinese_page_shows_the_same_calls() -> None:
    shown = calls(CHINESE_PAGE)
    assert len(shown) >= 15
    assert [call for call in shown if call not in CALLS] == []


def test_every_body_is_read_whole() -> None:
    """A body that the reader of the page took for none would be checked by nobody."""
    text = PAGE.read_text(encoding="utf-8")
    shown = text.count("-d '{")
    assert len([call for call in CALLS if call.body is not None]) == shown
