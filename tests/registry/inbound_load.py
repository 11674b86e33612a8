"""Many signed messages, some broken in every way a partner can break them; then the books are balanced.

    python -m tests.registry.inbound_load --messages 100000 --store postgresql

None is lost, none is applied by half, and the quarantine says why. The store is made for the run: a file of
SQLite, or a database on the server that the tests use.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from pydantic_core import from_json, to_json
from sqlalchemy import func, select

from services.registry import tables
from services.registry.app import create_app
from services.registry.base import messaging
from services.registry.claims.models import claims
from services.registry.evidence.models import evidence
from services.registry.inbound.models import inbound_messages, inbound_receipts
from services.registry.inbound.service import MAX_BYTES
from services.registry.projects.models import projects, transitions
from services.registry.settings import RegistrySettings
from services.registry.signatures.standard_webhooks import new_secret
from tests.registry.inbound_world import Partner, about, lead, make_partner
from tests.registry.project_world import World, build_world
from tests.support.postgres import PostgresCluster
from tests.support.services import ISSUER, create_schema, empty_store, running, verifier

BROKEN_OF_100 = 1
AT_ONCE = 16
SOURCES = 4
MEMBERS = {"project": "title", "evidence": "title", "claim": "metric"}
EFFECTS = {"project": projects, "evidence": evidence, "claim": claims}


@dataclass(frozen=True)
class Way:
    """One way to break a message: what is sent, how it is answered, and the code the quarantine gives."""

    message: Callable[[str], Any]
    status: int = 202
    code: str | None = None
    detail: str | None = None


def _json(text: str) -> Callable[[str], bytes]:
    return lambda number: text.replace("#", number).encode()


INVALID = "validation_failed"
WAYS: Mapping[str, Way] = {
    "bad signature": Way(lead, 401),
    "stale timestamp": Way(lead, 401),
    "timestamp of the future": Way(lead, 401),
    "no signature": Way(lead, 401),
    "unknown source": Way(lead, 401),
    "longer than is taken": Way(lambda n: to_json(lead(n, name="长" * MAX_BYTES)), 413),
    "repeated": Way(lead, 200),
    "repeated with another body": Way(lead, 200),
    "no JSON": Way(_json('{"type": "lead.created", "data": {"number": "#"'), code="malformed_json"),
    "empty": Way(_json(""), code="malformed_json"),
    "two documents": Way(_json('{"type": "lead.created"} {"n": "#"}'), code="malformed_json"),
    "not UTF-8": Way(lambda n: to_json(lead(n))[:-3] + b"\xff\xfe}}", code="malformed_json"),
    "UTF-16": Way(lambda n: to_json(lead(n)).decode().encode("utf-16"), code="malformed_json"),
    "duplicate keys": Way(
        _json('{"type": "lead.created", "data": {"number": "#", "number": "#"}}'), code="malformed_json"
    ),
    "NaN": Way(
        _json('{"type": "lead.created", "data": {"number": "#", "space": NaN}}'), code="malformed_json"
    ),
    "endless number": Way(
        _json('{"type": "lead.created", "data": {"number": "#", "space": 1e999}}'), code="malformed_json"
    ),
    "lone surrogate": Way(
        _json('{"type": "lead.created", "data": {"number": "#", "name": "\\ud800"}}'), code="malformed_json"
    ),
    "NUL": Way(
        _json('{"type": "lead.created", "data": {"number": "#", "name": "\\u0000"}}'), code="malformed_json"
    ),
    "too deep": Way(_json("[" * 5000 + "]" * 5000), code="malformed_json"),
    "no object": Way(lambda n: [lead(n)], code="unmapped_message", detail="unknown_type"),
    "no type": Way(lambda n: {"data": lead(n)["data"]}, code="unmapped_message", detail="unknown_type"),
    "unknown type": Way(lambda n: {**lead(n), "type": "odd"}, code="unmapped_message", detail="unknown_type"),
    "type of another case": Way(
        lambda n: {**lead(n), "type": "Lead.Created"}, code="unmapped_message", detail="unknown_type"
    ),
    "missing field": Way(
        lambda n: about("lead.created", n, industries=[]), code=INVALID, detail="missing_field"
    ),
    "null": Way(lambda n: lead(n, name=None), code=INVALID, detail="string_type"),
    "number as text": Way(lambda n: lead(n, space="800"), code=INVALID, detail="value_error"),
    "text as number": Way(lambda n: lead(n, name=7), code=INVALID, detail="string_type"),
    "object as text": Way(lambda n: lead(n, name={"zh": "项目"}), code=INVALID, detail="string_type"),
    "too long": Way(lambda n: lead(n, name="长" * 201), code=INVALID, detail="string_too_long"),
    "blank": Way(lambda n: lead(n, name=" "), code=INVALID, detail="string_too_short"),
    "negative area": Way(lambda n: lead(n, space=-1), code=INVALID, detail="greater_than_equal"),
    "unknown word": Way(lambda n: lead(n, plant="露天"), code=INVALID, detail="unmapped_value"),
    "unknown enum": Way(
        lambda n: about("paper.filed", "KNOWN", kind="poem", name=n), code=INVALID, detail="enum"
    ),
    "no such day": Way(lambda n: lead(n, contact="2026-02-30"), code=INVALID),
    "day of another form": Way(lambda n: lead(n, contact="20260201"), code=INVALID, detail="value_error"),
    "figure as number": Way(
        lambda n: about("figures.monthly", "KNOWN", metric="staff", value=1.5, id=n),
        code=INVALID,
        detail="value_error",
    ),
    "no record named": Way(
        lambda n: {"type": "lead.changed", "data": {"summary": n}}, code=INVALID, detail="missing_record"
    ),
    "unknown record": Way(lambda n: about("lead.changed", f"{n}-0", summary="x"), code="unknown_record"),
    "external id taken": Way(lambda n: lead("KNOWN", name=n), code="project_exists"),
    "unknown industry": Way(lambda n: lead(n, industries=["9999"]), code="unknown_industry"),
    "figure stated before": Way(
        lambda n: about("figures.monthly", "KNOWN", metric="staff", value="1", id="KNOWN"),
        code="claim_exists",
    ),
    "figure without a value": Way(
        lambda n: about("figures.monthly", "KNOWN", metric="staff", id=n), code="claim_empty"
    ),
}
"""Every way, from the envelope to the rules of the network."""


@dataclass
class Books:
    """What was sent and how it was answered; ``taken`` is the way of each message by its id.

    ``again``: how often a 503 made the sender try again, as a partner's system does.
    """

    sent: int = 0
    again: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    taken: dict[str, str | None] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class Load:
    """Sends messages of some sources in a fixed mixture."""

    def __init__(self, partners: list[Partner]) -> None:
        self._partners = partners
        self._names = list(WAYS)
        self.books = Books()

    async def run(self, messages: int) -> None:
        """Send so many messages, ``AT_ONCE`` at a time."""
        queue = iter(self._plan(messages))

        async def worker() -> None:
            for number, way in queue:
                await self._send(number, way)

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))

    def _plan(self, messages: int) -> Iterator[tuple[int, str | None]]:
        """Break one of a hundred, each way in turn; a short run breaks each way once."""
        every = max(1, min(100 // BROKEN_OF_100, messages // len(WAYS)))
        ways = self._names * (messages // (every * len(WAYS)) + 1)
        for number in range(messages):
            broken = number % every == every - 1
            yield number, ways[number // every] if broken else None

    async def _send(self, number: int, way: str | None) -> None:
        partner = self._partners[number % len(self._partners)]
        name, webhook_id = f"P-{number}", f"msg-{number}"
        content = self._good(number) if way is None else WAYS[way].message(name)
        books, started = self.books, time.perf_counter()
        answer, attempts = await self._post(partner, content, webhook_id, way), 1
        while answer.status_code == 503 and attempts < 20:
            answer, attempts = await self._post(partner, content, webhook_id, way), attempts + 1
        books.again += attempts - 1
        books.seconds.append(time.perf_counter() - started)
        books.sent += 1
        books.answers[answer.status_code] += 1
        books.ways[way or "as it should be"] += 1
        expected = 202 if way is None else WAYS[way].status
        taken_before = attempts > 1 and (expected, answer.status_code) == (202, 200)
        if taken_before:
            books.taken[answer.json()["id"]] = way
        elif answer.status_code != expected:
            books.wrong.append(f"{way}: {answer.status_code} {answer.text[:200]}")
        elif answer.status_code == 202:
            books.taken[answer.json()["id"]] = way

    def _good(self, number: int) -> dict[str, Any]:
        turn = number % 10
        if turn < 4:
            return lead(f"P-{number}", space=number % 5000, plant="洁净")
        if turn < 6:
            return about("lead.changed", "KNOWN", summary=f"第 {number} 次变更")
        if turn < 8:
            return about("paper.filed", "KNOWN", kind="other", name=f"材料 {number}")
        return about("figures.monthly", "KNOWN", metric="staff", value=str(number), id=f"F-{number}")

    async def _post(self, partner: Partner, content: Any, webhook_id: str, way: str | None) -> Any:
        now = int(time.time())
        if way == "bad signature":
            return await Partner(partner.client, partner.source_id, new_secret()).send(content, webhook_id)
        if way in ("stale timestamp", "timestamp of the future"):
            late = now - 400 if way.startswith("stale") else now + 400
            return await partner.send(content, webhook_id, timestamp=late)
        if way == "no signature":
            return await partner.client.post(partner.url, content=to_json(content))
        if way == "unknown source":
            return await Partner(partner.client, "ibs_nobody", partner.secret).send(content, webhook_id)
        if way in ("repeated", "repeated with another body"):
            answer = await partner.send(content, webhook_id)
            self.books.taken[answer.json()["id"]] = None
            content = content if way == "repeated" else about("lead.changed", "KNOWN", summary="不应生效")
        return await partner.send(content, webhook_id)


# -- the balance


async def balance(world: World, books: Books) -> list[str]:
    """Return what does not add up, in words."""
    problems = list(books.wrong)
    async with world.registry.database.read() as session:
        rows = {row["id"]: row for row in await session.rows(select(inbound_messages))}
        receipts = {row["message_id"] for row in await session.rows(select(inbound_receipts))}
        events = [from_json(row["payload"]) for row in await session.rows(select(messaging.events.c.payload))]
        records = {
            kind: {row["id"]: row for row in await session.rows(select(table))}
            for kind, table in EFFECTS.items()
        }
        logged = Counter(row["project_id"] for row in await session.rows(select(transitions.c.project_id)))
        found = await session.scalar(select(func.count()).select_from(inbound_messages))
    if rows.keys() != books.taken.keys() or receipts != books.taken.keys() or found != len(books.taken):
        problems.append(f"{len(books.taken)} taken, {found} messages, {len(receipts)} receipts")
    problems += _wrongly_kept(books, rows)
    problems += _effects(rows, events, records, logged)
    return problems


def _wrongly_kept(books: Books, rows: Mapping[str, Any]) -> Iterator[str]:
    for message_id, way in books.taken.items():
        row = rows.get(message_id)
        if row is None:
            yield f"lost: {message_id} ({way})"
            continue
        codes = [problem["code"] for problem in row["problems"]]
        if way is None:
            if (row["state"], codes) != ("applied", []) or row["subject_id"] is None:
                yield f"not applied: {message_id} {codes}"
            continue
        wanted, detail = WAYS[way].code, WAYS[way].detail
        told = all(problem["detail_en"] and problem["detail_zh"] for problem in row["problems"])
        if row["state"] != "quarantined" or codes[:1] != [wanted] or row["subject_id"] is not None:
            yield f"{way}: {row['state']} {codes}"
        elif not told or (detail is not None and detail not in codes[1:]):
            yield f"{way}: the quarantine does not say {detail}, but {codes}"


def _effects(
    rows: Mapping[str, Any],
    events: list[dict[str, Any]],
    records: Mapping[str, Mapping[str, Any]],
    logged: Mapping[str, int],
) -> Iterator[str]:
    """Compare messages, events of sources and records: each applied one has one of each, and nothing else."""
    applied = Counter(
        (row["subject_type"], row["subject_id"], row["subject_version"])
        for row in rows.values()
        if row["state"] == "applied"
    )
    by_sources = [event for event in events if event["actor"]["type"] == "inbound_source"]
    told = Counter(
        (event["subject"]["type"], event["subject"]["id"], event["subject"]["version"])
        for event in by_sources
        if event["subject"]["type"] != "inbound_message"
    )
    if applied != told:
        yield f"{len(applied)} effects of messages, {len(told)} events: {[*(applied - told)][:3]}"
    if any(count > 1 for count in applied.values()):
        yield "two messages have the same effect"
    notices = Counter(
        event["subject"]["id"] for event in by_sources if event["type"] == "inbound_message.quarantined"
    )
    if notices != Counter(row["id"] for row in rows.values() if row["state"] == "quarantined"):
        yield "the quarantine and its events differ"
    for kind, table in records.items():
        made = {identifier for what, identifier, _ in told if what == kind}
        known = {event["subject"]["id"] for event in events if event["subject"]["type"] == kind}
        if set(table) != known or not made <= set(table):
            yield f"{kind}: {len(table)} records, {len(known)} have events, {len(made)} by messages"
    latest: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["subject"]["type"] == "project":
            before = latest.get(event["subject"]["id"])
            if before is None or before["subject"]["version"] < event["subject"]["version"]:
                latest[event["subject"]["id"]] = event
    for identifier, row in records["project"].items():
        told_of = latest[identifier]["data"]["object"]
        if (row["version"], row["summary"]) != (told_of["version"], told_of["summary"]):
            yield f"{identifier}: the record and its last event differ"
        if logged[identifier] != 1:
            yield f"{identifier}: {logged[identifier]} entries in the log of its stages"


async def run_load(world: World, messages: int) -> tuple[Books, list[str]]:
    """Send the messages to some sources of one operator and return the books with what does not add up."""
    partners = [await make_partner(world) for _ in range(SOURCES)]
    known = await partners[0].send(lead("KNOWN"), "msg-known")
    figure = about("figures.monthly", "KNOWN", metric="staff", value="1", id="KNOWN")
    stated = await partners[0].send(figure, "msg-known-figure")
    load = Load(partners)
    load.books.taken |= {known.json()["id"]: None, stated.json()["id"]: None}
    await load.run(messages)
    return load.books, await balance(world, load.books)


# -- as a program


@contextlib.asynccontextmanager
async def world_on(store: str) -> AsyncIterator[World]:
    """Make registry with parties on an empty store of its own."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = PostgresCluster(os.environ.get("TEST_DATABASE_URL"), durable=True)
        cluster = stack.enter_context(server) if store == "postgresql" else None
        build = create_schema(tables.metadata)
        with empty_store(store, "registry", build, directory, directory, cluster) as url:
            settings = RegistrySettings(
                environment="test",
                database_url=url,
                secret="a secret for the load",
                issuer=ISSUER,
                run_workers=False,
                max_concurrency=256,
            )
            app = create_app(settings, authenticator=verifier())
            async with running("registry", app, messaging) as service:
                yield await build_world(service)


def report(books: Books, problems: list[str], seconds: float) -> None:
    """Print figures, and what does not add up."""
    ordered = sorted(seconds * 1000 for seconds in books.seconds)
    applied = sum(way is None for way in books.taken.values())
    print(f"{books.sent} messages in {seconds:.1f} s, {books.sent / seconds:.0f}/s")
    middle, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    print(f"p50 {middle:.1f} ms, p99 {late:.1f} ms, {AT_ONCE} at once, the sender in the same process")
    print(f"answers {dict(sorted(books.answers.items()))}, sent again after a 503: {books.again}")
    print(f"kept {len(books.taken)}: {applied} applied, {len(books.taken) - applied} in quarantine")
    for way, count in sorted(books.ways.items()):
        print(f"  {count:7d}  {way}")
    print("every message is accounted for" if not problems else f"{len(problems)} DO NOT ADD UP")
    for problem in problems[:50]:
        print(f"  {problem}")


async def _main(messages: int, store: str) -> int:
    async with world_on(store) as world:
        started = time.perf_counter()
        books, problems = await run_load(world, messages)
        report(books, problems, time.perf_counter() - started)
    return 1 if problems else 0


def main() -> None:
    """Run the load that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    sys.exit(asyncio.run(_main(options.messages, options.store)))


if __name__ == "__main__":
    main()
