"""Kill services at random moments under writes, then compare what every store says."""

import asyncio
import random
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.crash import stores
from tests.crash.services import ADMIN, NAMES, Fleet
from tests.crash.writers import Acknowledged, Writer

WRITERS = 4
FOLLOWERS = ("matching", "metrics")


@dataclass(frozen=True)
class Report:
    """What a run did and found; ``problems`` must be empty."""

    seed: int
    kills: int
    writes: int
    repeats: int
    projects: int
    events: int
    seconds: float
    problems: list[str]


async def run(directory: Path, database_urls: dict[str, dict[str, str]], *, kills: int, seed: int) -> Report:
    """Run the scenario. ``database_urls`` has the stores under ``live`` and empty ones under ``rebuilt``."""
    started = time.monotonic()
    fleet = Fleet(directory / "live", database_urls.get("live", {}))
    fleet.directory.mkdir(parents=True, exist_ok=True)
    acknowledged = Acknowledged()
    try:
        for name in NAMES:
            await fleet.start(name)
            await fleet.ready(name)
        await _under_fire(fleet, acknowledged, kills, seed)
        await _caught_up(fleet)
        live = {name: fleet.store(name) for name in NAMES}
        await fleet.stop(*FOLLOWERS)
        kept = {name: stores.content(live[name]) for name in FOLLOWERS}
        lost = {name: stores.dead_letters(live[name]) for name in FOLLOWERS}
        rebuilt = await _rebuild(fleet, directory / "rebuilt", database_urls.get("rebuilt", {}))
    finally:
        await fleet.stop()
    problems = [*acknowledged.errors, *stores.violations(live["registry"], acknowledged.versions)]
    for name in FOLLOWERS:
        problems += _differences(name, kept[name], rebuilt[name])
        if lost[name]:
            problems.append(f"{name} has {lost[name]} dead letters")
    return Report(
        seed,
        kills,
        acknowledged.writes,
        acknowledged.repeats,
        len(acknowledged.versions),
        stores.head(live["registry"]),
        round(time.monotonic() - started, 1),
        problems,
    )


async def _under_fire(fleet: Fleet, acknowledged: Acknowledged, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    enclave_id = await _enclave(fleet)
    stop = asyncio.Event()
    writers = [
        asyncio.create_task(
            Writer(fleet.url("registry"), acknowledged, seed * 1000 + number, enclave_id).run(stop)
        )
        for number in range(WRITERS)
    ]
    try:
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.02, 0.5))
            victim = chance.choice(NAMES)
            await fleet.kill(victim)
            await fleet.start(victim)
            if chance.random() < 0.8:
                await fleet.ready(victim)
        await fleet.ready()
    finally:
        stop.set()
        await asyncio.gather(*writers)


async def _enclave(fleet: Fleet) -> str:
    async with httpx2.AsyncClient(base_url=fleet.url("registry"), trust_env=False) as client:
        token = await _token(client)
        client.headers["authorization"] = f"Bearer {token}"
        home = await client.post(
            "/v1/organisations",
            json={"kind": "home_unit", "name": "掉电测试市", "unit_type": "city", "adcode": "331100"},
        )
        enclave = await client.post(
            "/v1/enclaves",
            json={"name": "掉电测试飞地", "home_unit_id": home.json()["id"], "host_adcode": "310115"},
        )
        assert enclave.status_code == 201, enclave.text
        identifier: str = enclave.json()["id"]
        return identifier


async def _token(client: httpx2.AsyncClient) -> str:
    form = {"grant_type": "client_credentials", "client_id": ADMIN[0], "client_secret": ADMIN[1]}
    token: str = (await client.post("/oauth2/token", data=form)).json()["access_token"]
    return token


async def _caught_up(fleet: Fleet, seconds: float = 60) -> None:
    """Wait until registry has numbered everything and the followers have applied it."""
    deadline = time.monotonic() + seconds
    previous = -1
    while (head := stores.head(fleet.store("registry"))) != previous or head == 0:
        previous = head
        await asyncio.sleep(1.2)
    for name in FOLLOWERS:
        while stores.position(fleet.store(name)) < head:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is still behind {head}")
            await asyncio.sleep(0.1)


async def _rebuild(
    fleet: Fleet, directory: Path, database_urls: dict[str, str]
) -> dict[str, dict[str, list[str]]]:
    """Let the followers rebuild from zero, from the same registry, and return their content."""
    fresh = Fleet(directory, database_urls)
    fresh.directory.mkdir(parents=True, exist_ok=True)
    for name in FOLLOWERS:
        variable = f"FEIDI_{name.upper()}_DATABASE_URL"
        own = fleet.services[name].settings
        settings = {**own, variable: fresh.services[name].settings[variable]}
        fleet.services[name] = type(fleet.services[name])(
            name, fleet.services[name].command, fleet.services[name].port, settings
        )
        await fleet.start(name)
    await fleet.ready()
    await _caught_up(fleet)
    await fleet.stop(*FOLLOWERS)
    return {name: stores.content(fleet.store(name)) for name in FOLLOWERS}


def _differences(name: str, kept: dict[str, list[str]], rebuilt: dict[str, list[str]]) -> list[str]:
    problems = []
    for table in sorted(kept.keys() | rebuilt.keys()):
        mine, other = kept.get(table, []), rebuilt.get(table, [])
        if mine != other:
            only = sorted(set(mine) ^ set(other))[:2]
            problems.append(f"{name}.{table}: {len(mine)} rows lived, {len(other)} rebuilt; e.g. {only}")
    return problems
