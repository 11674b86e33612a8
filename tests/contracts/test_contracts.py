"""The committed contracts are the ones the services serve, and they are complete."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.contracts import SERVICES, contract_of, render

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=SERVICES)
def contract(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param, contract_of(request.param)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_committed_document_is_the_served_one(contract: tuple[str, dict[str, Any]]) -> None:
    service, document = contract
    committed = (ROOT / "services" / service / "openapi.json").read_text(encoding="utf-8")
    assert committed == render(document), "the contract changed: run ./dev openapi and review the difference"


def test_every_operation_is_named_and_described(contract: tuple[str, dict[str, Any]]) -> None:
    identifiers = [operation["operationId"] for _, _, operation in operations(contract[1])]
    assert len(identifiers) == len(set(identifiers))
    for _, path, operation in operations(contract[1]):
        assert operation["operationId"].isidentifier()
        assert operation["operationId"][0].islower()
        assert operation.get("description"), path
        assert operation["summary"] == operation["description"].splitlines()[0].rstrip("."), path
        assert operation.get("tags"), path


def test_the_document_says_how_to_get_a_token(contract: tuple[str, dict[str, Any]]) -> None:
    description = contract[1]["info"]["description"]
    assert "http://127.0.0.1:8100/oauth2/token" in description
    assert "docs/getting-started.md" in description


def test_every_operation_documents_its_refusals(contract: tuple[str, dict[str, Any]]) -> None:
    for method, path, operation in operations(contract[1]):
        refusals = {status for status in operation["responses"] if status.startswith(("4", "5"))}
        assert {"400", "500"} <= refusals, (method, path)
        if operation["security"]:
            assert {"401", "403"} <= refusals, (method, path)
        for status in refusals - {"503"}:
            assert "application/problem+json" in operation["responses"][status]["content"], (
                method,
                path,
                status,
            )


def test_output_schemas_have_no_defaults(contract: tuple[str, dict[str, Any]]) -> None:
    for name, schema in contract[1]["components"]["schemas"].items():
        if name.endswith("Read"):
            assert set(schema["properties"]) == set(schema.get("required", [])), name


def test_the_document_is_openapi_3_2_and_refers_only_to_itself(contract: tuple[str, dict[str, Any]]) -> None:
    document = contract[1]
    assert document["openapi"] == "3.2.0"
    text = json.dumps(document)
    names = set(document["components"]["schemas"])
    used = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert used <= names
