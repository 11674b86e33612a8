"""All reading SQL of KPIs that is not the scan itself."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Subquery, func, select

from services.metrics.base import messaging, parties
from services.metrics.kpis import scan, shortcut
from services.metrics.kpis.counts import Counts, Duration, Groups
from services.metrics.kpis.questions import Question
from services.metrics.ledger.service import REGISTRY_FEED
from services.metrics.ledger.tables import enclave_versions, organisations
from services.metrics.ledger.vocabulary import to_date
from shared.db.engine import ReadSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import visible
from shared.messaging.consumer import Lag, lag


async def count(session: ReadSession, question: Question, kpi: str) -> Groups:
    """Count by group: from the rollup when it knows the answer, else by scanning the facts."""
    if shortcut.answers(question):
        return await shortcut.count(session, question, kpi)
    rows = scan.members(question, kpi)
    sets = scan.sets_of(kpi, question, rows)
    groups: Groups = {}
    for row in await session.rows(scan.counts_statement(rows, sets)):
        groups[row["key"]] = Counts(row["n"], {name: int(row[name]) for name in sets})
    if kpi == "landing_rate":
        for row in await session.rows(scan.durations_statement(rows, question.tier)):
            groups[row["key"]].durations.append(_duration(question, row))
    return groups


def _duration(question: Question, row: Mapping[str, Any]) -> Duration:
    admitted, landed = row["admitted_day"], row["landed_day"]
    end = admitted + question.months // 12 * 10_000
    if landed is not None and landed <= end:
        return Duration(max(0, (to_date(landed) - to_date(admitted)).days), True, row["n"])
    mature = end <= question.complete_day
    return Duration(None if mature else (question.date - to_date(admitted)).days, False, row["n"])


async def records(
    session: ReadSession, question: Question, kpi: str, set_name: str, query: ListQuery, signer: CursorSigner
) -> Page:
    """Return one page of the records of a set."""
    rows: Subquery = scan.members(question, kpi)
    statement = select(rows).where(scan.sets_of(kpi, question, rows)[set_name])
    if question.group_by is not None:
        statement = statement.where(rows.c.key.is_not_distinct_from(question.group))
    return await fetch_page(session, statement, {"id": rows.c.id}, query, signer)


async def names(session: ReadSession, question: Question, keys: Iterable[str | None]) -> Mapping[str, str]:
    """Return the names of organisations, or of the enclaves the viewer may see.

    Organisations are a public directory. A project's party need not be one of its enclave.
    """
    group_by = question.group_by
    table: Any = enclave_versions if group_by == "enclave_id" else organisations
    identifier = table.c.enclave_id if group_by == "enclave_id" else table.c.id
    statement = select(identifier.label("id"), table.c.name)
    if group_by == "enclave_id":
        seen = visible(parties, identifier, question.viewer)
        statement = statement.where(table.c.superseded_at.is_(None), seen)
    wanted = sorted({key for key in keys if key})
    found: dict[str, str] = {}
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        found.update(
            {row["id"]: row["name"] for row in await session.rows(statement.where(identifier.in_(part)))}
        )
    return found


async def freshness(session: ReadSession) -> tuple[Lag, int]:
    """Return how far the ledger is behind, and how many events could not be applied."""
    letters = messaging.dead_letters
    unapplied = select(func.count()).where(letters.c.consumer == REGISTRY_FEED)
    return await lag(session, messaging, REGISTRY_FEED), int(await session.scalar(unapplied) or 0)
