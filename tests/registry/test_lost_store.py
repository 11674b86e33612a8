"""What a caller is told while the store is gone."""

from typing import Any

import asyncpg
import pytest

from services.registry.app import create_app
from services.registry.base import messaging
from services.registry.settings import RegistrySettings
from services.registry.tables import metadata
from tests.support.postgres import PostgresCluster
from tests.support.services import ISSUER, ServiceUnderTest, create_schema, running, verifier

PATHS = ("/v1/organisations", "/v1/projects/prj_00000000000000000000000000")


async def test_a_lost_store_is_a_503_with_retry_after() -> None:
    with PostgresCluster() as cluster:
        url = cluster.create_database()
        create_schema(metadata)(url)
        settings = RegistrySettings(
            environment="test", database_url=url, secret="lost", issuer=ISSUER, run_workers=False
        )
        app = create_app(settings, authenticator=verifier())
        async with running("registry", app, messaging) as service:
            admin = service.as_admin()
            assert [(await admin.get(path)).status_code for path in PATHS] == [200, 404]
            cluster.stop()
            for path in PATHS * 2:
                gone = await admin.get(path)
                assert (gone.status_code, gone.json()["code"]) == (503, "service_unavailable"), gone.text
                assert gone.headers["retry-after"]
            filed = await admin.post("/v1/organisations", json={"kind": "operator", "name": "甲"})
            assert (filed.status_code, filed.json()["code"]) == (503, "service_unavailable")


@pytest.mark.parametrize("registry_url", ["postgresql"], indirect=True)
async def test_a_store_that_takes_no_more_connections_is_a_503(
    registry: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise asyncpg.TooManyConnectionsError("sorry, too many clients already")

    monkeypatch.setattr(asyncpg, "create_pool", refuse)
    full = await registry.as_admin().get(PATHS[1])
    assert (full.status_code, full.json()["code"]) == (503, "service_unavailable"), full.text
    assert full.headers["retry-after"]
