"""A service with records of its own and a request for each operation of its contract that is about them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx2
from sqlalchemy import select

from deploy.contracts import contract_of
from tests.support.services import ServiceUnderTest, access_token

CONSUMER = "erp-of-a-party"
"""A named consumer that every world's party has."""

DELETED = {"deleteEventConsumer": f"/v1/event-consumers/{CONSUMER}-to-be-deleted"}
"""The path of what is gone after a test, so that no other test asks for it."""

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Operation:
    """One operation of a contract."""

    service: str
    method: str
    path: str
    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.document["operationId"])

    @property
    def scope(self) -> str | None:
        security = self.document["security"]
        return security[0]["bearer"][0] if security else None

    def requires(self, header: str) -> bool:
        return any(entry["name"] == header and entry["required"] for entry in self._parameters())

    def _parameters(self) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = self.document.get("parameters", [])
        return parameters


@cache
def operations(service: str) -> list[Operation]:
    """Return every operation of a service's contract, so that none can be forgotten."""
    return [
        Operation(service, method, path, document)
        for path, methods in contract_of(service)["paths"].items()
        for method, document in methods.items()
    ]


def example_of(operation: Operation) -> Any:
    """Return the example of an operation's body, or an empty object."""
    body = operation.document.get("requestBody")
    if body is None:
        return None
    schema = next(iter(body["content"].values()))["schema"]
    name = schema.get("$ref", "").rpartition("/")[2]
    if name:
        schema = contract_of_cached(operation.service)["components"]["schemas"][name]
    return schema.get("examples", [{}])[0]


contract_of_cached = cache(contract_of)

Caller = Callable[[], httpx2.AsyncClient]


@dataclass
class World:
    """``ids`` fill the paths and ``bodies`` the requests; nothing in ``secrets`` is for an outsider.

    ``party`` may do everything, except where ``parties`` names another; ``outsiders`` are organisations with
    records of their own, the last of which ``markers`` tell, and no part in ours; ``onlookers`` are parties
    who read and do not decide. Operations in ``reach`` are for callers who see the whole network.
    """

    service: ServiceUnderTest
    ids: Mapping[str, str]
    bodies: Mapping[str, Any]
    secrets: frozenset[str]
    party: str
    outsiders: Mapping[str, str | None]
    markers: Mapping[str, str] = field(default_factory=dict)
    onlookers: tuple[str, ...] = ()
    paths: Mapping[str, str] = field(default_factory=dict)
    queries: Mapping[str, str] = field(default_factory=dict)
    parties: Mapping[str, str] = field(default_factory=dict)
    reach: frozenset[str] = frozenset()

    @property
    def operations(self) -> list[Operation]:
        return operations(self.service.name)

    def party_of(self, operation: Operation) -> str:
        return self.parties.get(operation.name, self.party)

    def token(self, organisation_id: str | None, *scopes: str, **claims: Any) -> str:
        granted = " ".join(scopes or sorted(scopes_of(self.service.name)))
        return access_token(organisation_id, granted, client_id=f"cli_of_{organisation_id}", **claims)

    def token_of(self, operation: Operation) -> str:
        """Return a token with which the operation succeeds."""
        return self.token(self.party_of(operation), sees_network=operation.name in self.reach)

    def path(self, operation: Operation) -> str:
        path = self.paths.get(operation.name) or operation.path.format(**self.ids)
        query = self.queries.get(operation.name)
        return f"{path}?{query}" if query else path

    async def send(self, operation: Operation, authorization: str | None) -> httpx2.Response:
        """Send the operation's request with this Authorization header."""
        headers = {} if authorization is None else {"authorization": authorization}
        if operation.requires("If-Match") or operation.method == "put":
            headers["if-match"] = '"1"'
        if operation.requires("Idempotency-Key"):
            headers["idempotency-key"] = f"key-{operation.name}"
        body = self.bodies.get(operation.name, example_of(operation))
        is_form = FORM in operation.document.get("requestBody", {}).get("content", {})
        return await self.service.anonymous().request(
            operation.method,
            self.path(operation),
            headers=headers,
            **({} if body is None else {"data": body} if is_form else {"json": body}),
        )

    async def rows(self) -> dict[str, list[str]]:
        """Return every row of the store, by table."""
        found = {}
        async with self.service.database.read() as session:
            for table in self.service.tables.events.metadata.sorted_tables:
                found[table.name] = sorted(repr(dict(row)) for row in await session.rows(select(table)))
        return found


async def make_consumer(client: httpx2.AsyncClient) -> None:
    """Give a caller its named consumers of the feed."""
    for path in (f"/v1/event-consumers/{CONSUMER}", DELETED["deleteEventConsumer"]):
        made = await client.put(path, json={"cursor": "earliest"})
        assert made.status_code == 201, made.text


def scopes_of(service: str) -> frozenset[str]:
    """Return every scope that a service's operations ask for."""
    return frozenset(operation.scope for operation in operations(service) if operation.scope)
