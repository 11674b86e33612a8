"""Every operation of the three contracts under generated requests, with all checks of Schemathesis.

``FEIDI_SCHEMATHESIS_EXAMPLES`` and ``FEIDI_SCHEMATHESIS_SEED`` widen a run or repeat one.
"""

import asyncio
import json
import logging
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import structlog
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from deploy.contracts import SERVICES
from services.registry.sandbox import routes as sandbox
from shared.ids import new_id
from shared.messaging import feed
from tests.contracts.background import Running, in_background
from tests.contracts.filled import BUILD, Values, schema_of
from tests.support.services import access_token, empty_store

EXAMPLES = int(os.environ.get("FEIDI_SCHEMATHESIS_EXAMPLES", "3"))
SEED = int(os.environ.get("FEIDI_SCHEMATHESIS_SEED", "20261123"))

ACCEPTED = {
    "2xx": "done",
    "304": "the caller has this version",
    "403": "an approval asks for the organisation's own credential",
    "404": "no such record: a schema cannot say which exist",
    "409": "the state of the records refuses what the schema admits",
    "410": "a cursor of another epoch",
    "412": "the record has another version",
}
"""How an operation may answer what its schema admits."""

_KEY = re.compile(rb"[!-~]{1,255}")

REFUSED = ["400", "401", "403", "404", "405", "409", "410", "412", "413", "414", "415", "422", "428", "431"]
"""How an operation may answer what its schema does not admit: any refusal."""

BEYOND_SCHEMA = {
    "invalid_client": "which client has which secret is not the contract's to tell",
    "invalid_grant": "which API keys exist is not the contract's to tell",
    "invalid_cursor": "cursors are signed and bound to their list: no schema describes one",
    "invalid_mapping": "what a mapping may fill depends on the command it names",
    "invalid_signature": "which secret signs for a source is not the contract's to tell",
    "invalid_period": "two parameters together",
    "invalid_request": "RFC 6749 forbids to repeat a field of the form, and two kinds of credentials",
    "malformed_etag": "the pattern says it, and yet a bare 0 is generated as valid for an optional If-Match",
    "malformed_json": "a mapping holds values of any kind: no schema bounds the texts within them",
    "not_together": "two fields or parameters together",
    "precondition_required": "a profile that exists is replaced with If-Match, a new one is put without",
    "unknown_group": "two parameters together, and the form of one depends on the other",
    "unknown_set": "which sets of records there are depends on the KPI in the path",
    "url_not_allowed": "which hosts are addresses, and which of these are public, no schema says",
    "uri_too_long": "the bound is on the whole address, a schema bounds its parts",
}
"""Codes of refusals for reasons that OpenAPI has no words for."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(feed, "MAX_WAIT_S", 0.02)  # A long poll is not what is tested here.
    monkeypatch.setattr(sandbox, "hold_back", _at_once)  # Nor is a delay that a script asks for.
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


async def _at_once(_delay_ms: int) -> None:
    return None


def configuration(service: str, values: Values) -> SchemathesisConfig:
    scopes = " ".join(f"{service}:*:{action}" for action in ("read", "write", "approve", "admin"))
    token = access_token(None, scopes, client_id="cli_admin", sees_network=True)
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "headers": {"Authorization": f"Bearer {token}"},
            "dictionaries": {name.replace(".", "_"): {"values": known} for name, known in values.items()},
            "parameters": {
                name: {"dictionary": name.replace(".", "_"), "probability": 0.8} for name in values
            },
            "generation": {"max-examples": EXAMPLES, "no-shrink": True},
            "continue-on-failure": True,
            "request-timeout": 20,
            "checks": {
                "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx"]},
                "positive_data_acceptance": {"expected-statuses": list(ACCEPTED)},
                "negative_data_rejection": {"expected-statuses": REFUSED},
                # If-Match and a mandatory Idempotency-Key are asked for with 428.
                "missing_required_header": {"expected-statuses": ["400", "401", "403", "422", "428"]},
            },
        }
    )


def load(service: str, running: Running[Values]) -> Any:
    document = json.loads(json.dumps(running.service.app.openapi()))
    schema: Any = schemathesis.openapi.from_dict(document, config=configuration(service, running.world))
    schema.app = _client_of(running.door)
    return schema


def _client_of(app: Any) -> Any:
    """Use each Idempotency-Key once, and close a stream shortly after it began."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        begun = asyncio.Event()

        async def watched(message: Any) -> None:
            begun.set()
            await send(message)

        answering = asyncio.ensure_future(app({**scope, **_with_new_key(scope)}, receive, watched))
        answering.add_done_callback(lambda _: begun.set())
        await begun.wait()
        endless = scope.get("path") == "/v1/events/stream"
        await asyncio.wait([answering], timeout=0.05 if endless else None)
        if answering.done():
            answering.result()
        else:
            answering.cancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return call


def _with_new_key(scope: Any) -> dict[str, Any]:
    return {
        "headers": [
            (name, new_id("key").encode() if name == b"idempotency-key" and _KEY.fullmatch(value) else value)
            for name, value in scope.get("headers", ())
        ]
    }


def failures_of(schema: Any) -> tuple[list[str], set[str], int]:
    """Run all phases; return what failed, the operations that were called and the number of cases."""
    failures: dict[tuple[str, str, str], str] = {}
    labels: set[str] = set()
    cases = 0
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            failures["error", str(type(event)), repr(event)] = repr(
                vars(event) if hasattr(event, "__dict__") else event
            )
        if not isinstance(event, events.ScenarioFinished):
            continue
        recorder = event.recorder
        cases += len(recorder.cases)
        labels |= {node.value.operation.label for node in recorder.cases.values()}
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is not None and not _beyond_schema(check, recorder, case_id):
                    label = recorder.cases[case_id].value.operation.label
                    message = check.failure_info.failure.message
                    text = f"{check.name} {label}: {message}\n{_shown(recorder.interactions.get(case_id))}"
                    failures.setdefault((check.name, label, message[:100]), text)
    return list(failures.values()), labels, cases


def _beyond_schema(check: Any, recorder: Any, case_id: str) -> bool:
    """Whether the contract could not have told that this request would be refused."""
    if check.name != "positive_data_acceptance":
        return False
    problem = json.loads(recorder.interactions[case_id].response.content)
    codes = {problem["code"], *(entry["code"] for entry in problem["errors"])}
    return not BEYOND_SCHEMA.keys().isdisjoint(codes)


def _shown(interaction: Any) -> str:
    if interaction is None or interaction.response is None:
        return "no answer"
    request, response = interaction.request, interaction.response
    sent = {name: value for name, value in request.headers.items() if name.lower().startswith("if-")}
    lines = (request.method, request.uri[:500], sent, (request.body or b"")[:500])
    return f"  {lines}\n  {response.status_code} {response.content[:500]!r}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_keeps_its_contract(
    service: str, tmp_path: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = tmp_path_factory.getbasetemp()
    with (
        empty_store("sqlite", service, schema_of(service), tmp_path, shared, None) as url,
        in_background(lambda: BUILD[service](url)) as running,
    ):
        schema = load(service, running)
        failures, labels, cases = failures_of(schema)
    print(f"{service}: {cases} cases, {len(labels)} operations, seed {SEED}")
    assert not failures, f"seed {SEED}: {len(failures)} failures\n" + "\n".join(failures[:40])
    assert len(labels) == sum(len(methods) for methods in schema.raw_schema["paths"].values())
