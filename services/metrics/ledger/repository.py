"""All writing SQL of the ledger: every statement takes what a page of events brought at once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.metrics.base import parties
from services.metrics.ledger.histories import chunks
from services.metrics.ledger.tables import (
    enclave_versions,
    landing_facts,
    organisations,
    project_tags,
    project_versions,
    stage_facts,
)
from shared.db.engine import ReadSession, WriteSession

Versions = Mapping[tuple[str, int], Mapping[str, Any]]
"""What describes records, by record and version."""

_ALL = (organisations, enclave_versions, project_versions, project_tags, stage_facts, landing_facts, parties)


def _insert(tx: WriteSession, table: Table) -> Any:
    dialect: Any = postgresql if tx.dialect == "postgresql" else sqlite
    return dialect.insert(table)


async def put_organisations(tx: WriteSession, rows: Sequence[dict[str, Any]]) -> None:
    """Insert organisations, or replace older versions of them."""
    if rows:
        statement = _insert(tx, organisations)
        newer = statement.excluded.version > organisations.c.version
        changed = {key: statement.excluded[key] for key in rows[0] if key != "id"}
        statement = statement.on_conflict_do_update(index_elements=["id"], set_=changed, where=newer)
        await tx.execute(statement, rows)


async def add_versions(
    tx: WriteSession, table: Table, versions: Versions
) -> tuple[set[tuple[str, int]], set[str]]:
    """Add versions of records between their neighbours.

    Return which of them were not known, and the records whose newest version is not among those.
    """
    subject = next(iter(table.primary_key.columns)).name
    asked: dict[str, set[int]] = {}
    for record, version in versions:
        asked.setdefault(record, set()).add(version)
    known = await _known_versions(tx, table, asked)
    rows, superseded = [], []
    overtaken: set[str] = set()
    for record, numbers in asked.items():
        older = known.get(record, {})
        moments = dict(older)
        for version in sorted(numbers - older.keys()):
            moments[version] = versions[record, version]["recorded_at"]
        line = sorted(moments)
        for version, following in zip(line, [*line[1:], None], strict=True):
            ends = None if following is None else moments[following]
            if version not in older:
                rows.append({subject: record, "version": version, **versions[record, version]})
                rows[-1]["superseded_at"] = ends
            elif following is not None and following not in older:
                superseded.append({"record": record, "number": version, "superseded_at": ends})
        if line[-1] in older:
            overtaken.add(record)
    if superseded:
        this = and_(table.c[subject] == bindparam("record"), table.c.version == bindparam("number"))
        await tx.execute(
            update(table).where(this).values(superseded_at=bindparam("superseded_at")), superseded
        )
    if rows:
        await tx.execute(insert(table), rows)
    return {(row[subject], row["version"]) for row in rows}, overtaken


async def _known_versions(
    session: ReadSession, table: Table, asked: Mapping[str, Collection[int]]
) -> dict[str, dict[int, datetime]]:
    """Return when versions on file were recorded: the newest, or all where an older one was asked about."""
    newest = await _versions(session, table, list(asked), table.c.superseded_at.is_(None))
    late = [record for record, found in newest.items() if min(asked[record]) <= max(found)]
    return {**newest, **await _versions(session, table, late)}


async def _versions(
    session: ReadSession, table: Table, records: Sequence[str], *criteria: Any
) -> dict[str, dict[int, datetime]]:
    subject = next(iter(table.primary_key.columns))
    found: dict[str, dict[int, datetime]] = {}
    for part in chunks(records):
        statement = select(subject.label("record"), table.c.version, table.c.recorded_at)
        for row in await session.rows(statement.where(subject.in_(part), *criteria)):
            found.setdefault(row["record"], {})[row["version"]] = row["recorded_at"]
    return found


async def add_tags(tx: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add the attributes with several values of new versions of projects."""
    if rows:
        await tx.execute(insert(project_tags), rows)


async def add_facts(tx: WriteSession, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add facts of a track unless they are there."""
    if rows:
        await tx.execute(_insert(tx, table).on_conflict_do_nothing(), rows)


async def set_parties(tx: WriteSession, wanted: Mapping[str, Iterable[str]]) -> None:
    """Make exactly these organisations the parties of these roots."""
    held: set[tuple[str, str]] = set()
    for part in chunks(list(wanted)):
        for row in await tx.rows(select(parties).where(parties.c.record_id.in_(part))):
            held.add((row["record_id"], row["organisation_id"]))
    right = {(record, party) for record, members in wanted.items() for party in members}
    if gone := _party_rows(held - right, "record", "party"):
        this = and_(
            parties.c.record_id == bindparam("record"), parties.c.organisation_id == bindparam("party")
        )
        await tx.execute(delete(parties).where(this), gone)
    if new := _party_rows(right - held, "record_id", "organisation_id"):
        await tx.execute(insert(parties), new)


def _party_rows(pairs: Iterable[tuple[str, str]], record: str, party: str) -> list[dict[str, str]]:
    return [{record: first, party: second} for first, second in sorted(pairs)]


async def clear(tx: WriteSession) -> None:
    """Delete everything that came from the feed."""
    for table in _ALL:
        await tx.execute(delete(table))
