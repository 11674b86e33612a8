"""The demo's network in one process: the seed of registry, and matching with the profiles."""

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

from services.matching import tables as matching_tables
from services.registry import tables as registry_tables
from services.registry.app import create_app
from services.registry.base import messaging
from services.registry.seed import keys
from services.registry.seed.loader import load
from services.registry.settings import RegistrySettings
from shared.db.engine import Database
from tests.matching.conftest import MatchingUnderTest, matching_beside
from tests.matching.registry_double import RegistryDouble
from tests.support.services import ISSUER, create_schema, load_test_keys, running, verifier

PROFILES = Path(__file__).parents[2] / "examples/demo/profiles.json"
FOLLOWED = ("organisation", "enclave", "project", "landing")
TODAY = date(2026, 11, 20)
SEEDED = 20
"""The first projects of the seed are the same whatever their number."""


@contextlib.asynccontextmanager
async def demo_matching(folder: Path) -> AsyncIterator[MatchingUnderTest]:
    registry_url, matching_url = (f"sqlite+aiosqlite:///{folder / name}.db" for name in ("r", "m"))
    create_schema(registry_tables.metadata)(registry_url)
    create_schema(matching_tables.metadata)(matching_url)
    database = Database(registry_url, synchronous="OFF")
    await load(database, TODAY, count=SEEDED)
    await database.dispose()
    double = RegistryDouble(await load_test_keys())
    double.events = await events_of(registry_url)
    async with matching_beside(double, matching_url) as matching:
        await matching.follow()
        ids = {
            event["data"]["object"]["name"]: event["data"]["object"]["id"]
            for event in double.events
            if event["type"] == "organisation.created" and event["data"]["object"]["kind"] == "home_unit"
        }
        profiles = json.loads(PROFILES.read_text(encoding="utf-8"))["profiles"]
        for name, profile in profiles.items():
            # What a home unit would like is for rounds; recommendations do not look at it.
            stated = {field: value for field, value in profile.items() if field != "wishes"}
            await matching.put_profile(ids[name], {**stated, "synthetic": True})
        yield matching


async def events_of(url: str) -> list[dict[str, Any]]:
    """What the registry tells matching, from its feed."""
    settings = RegistrySettings(
        environment="test",
        database_url=url,
        secret="a secret for tests",
        issuer=ISSUER,
        run_workers=False,
        sqlite_synchronous="OFF",
    )
    app = create_app(settings, authenticator=verifier())
    found: list[dict[str, Any]] = []
    async with running("registry", app, messaging) as registry:
        after = "earliest"
        while True:
            answer = await registry.as_admin().get("/v1/events", params={"after": after, "limit": 500})
            page = answer.json()
            found += page["items"]
            after = page["next_cursor"]
            if not page["has_more"]:
                break
    return [event for event in found if event["type"].split(".")[0] in FOLLOWED]


def seeded_project(number: int) -> str:
    return keys.project_id(f"demo-{number:03}")
