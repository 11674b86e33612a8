"""Kill registry's processes at random moments while partners' receivers fail, then compare all accounts."""

import asyncio
import math
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.crash import partner_stores, stores
from tests.crash.partner_checks import Found, Partner, problems_of
from tests.crash.partner_fleet import PartnerFleet
from tests.crash.receivers import Receivers, receiving
from tests.crash.writers import Acknowledged, PatientClient, Writer

WRITERS = 4
PAUSE_S = 0.2
_MOVE_EVERY, _MEDDLE_EVERY = 6, 9
_MOVES_S = (1, 5, 30, 130)
_STUCK_AFTER_S, _PATIENCE = 60.0, 1000
_LIVES_S = 0.8
"""The longest time between two kills where one process does everything."""


@dataclass(frozen=True)
class PartnerReport:
    """What a run did and found; ``problems`` must be empty. ``left`` are deliveries that were pending after
    the last kill, ``refused`` hits without an acknowledgement, ``duplicates`` those acknowledged before,
    ``complaints`` what the processes logged as errors.
    """

    seed: int
    kills: int
    writes: int
    repeats: int
    events: int
    deliveries: int
    left: int
    hits: int
    refused: int
    duplicates: int
    fire_s: float
    seconds: float
    complaints: Counter[str]
    problems: list[str]


@dataclass
class _Run:
    fleet: PartnerFleet
    receivers: Receivers
    client: PatientClient
    acknowledged: Acknowledged
    chance: random.Random
    seed: int
    enclave_ids: list[str] = field(default_factory=list)
    partners: list[Partner] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


async def run(directory: Path, database_url: str | None, *, kills: int, seed: int) -> PartnerReport:
    """Run the scenario on the store of ``database_url``, which is migrated, or on a file of SQLite."""
    started = time.monotonic()
    acknowledged = Acknowledged()
    async with receiving(seed) as receivers, PartnerFleet(directory, database_url) as fleet:
        client = PatientClient(fleet.url(fleet.apis[0]), acknowledged)
        own = _Run(fleet, receivers, client, acknowledged, random.Random(seed), seed)
        try:
            await _add_partners(own)
            fire = time.monotonic()
            await _under_fire(own, kills)
            fire_s = time.monotonic() - fire
            receivers.failing = False
            left = (await asyncio.to_thread(partner_stores.waiting, fleet.database_url)).pending
            await _bring_home(own)
            digests = {
                one.endpoint_id: await client.get(f"/v1/webhook-endpoints/{one.endpoint_id}/reconciliation")
                for one in own.partners
            }
        finally:
            await client.close()
        await fleet.stop()
    return replace(
        _report(own, {key: value["digest"] for key, value in digests.items()}),
        kills=kills,
        left=left,
        fire_s=round(fire_s, 1),
        seconds=round(time.monotonic() - started, 1),
    )


async def _add_partners(run: _Run) -> None:
    """Make two enclaves that share no party, and endpoints that see more or less of them."""
    a, home_a = await _enclave(run, "331100", "310115")
    b, home_b = await _enclave(run, "330200", "310112")
    run.enclave_ids = [a, b]
    await _add(run, "/all", ["*"], "none")
    await _add(run, "/projects", ["project.*"], "subject")
    await _add(run, "/line", ["project.created", "project.updated"], "endpoint", enclave_ids=[a])
    await _add(run, "/home-b", ["*"], "subject", organisation_id=home_b, seen=frozenset([b]), max_in_flight=4)
    await _add(run, "/home-a", ["project.*", "enclave.*"], "endpoint", organisation_id=home_a, seen={a})


async def _enclave(run: _Run, home: str, host: str) -> tuple[str, str]:
    party = {"kind": "home_unit", "name": f"掉电测试市 {home}", "unit_type": "city", "adcode": home}
    home_id = (await run.client.send("POST", "/v1/organisations", party))["id"]
    body = {"name": f"掉电测试飞地 {home}", "home_unit_id": home_id, "host_adcode": host}
    return (await run.client.send("POST", "/v1/enclaves", body))["id"], home_id


async def _add(run: _Run, path: str, event_types: list[str], ordering: str, **fields: Any) -> None:
    seen = fields.pop("seen", None)
    await _numbered(run)
    born = stores.head(run.fleet.database_url)
    body = {
        "name": f"掉电测试接收端 {path}",
        "url": run.receivers.url(path),
        "event_types": event_types,
        "ordering": ordering,
        **fields,
    }
    endpoint = await run.client.send("POST", "/v1/webhook-endpoints", body)
    run.receivers.secrets[path] = endpoint["secret"]
    run.partners.append(
        Partner(
            path,
            endpoint["id"],
            endpoint["organisation_id"],
            event_types,
            ordering,
            fields.get("enclave_ids"),
            None if seen is None else frozenset(seen),
            born,
        )
    )
    for _ in range(_PATIENCE):
        if (await run.client.get(f"/v1/webhook-endpoints/{endpoint['id']}"))["status"] == "active":
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{path} never took part")


async def _numbered(run: _Run) -> None:
    for _ in range(_PATIENCE):
        if not (await asyncio.to_thread(partner_stores.waiting, run.fleet.database_url)).unnumbered:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("events are left without a position")


async def _under_fire(run: _Run, kills: int) -> None:
    stop = asyncio.Event()
    fleet, chance = run.fleet, run.chance
    longest_s = _LIVES_S if len(fleet.names) == 1 else _LIVES_S / 2
    writers = [
        asyncio.create_task(
            Writer(
                fleet.url(fleet.apis[number % len(fleet.apis)]),
                run.acknowledged,
                run.seed * 1000 + number,
                run.enclave_ids[number // 2 % 2],
                PAUSE_S,
            ).run(stop)
        )
        for number in range(WRITERS)
    ]
    meddler = asyncio.create_task(_meddle(run, stop, changes := asyncio.Queue[str]()))
    run.receivers.failing = True
    try:
        for number in range(1, kills + 1):
            await asyncio.sleep(chance.uniform(0.02, longest_s))
            victim = chance.choice(fleet.names)
            await fleet.kill(victim)
            await fleet.start(victim)
            if number % _MOVE_EVERY == 0:
                changes.put_nowait("time")
            if number % _MEDDLE_EVERY == 0:
                changes.put_nowait(chance.choice(["replay", "pause"]))
            if chance.random() < 0.8:
                await fleet.ready(victim)
        for name in fleet.names:
            await fleet.ready(name)
    finally:
        stop.set()
        changes.put_nowait("nothing")
        await asyncio.gather(meddler, *writers)


async def _meddle(run: _Run, stop: asyncio.Event, changes: "asyncio.Queue[str]") -> None:
    """Do what owners and a sandbox do meanwhile: send again, stop and go on, put time forward for retries."""
    client = PatientClient(run.fleet.url(run.fleet.apis[-1]), run.acknowledged)
    try:
        while not stop.is_set():
            change = await changes.get()
            endpoint_id = run.chance.choice(run.partners).endpoint_id
            path = f"/v1/webhook-endpoints/{endpoint_id}"
            if change == "time":
                await client.send("POST", "/v1/sandbox/clock", {"advance_s": run.chance.choice(_MOVES_S)})
            elif change == "replay":
                head = await asyncio.to_thread(partner_stores.head, run.fleet.database_url, endpoint_id)
                some = {"endpoint_id": endpoint_id, "mode": "deliveries", "from_sequence": max(head - 20, 1)}
                await client.send("POST", "/v1/webhook-replays", some)
            elif change == "pause":
                etag = {"if-match": f'"{(await client.get(path))["version"]}"'}
                paused = await client.send("POST", f"{path}:disable", None, etag)
                await asyncio.sleep(run.chance.uniform(0, 1))
                etag = {"if-match": f'"{paused["version"]}"'}
                await client.send("POST", f"{path}:enable", {"resume": "all"}, etag)
    finally:
        await client.close()


async def _bring_home(run: _Run) -> None:
    """Put time forward until everything is delivered, or nothing has moved for a minute."""
    last, moved_at = -1, time.monotonic()
    while True:
        waiting = await asyncio.to_thread(partner_stores.waiting, run.fleet.database_url)
        if waiting.nothing:
            return
        if waiting.pending != last:
            last, moved_at = waiting.pending, time.monotonic()
        if time.monotonic() - moved_at > _STUCK_AFTER_S:
            run.problems.append(f"nothing is delivered any more: {waiting}")
            return
        if waiting.ahead_s > 0:
            ahead_s = math.ceil(waiting.ahead_s)
            await run.client.send("POST", "/v1/sandbox/clock", {"advance_s": ahead_s})
        await asyncio.sleep(0.3)


def _report(run: _Run, digests: dict[str, str]) -> PartnerReport:
    url, hits = run.fleet.database_url, run.receivers.hits
    events, attempts = partner_stores.events(url), partner_stores.attempts(url)
    complaints = run.fleet.complaints()
    problems = [
        *run.acknowledged.errors,
        *run.fleet.died,
        *run.problems,
        *stores.violations(url, run.acknowledged.versions),
    ]
    if complaints["deadlock"]:
        problems.append(f"{complaints['deadlock']} deadlocks")
    deliveries = 0
    for partner in run.partners:
        found = Found(
            partner,
            partner_stores.deliveries(url, partner.endpoint_id),
            [hit for hit in hits if hit.path == partner.path],
            run.receivers.bodies,
            digests[partner.endpoint_id],
            partner_stores.head(url, partner.endpoint_id),
            attempts,
        )
        deliveries += len(found.deliveries)
        problems += problems_of(found, events)
    accepted = Counter((hit.path, hit.sequence) for hit in hits if hit.acknowledged is not None)
    return PartnerReport(
        seed=run.seed,
        kills=0,
        writes=run.acknowledged.writes,
        repeats=run.acknowledged.repeats,
        events=len(events),
        deliveries=deliveries,
        left=0,
        hits=len(hits),
        refused=len(hits) - accepted.total(),
        duplicates=accepted.total() - len(accepted),
        fire_s=0.0,
        seconds=0.0,
        complaints=complaints,
        problems=problems,
    )
