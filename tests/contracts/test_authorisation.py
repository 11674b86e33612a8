"""Every operation of every contract, with every kind of credential, against the reviewed ``policy.yaml``."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.contracts import SERVICES
from services.matching import tables as matching_tables
from services.metrics import tables as metrics_tables
from services.registry import tables as registry_tables
from services.registry.app import create_app
from services.registry.base import messaging
from tests.contracts import worlds_matching, worlds_metrics, worlds_registry
from tests.contracts.worlds import Operation, World, operations, scopes_of
from tests.matching.conftest import matching_beside
from tests.matching.registry_double import RegistryDouble
from tests.metrics.conftest import metrics_on
from tests.metrics.feed import HandmadeFeed
from tests.registry.access_world import settings_for
from tests.support.services import (
    access_token,
    create_schema,
    empty_store,
    load_test_keys,
    running,
    verifier,
)

POLICY: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("policy.yaml").read_text(encoding="utf-8")
)
AUDIENCES = {"public", "network", "parties", "own"}
METADATA = {
    "registry": registry_tables.metadata,
    "matching": matching_tables.metadata,
    "metrics": metrics_tables.metadata,
}
WORLDS = [f"{service} on {dialect}" for service in SERVICES for dialect in ("sqlite", "postgresql")]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@contextlib.asynccontextmanager
async def world_of(service: str, url: str) -> AsyncIterator[World]:
    if service == "registry":
        app = create_app(settings_for(url), authenticator=verifier())
        async with running(service, app, messaging) as registry:
            yield await worlds_registry.build(registry)
    elif service == "matching":
        double = RegistryDouble(await load_test_keys())
        async with matching_beside(double, url) as matching:
            yield await worlds_matching.build(matching, double)
    else:
        async with metrics_on(url, HandmadeFeed()) as metrics:
            yield await worlds_metrics.build(metrics)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WORLDS)
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """One world for each service and database; what a test changes in it changes nobody's rights."""
    service, _, dialect = request.param.split()
    cluster = request.getfixturevalue("postgres_cluster") if dialect == "postgresql" else None
    directory, shared = tmp_path_factory.mktemp("world"), tmp_path_factory.getbasetemp()
    build = create_schema(METADATA[service])
    with empty_store(dialect, service, build, directory, shared, cluster) as url:
        async with world_of(service, url) as built:
            yield built


def policy_of(operation: Operation) -> Mapping[str, Any]:
    return POLICY[operation.service][operation.name]


def guarded(world: World) -> Iterator[Operation]:
    return (operation for operation in world.operations if operation.scope)


# -- the policy


@pytest.mark.parametrize("service", SERVICES)
async def test_the_policy_names_every_operation_with_its_scope(service: str) -> None:
    assert {operation.name: operation.scope for operation in operations(service)} == {
        name: rule["scope"] for name, rule in POLICY[service].items()
    }


async def test_the_policy_is_complete() -> None:
    assert POLICY.keys() == set(SERVICES)
    for name, rule in ((name, rule) for rules in POLICY.values() for name, rule in rules.items()):
        assert rule["audience"] in AUDIENCES, name
        assert (rule["scope"] is None) == (rule["audience"] == "public") == ("outsider" not in rule), name
        assert set(answers_to_onlookers(rule)) <= {None, 200, 201, 403}, name
        assert rule.get("outsider") in (None, "nothing", 200, 201, 403, 404, 409), name


# -- credentials

FORGER = Ed25519PrivateKey.generate()


def forged(**header: str) -> str:
    """A token that claims everything, signed by somebody else's key."""
    claims = jwt.decode(everything(), options={"verify_signature": False})
    headers = {"kid": "test", "typ": "at+jwt", **header}
    return jwt.encode(claims, FORGER, algorithm="EdDSA", headers=headers)


def everything(**claims: Any) -> str:
    granted = " ".join(sorted(scope for service in SERVICES for scope in scopes_of(service)))
    return access_token(None, granted, sees_network=True, **claims)


def unsigned() -> str:
    claims = jwt.decode(everything(), options={"verify_signature": False})
    return jwt.encode(claims, None, algorithm="none", headers={"kid": "test", "typ": "at+jwt"})


NO_CREDENTIALS: dict[str, Callable[[], str | None]] = {
    "no token": lambda: None,
    "garbage": lambda: "Bearer garbage",
    "garbage like an API key": lambda: "Bearer fk_" + "a" * 43,
    "another scheme": lambda: f"Basic {everything()}",
    "expired": lambda: f"Bearer {everything(exp=int(time.time()) - 1)}",
    "of another issuer": lambda: f"Bearer {everything(iss='https://elsewhere.test')}",
    "for another audience": lambda: f"Bearer {everything(aud='elsewhere')}",
    "forged": lambda: f"Bearer {forged()}",
    "forged with an unknown key": lambda: f"Bearer {forged(kid='unknown')}",
    "of another type": lambda: f"Bearer {forged(typ='JWT')}",
    "unsigned": lambda: f"Bearer {unsigned()}",
}


@pytest.mark.parametrize("credential", NO_CREDENTIALS)
async def test_without_a_valid_credential_nothing_is_answered(world: World, credential: str) -> None:
    before, answers = await world.rows(), {}
    for operation in guarded(world):
        answer = await world.send(operation, NO_CREDENTIALS[credential]())
        challenge = answer.headers.get("www-authenticate", "").partition(" ")[0]
        answers[operation.name] = (answer.status_code, challenge, answer.headers["content-type"])
    assert {
        name: got for name, got in answers.items() if got != (401, "Bearer", "application/problem+json")
    } == {}
    assert await world.rows() == before


async def test_every_scope_but_the_needed_one_is_not_enough(world: World) -> None:
    before, answers = await world.rows(), {}
    known = {scope for service in SERVICES for scope in scopes_of(service)}
    for operation in guarded(world):
        service, area, needed = str(operation.scope).split(":")
        others = {"read", "write", "approve", "admin"} - {needed}
        granted = known | {f"{service}:{area}:{action}" for action in others}
        granted |= {f"{service}:*:{action}" for action in others}
        token = world.token(world.party_of(operation), *sorted(granted - {operation.scope}))
        answer = await world.send(operation, f"Bearer {token}")
        named = f'scope="{operation.scope}"' in answer.headers.get("www-authenticate", "")
        answers[operation.name] = (answer.status_code, answer.json()["code"], named)
    assert {name: got for name, got in answers.items() if got != (403, "insufficient_scope", True)} == {}
    assert await world.rows() == before


ASKS_IN_ITS_OWN_WAY = ("createToken", "receiveInboundMessage")
"""Public operations that know their callers by a client's secret or by a signature."""


async def test_what_is_public_needs_no_credential(world: World) -> None:
    for operation in world.operations:
        if operation.scope is None:
            answer = await world.send(operation, None)
            refused = 401 if operation.name in ASKS_IN_ITS_OWN_WAY else 200
            assert answer.status_code == refused, (operation.name, answer.text)
            assert not leaked(world, answer.text) - asked_for(world, operation), operation.name


# -- organisations


def leaked(world: World, text: str) -> set[str]:
    return {secret for secret in world.secrets if secret in text}


def changes_something(operation: Operation) -> bool:
    return policy_of(operation)["outsider"] == 201


@pytest.mark.parametrize("outsider", ["foreign", "sibling", "without organisation"])
async def test_an_outsider_sees_and_changes_nothing(world: World, outsider: str) -> None:
    token = world.token(world.outsiders[outsider])
    before, problems = await world.rows(), {}
    for operation in guarded(world):
        if operation.name == "streamEvents" or changes_something(operation):
            continue
        expected = policy_of(operation)["outsider"]
        answer = await world.send(operation, f"Bearer {token}")
        allowed = (200,) if expected == "nothing" else (expected,)
        seen = leaked(world, answer.text) - asked_for(world, operation)
        if answer.status_code not in allowed or seen:
            problems[operation.name] = (answer.status_code, seen, answer.text[:300])
    assert problems == {}
    assert await world.rows() == before


def asked_for(world: World, operation: Operation) -> set[str]:
    """What the outsider named itself: a refusal says which URL it refuses, or which of many records."""
    named = f"{world.path(operation)} {world.bodies.get(operation.name)}"
    return {secret for secret in world.secrets if secret in named}


async def test_a_party_is_let_in_with_the_same_requests(world: World) -> None:
    """Else a wrong path or body would pass for a refusal."""
    problems = {}
    for operation in guarded(world):
        if operation.name == "streamEvents":
            continue
        answer = await world.send(operation, f"Bearer {world.token_of(operation)}")
        reading = operation.method == "get"
        if answer.status_code not in ((200,) if reading else (200, 201, 202, 204, 409, 412)):
            problems[operation.name] = (answer.status_code, answer.text[:300])
    assert problems == {}


def answers_to_onlookers(rule: Mapping[str, Any]) -> list[int | None]:
    """What the host park gets and what a home unit proposed to gets; None where nothing is said."""
    said = rule.get("onlooker")
    return said if isinstance(said, list) else [said, said]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_write_to_a_project_says_what_an_onlooker_gets(service: str) -> None:
    silent = [
        operation.name
        for operation in operations(service)
        if operation.method != "get"
        and "{project_id}" in operation.path
        and None in answers_to_onlookers(policy_of(operation))
    ]
    assert silent == [], "say it in policy.yaml: onlooker"


async def test_an_onlooker_reads_a_project_and_decides_nothing(world: World) -> None:
    before, problems, allowed = await world.rows(), {}, []
    for number, organisation_id in enumerate(world.onlookers):
        token = world.token(organisation_id)
        for operation in guarded(world):
            reads = operation.method == "get" and "{project_id}" in operation.path
            expected = answers_to_onlookers(policy_of(operation))[number] or (200 if reads else None)
            if expected in (200, 201) and not reads:
                allowed.append((operation, token))
            elif expected:
                answer = await world.send(operation, f"Bearer {token}")
                if answer.status_code != expected:
                    problems[operation.name, organisation_id] = (answer.status_code, answer.text[:300])
    assert problems == {}
    assert await world.rows() == before
    for operation, token in allowed:
        answer = await world.send(operation, f"Bearer {token}")
        assert answer.status_code in (200, 201, 409, 412), (operation.name, answer.text)


# -- lists, feeds and figures

EMPTY_HERE = {("metrics", "listEvents"), ("metrics", "streamEvents")}
"""Metrics publishes no events yet."""


async def test_what_hides_something_from_an_outsider_shows_it_to_a_party(world: World) -> None:
    problems = {}
    for operation in guarded(world):
        hides = policy_of(operation)["outsider"] == "nothing"
        if not hides or (operation.service, operation.name) in EMPTY_HERE:
            continue
        token = world.token(world.party_of(operation))
        if operation.name == "streamEvents":
            text = await stream(world, token, world.secrets)
        else:
            text = (await world.send(operation, f"Bearer {token}")).text
        if not leaked(world, text):
            problems[operation.name] = text[:300]
    assert problems == {}


@pytest.mark.parametrize("outsider", ["foreign", "sibling"])
async def test_the_stream_of_an_outsider_holds_its_own_records_only(world: World, outsider: str) -> None:
    until = {marker for name, marker in world.markers.items() if name == outsider}
    token = world.token(world.outsiders[outsider])
    assert not leaked(world, await stream(world, token, until))


async def stream(world: World, token: str, until: Collection[str]) -> str:
    """Read the event stream until one of these texts appears in it; without any, until it has begun."""
    [operation] = [entry for entry in world.operations if entry.name == "streamEvents"]
    path, _, query = world.path(operation).partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "http_version": "1.1",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
        "state": {},
    }
    received, started, enough = [], asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            started.set()
        received.append(message.get("body", b"").decode())
        if any(text in "".join(received) for text in until):
            enough.set()

    task = asyncio.create_task(world.service.app(scope, receive, send))
    try:
        async with asyncio.timeout(10):
            await (enough if until else started).wait()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    return "".join(received)
