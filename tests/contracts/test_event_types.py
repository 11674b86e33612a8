"""The catalogue of event types: complete, true of real events, and in the contract."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from deploy.contracts import contract_of
from services.registry.event_types.contract import VERIFICATION, component_of
from services.registry.event_types.declared import announced, declared
from services.registry.event_types.message import WebhookMessage
from services.registry.event_types.service import list_event_types
from tests.contracts.filled import BUILD, schema_of
from tests.contracts.foreign_types import COPY, OTHERS, ROOT, foreign_types, types_of
from tests.support.services import empty_store

CATALOGUE = {entry.type: entry for entry in list_event_types().items}
MODELS = {kind.name: kind.object_type for kind in (*declared(), *types_of("matching"))}
DELIVERY = {"id": "dlv_1", "endpoint_id": "whe_1", "sequence": 1}


def constructed(folder: Path) -> Iterator[tuple[str, str]]:
    """Every ``EventType("name", …)`` in a folder's code, and the file it stands in."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "EventType":
                assert isinstance(node.args[0], ast.Constant), f"{path}: a type needs its name in place"
                yield str(node.args[0].value), str(path.relative_to(ROOT))


@pytest.mark.parametrize("service", ["registry", *OTHERS])
def test_every_type_that_the_code_makes_is_in_the_catalogue(service: str) -> None:
    made = dict(constructed(ROOT / "services" / service))
    missing = {name: where for name, where in made.items() if name not in CATALOGUE}
    assert missing == {}, "declare types in the schemas.py of a room"
    assert {name for name, entry in CATALOGUE.items() if entry.service == service} == made.keys()


def test_the_types_of_other_services_are_those_they_declare() -> None:
    kept = json.loads(COPY.read_text(encoding="utf-8"))
    assert kept == foreign_types(), "run: python -m tests.contracts.foreign_types"


@pytest.mark.parametrize("name", CATALOGUE)
def test_an_example_is_valid_and_says_something(name: str) -> None:
    entry = CATALOGUE[name]
    validator = jsonschema_rs.Draft202012Validator(entry.body_schema, validate_formats=True)
    assert [error.message for error in validator.iter_errors(entry.example)] == []
    assert WebhookMessage.model_validate(entry.example).model_dump(mode="json") == entry.example
    record = entry.example["data"]["object"]
    assert MODELS[name].model_validate(record).model_dump(mode="json") == record
    assert entry.example["data"]["previous"].keys() == set(entry.example["data"]["changed"]) <= record.keys()
    assert all(record[field] != value for field, value in entry.example["data"]["previous"].items())
    assert list(placeholders(record)) == [], "add a value to services/registry/event_types/examples.json"
    for kept in (entry.title, entry.description):
        assert kept.en
        assert re.search("[\u3400-\u9fff]", kept.zh)
    assert announced()[name].description_en != f"{entry.title.en}.", "an EventType needs its description"


def placeholders(record: Any) -> Iterator[str]:
    """Fields whose example is their own name."""
    if isinstance(record, list):
        for one in record:
            yield from placeholders(one)
    if isinstance(record, dict):
        yield from (field for field, value in record.items() if value in (field, [field]))
        for value in record.values():
            yield from placeholders(value)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_schema_refuses_what_is_not_such_an_event(name: str) -> None:
    entry = CATALOGUE[name]
    validator = jsonschema_rs.Draft202012Validator(entry.body_schema)
    record = entry.example["data"]["object"]
    spoiled: list[dict[str, Any]] = [
        {**entry.example, "type": "something.else"},
        {**entry.example, "subject": {**entry.example["subject"], "type": "something"}},
        {**entry.example, "delivery": {**DELIVERY, "sequence": 0}},
        {key: value for key, value in entry.example.items() if key != "delivery"},
        *(
            {**entry.example, "data": {**entry.example["data"], "object": {**record, field: object_}}}
            for field, object_ in (("version", "1"), ("created_at", 5))
            if field in record
        ),
        {**entry.example, "data": {**entry.example["data"], "object": {}}},
    ]
    assert [body for body in spoiled if validator.is_valid(body)] == []
    assert validator.is_valid({**entry.example, "field_of_the_future": 1})


# -- real events


@pytest.fixture
async def events(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """All events of a registry with projects on every stage."""
    shared = tmp_path_factory.getbasetemp()
    with empty_store("sqlite", "registry", schema_of("registry"), tmp_path, shared, None) as url:
        async with BUILD["registry"](url) as (service, _):
            await service.sequence()
            answer = await service.as_admin().get("/v1/events?limit=1000")
            page: dict[str, Any] = answer.json()
    assert not page["has_more"]
    found: list[dict[str, Any]] = page["items"]
    return found


def test_what_is_published_is_as_the_catalogue_says(events: list[dict[str, Any]]) -> None:
    assert len({event["type"] for event in events}) >= 15
    for event in events:
        entry = CATALOGUE[event["type"]]
        body = {**event, "delivery": DELIVERY}
        jsonschema_rs.Draft202012Validator(entry.body_schema, validate_formats=True).validate(body)
        assert shape(event["subject"]["url"]) == shape(entry.example["subject"]["url"])
        assert event.keys() | {"delivery"} == entry.example.keys()


def shape(url: str) -> str:
    return re.sub(r"_[0-9a-z]{26}", "", url)


# -- the contract


def test_the_contract_names_every_type_as_a_webhook() -> None:
    document = contract_of("registry")
    assert document["webhooks"].keys() == {*CATALOGUE, VERIFICATION}
    operations = [operation["post"] for operation in document["webhooks"].values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        for parameter in operation["parameters"]:
            _, _, kind, name = parameter["$ref"].split("/")
            assert document["components"][kind][name]["name"] == name
    for name, entry in CATALOGUE.items():
        body = document["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert body == {"$ref": f"#/components/schemas/{component_of(name)}"}
        schema = {**body, "components": document["components"]}
        validator = jsonschema_rs.Draft202012Validator(schema)
        assert validator.is_valid(entry.example), name
        assert not validator.is_valid({**entry.example, "type": "something.else"}), name
        record = dict(entry.example["data"]["object"])
        record[next(iter(record))] = {"something": "else"}
        assert not validator.is_valid({**entry.example, "data": {**entry.example["data"], "object": record}})
