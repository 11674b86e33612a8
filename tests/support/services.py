"""A service in this process, on an empty store of its own, with callers of every kind."""

import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from sqlalchemy import MetaData, create_engine, make_url

from shared.db.engine import Database
from shared.messaging.sequencer import Sequencer
from shared.messaging.tables import MessagingTables
from shared.web.auth import Issuer, TokenVerifier
from tests.support.postgres import PostgresCluster

ISSUER = "https://registry.test"
AUDIENCE = "feidi"
_KEY = Ed25519PrivateKey.generate()
_JWK = {**jwt.algorithms.OKPAlgorithm.to_jwk(_KEY.public_key(), as_dict=True), "kid": "test", "alg": "EdDSA"}

BuildApp = Callable[[str, TokenVerifier], FastAPI]


async def load_test_keys() -> dict[str, Any]:
    return {"keys": [_JWK]}


def verifier() -> TokenVerifier:
    return TokenVerifier(Issuer(ISSUER, AUDIENCE, load_test_keys))


def access_token(
    organisation_id: str | None,
    scopes: str,
    *,
    client_id: str = "cli_test",
    sees_network: bool = False,
    **claims: Any,
) -> str:
    now = int(time.time())
    body = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": client_id,
        "client_id": client_id,
        "kind": "client",
        "org": organisation_id,
        "scope": scopes,
        "reach": "network" if sees_network else "organisation",
        "iat": now,
        "exp": now + 900,
        **claims,
    }
    return jwt.encode(body, _KEY, algorithm="EdDSA", headers={"kid": "test", "typ": "at+jwt"})


@dataclass
class ServiceUnderTest:
    """A running application and ways to call it."""

    name: str
    app: FastAPI
    tables: MessagingTables
    _clients: list[httpx2.AsyncClient] = field(default_factory=list)

    @property
    def database(self) -> Database:
        database: Database = self.app.state.service.database
        return database

    def client(self, token: str | None = None) -> httpx2.AsyncClient:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        # The application's own 500 is what is tested, not the exception behind it.
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
        client = httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers)
        self._clients.append(client)
        return client

    def anonymous(self) -> httpx2.AsyncClient:
        return self.client()

    def as_org(self, organisation_id: str, *scopes: str, client_id: str | None = None) -> httpx2.AsyncClient:
        """A caller of one organisation; without scopes, with every scope of the service."""
        granted = " ".join(scopes) or self._all_scopes()
        return self.client(
            access_token(organisation_id, granted, client_id=client_id or f"cli_of_{organisation_id}")
        )

    def as_admin(self, organisation_id: str | None = None) -> httpx2.AsyncClient:
        """A caller of the network administration, who sees everything."""
        return self.client(
            access_token(organisation_id, self._all_scopes(), client_id="cli_admin", sees_network=True)
        )

    def _all_scopes(self) -> str:
        return " ".join(f"{self.name}:*:{action}" for action in ("read", "write", "approve", "admin"))

    async def sequence(self) -> int:
        """Give committed events their positions."""
        own = self.app.state.service.extra.get("sequencer")
        return await (own or Sequencer(self.database, self.tables)).run_once()

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


def create_schema(metadata: MetaData) -> Callable[[str], None]:
    def build(url: str) -> None:
        parsed = make_url(url)
        driver = "sqlite" if parsed.get_backend_name() == "sqlite" else "postgresql+psycopg"
        engine = create_engine(parsed.set(drivername=driver))
        metadata.create_all(engine)
        engine.dispose()

    return build


@contextlib.contextmanager
def empty_store(
    dialect: str,
    name: str,
    build: Callable[[str], None],
    directory: Path,
    shared_directory: Path,
    cluster: PostgresCluster | None,
) -> Any:
    """Yield the URL of an empty store with the schema of a service: a copy of a template."""
    if dialect == "sqlite":
        template = shared_directory / f"{name}.template.db"
        if not template.exists():
            build(f"sqlite+aiosqlite:///{template}")
        target = directory / f"{name}.db"
        shutil.copyfile(template, target)
        yield f"sqlite+aiosqlite:///{target}"
        return
    assert cluster is not None
    url = cluster.create_database(template=cluster.ensure_template(f"{name}_template", build))
    yield url
    cluster.drop_database(str(make_url(url).database))


@contextlib.asynccontextmanager
async def running(name: str, app: FastAPI, tables: MessagingTables) -> AsyncIterator[ServiceUnderTest]:
    """Run an application's lifespan around a test."""
    service = ServiceUnderTest(name, app, tables)
    async with app.router.lifespan_context(app):
        yield service
        await service.close()
