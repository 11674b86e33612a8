"""All SQL of the directory."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, Table, delete, select, union
from sqlalchemy.dialects import postgresql, sqlite

from services.matching.base import parties
from services.matching.directory.models import (
    clients,
    directory_state,
    enclaves,
    home_units,
    projects,
)
from shared.db.engine import ReadSession, Row, WriteSession

CHUNK = 5_000
"""Projects read at a time: row by row costs seven times as much, all at once too much memory."""


def _insert(dialect: str, table: Table) -> Any:
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


@cache
def _next_revision(dialect: str) -> Any:
    statement = _insert(dialect, directory_state).values(id=1, revision=1, generation=1)
    statement = statement.on_conflict_do_update(
        index_elements=["id"], set_={"revision": directory_state.c.revision + 1}
    )
    return statement.returning(directory_state.c.revision)


@cache
def _put_newer(dialect: str, table: Table) -> Any:
    statement = _insert(dialect, table)
    others = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    return statement.on_conflict_do_update(
        index_elements=["id"], set_=others, where=table.c.version < statement.excluded.version
    )


@cache
def _put_once(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


async def next_revision(tx: WriteSession) -> int:
    """Take the next revision; its row stays locked until the commit, so revisions commit in order."""
    revision: int = await tx.scalar(_next_revision(tx.dialect))
    return revision


async def state(session: ReadSession) -> Row | None:
    """Return the directory's revision and generation."""
    return await session.row(select(directory_state).where(directory_state.c.id == 1))


async def put_newer(tx: WriteSession, table: Table, values: dict[str, Any]) -> bool:
    """Write a record unless a version as new is on file; tell whether it was written."""
    return await tx.execute(_put_newer(tx.dialect, table), values) > 0


async def add_parties(tx: WriteSession, record_id: str, organisation_ids: Iterable[str]) -> None:
    """Let organisations see a record that none has seen yet."""
    rows = [{"record_id": record_id, "organisation_id": party} for party in sorted(set(organisation_ids))]
    if rows:
        await tx.execute(_put_once(tx.dialect, parties), rows if len(rows) > 1 else rows[0])


async def find_home_unit(session: ReadSession, home_unit_id: str) -> Row | None:
    """Return one home unit."""
    return await session.row(select(home_units).where(home_units.c.id == home_unit_id))


async def home_units_since(session: ReadSession, revision: int) -> Sequence[Row]:
    """Return home units written after a revision."""
    return await session.rows(select(home_units).where(home_units.c.revision > revision))


def _changed_projects(revision: int) -> Any:
    """Ids of projects that read differently since a revision, themselves or through their enclave."""
    own = select(projects.c.id).where(projects.c.revision > revision)
    if revision <= 0:
        return own
    by_enclave = select(projects.c.id).join(enclaves, enclaves.c.id == projects.c.enclave_id)
    return union(own, by_enclave.where(enclaves.c.revision > revision))


async def projects_since(session: ReadSession, revision: int, after_id: str) -> Sequence[Row]:
    """Return some projects changed after a revision, with their enclave's home unit and place, by id."""
    statement: Select[Any] = (
        select(
            projects,
            enclaves.c.home_unit_id.label("enclave_home_unit_id"),
            enclaves.c.operator_id.label("enclave_operator_id"),
            enclaves.c.host_place.label("enclave_place"),
        )
        .outerjoin(enclaves, enclaves.c.id == projects.c.enclave_id)
        .where(projects.c.id > after_id, projects.c.id.in_(_changed_projects(revision)))
        .order_by(projects.c.id)
        .limit(CHUNK)
    )
    return await session.rows(statement)


async def parties_since(session: ReadSession, revision: int, first_id: str, last_id: str) -> Sequence[Row]:
    """Return who may see the projects changed after a revision, between two of them."""
    mine = parties.c.record_id.between(first_id, last_id)
    changed = parties.c.record_id.in_(_changed_projects(revision))
    return await session.rows(select(parties).where(mine, changed))


async def revoked_clients(session: ReadSession) -> Sequence[Row]:
    """Return the clients whose tokens no longer count."""
    return await session.rows(select(clients.c.id).where(clients.c.revoked.is_(True)))


async def clear(tx: WriteSession) -> None:
    """Forget everything the feed has told."""
    await tx.execute(delete(parties).where(parties.c.record_id.in_(select(projects.c.id))))
    for table in (home_units, enclaves, projects):
        await tx.execute(delete(table))
    # A revoked client stays revoked until the feed has told of it again.
    await tx.execute(clients.update().values(version=0))
    generation = {"generation": directory_state.c.generation + 1}
    await tx.execute(directory_state.update().values(generation))
