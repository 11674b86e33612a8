"""Each service with records in it, and the values of its contract's parameters that name them."""

import contextlib
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from services.registry.app import create_app
from services.registry.base import messaging
from services.registry.settings import RegistrySettings
from tests.contracts.worlds import CONSUMER, make_consumer
from tests.contracts.worlds_matching import make_draft, rounds_of
from tests.matching.conftest import matching_beside
from tests.matching.registry_double import LISHUI, SHANGHAI, RegistryDouble, enclave, home_unit, project
from tests.metrics.conftest import metrics_on
from tests.metrics.feed import HandmadeFeed
from tests.registry.inbound_world import make_partner
from tests.registry.project_walk import walk_to
from tests.registry.project_world import World, build_world, make
from tests.registry.webhook_world import make_webhooks
from tests.support.services import (
    ISSUER,
    ServiceUnderTest,
    create_schema,
    load_test_keys,
    running,
    verifier,
)

Values = dict[str, list[str]]
"""For a parameter (``path.project_id``) or field (``body.enclave_id``): values that name a record."""


@contextlib.asynccontextmanager
async def _registry(url: str) -> AsyncIterator[tuple[ServiceUnderTest, Values]]:
    settings = RegistrySettings(
        environment="test",
        database_url=url,
        secret="a secret for tests",
        issuer=ISSUER,
        run_workers=False,
        sqlite_synchronous="OFF",
    )
    app = create_app(settings, authenticator=verifier())
    async with running("registry", app, messaging) as service:
        world = await build_world(service, seat_capacity=500, area_capacity_m2=20_000)
        yield service, await _fill_registry(world)


LISTS = {
    "residency_id": "/v1/residencies",
    "agreement_id": "/v1/agreements",
    "landing_id": "/v1/landings",
    "record_id": "/v1/audit-records",
}


async def _fill_registry(world: World) -> Values:
    complete = await walk_to(world, "completed", title="走完全程的项目")
    early = await walk_to(world, "screening", title="仍在筛选的项目", external_id="P-2")
    project_id = complete["id"]
    network = {"name": "示例网络", "centre_enclave_id": world.enclave_id, "operator_id": world.operator_id}
    claim = {
        "subject_type": "project",
        "subject_id": project_id,
        "metric": "area",
        "value": "21",
        "source": "示例",
    }
    client = {
        "name": "客户端",
        "scopes": ["registry:projects:read"],
        "organisation_id": world.operator_id,
    }
    made = {
        name: (await make(world.operator, path, body))["id"]
        for name, path, body in (
            ("path.network_id", "/v1/networks", network),
            ("path.claim_id", "/v1/claims", claim),
            ("path.client_id", "/v1/clients", client),
            ("path.key_id", "/v1/api-keys", client),
            ("path.receiver_id", "/v1/sandbox/receivers", {"name": "练习"}),
        )
    }
    hits = f"/v1/sandbox/receivers/{made['path.receiver_id']}/hits"
    await world.registry.anonymous().post(hits, content=b"{}")
    partner = await make_partner(world)
    webhooks = await make_webhooks(world)
    await make_consumer(world.registry.as_admin())
    lists = {"evidence_id": f"/v1/projects/{project_id}/evidence", "hit_id": hits, **LISTS}
    return {
        **{name: [value] for name, value in made.items()},
        **{f"path.{name}": await _ids(world, path) for name, path in lists.items()},
        "path.project_id": [project_id, early["id"]],
        "path.enclave_id": [world.enclave_id],
        "path.organisation_id": [world.home_unit_id, world.operator_id],
        "path.name": [CONSUMER],
        "path.code": ["331100", "310112", "3581"],
        "path.event_type": ["project.created", "home_unit_profile.updated"],
        **{f"path.{name}": [value] for name, value in webhooks.items()},
        "body.endpoint_id": [webhooks["endpoint_id"]],
        "query.endpoint_id": [webhooks["endpoint_id"]],
        "path.source_id": [partner.source_id],
        "path.message_id": [await partner.taken(b"no JSON") for _ in range(2)],
        "path.mapping_version": ["1"],
        "path.field_id": ["biotechnology"],
        "path.cluster_id": ["yangtze_river_delta"],
        "body.project_id": [project_id, early["id"]],
        "body.enclave_id": [world.enclave_id],
        "body.home_unit_id": [world.home_unit_id, world.stranger_id],
        "body.operator_id": [world.operator_id],
        "body.host_park_id": [world.park_id],
    }


async def _ids(world: World, path: str) -> list[str]:
    return [record["id"] for record in (await world.admin.get(path)).json()["items"]]


@contextlib.asynccontextmanager
async def _matching(url: str) -> AsyncIterator[tuple[ServiceUnderTest, Values]]:
    registry = RegistryDouble(await load_test_keys())
    units = [home_unit("丽水", LISHUI), home_unit("没有地点", None)]
    for unit in units:
        registry.tell("organisation.created", unit)
    site = enclave("示例飞地", units[0]["id"], SHANGHAI)
    registry.tell("enclave.created", site)
    candidate = project("示例项目", units[0]["id"], enclave_id=site["id"])
    registry.tell("project.created", candidate)
    async with matching_beside(registry, url) as matching:
        await matching.follow()
        await make_consumer(matching.service.as_admin())
        admin = matching.as_admin()
        run = await admin.post("/v1/recommendations:refresh")
        rounds = await rounds_of(admin, matching, units[0]["id"], candidate["id"])
        draft = await make_draft(admin)
        yield (
            matching.service,
            {
                "path.project_id": [candidate["id"]],
                "path.home_unit_id": [unit["id"] for unit in units],
                "path.name": [CONSUMER],
                "path.run_id": [run.json()["id"]],
                "path.round_id": [rounds["round_id"], draft],
                "path.offer_id": [rounds["offer_id"]],
                "body.project_id": [candidate["id"]],
                "body.home_unit_id": [units[0]["id"]],
                "body.other_round_id": [rounds["round_id"]],
            },
        )


@contextlib.asynccontextmanager
async def _metrics(url: str) -> AsyncIterator[tuple[ServiceUnderTest, Values]]:
    feed = HandmadeFeed()
    feed.organisation("org_home")
    feed.enclave("enc_one")
    for number, stage in enumerate(("lead", "incubation", "completed")):
        feed.project(f"prj_{number}", "2026-01-01", enclave_id="enc_one", industry_codes=["2710"])
        feed.stage(f"prj_{number}", stage, "2026-02-01")
    async with metrics_on(url, feed) as metrics:
        await metrics.read_feed()
        listed = (await metrics.as_admin().get("/v1/kpis")).json()["items"]
        await make_consumer(metrics.as_admin())
        yield metrics, {"path.kpi": [entry["id"] for entry in listed], "path.name": [CONSUMER]}


Build = Callable[[str], AbstractAsyncContextManager[tuple[ServiceUnderTest, Values]]]
BUILD: dict[str, Build] = {"registry": _registry, "matching": _matching, "metrics": _metrics}


def schema_of(service: str) -> Callable[[str], None]:
    """Return what creates the tables of a service."""
    tables: Any = importlib.import_module(f"services.{service}.tables")
    return create_schema(tables.metadata)
