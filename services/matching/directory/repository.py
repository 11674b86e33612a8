"""All SQL of the directory."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, Table, and_, delete, distinct, func, select, union
from sqlalchemy.dialects import postgresql, sqlite

from services.matching.base import parties
from services.matching.directory.models import (
    admissions,
    clients,
    directory_state,
    enclaves,
    home_units,
    landing_moves,
    landings,
    projects,
    stage_moves,
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


@cache
def _put(dialect: str, table: Table) -> Any:
    statement = _insert(dialect, table)
    others = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    keys = [column.name for column in table.primary_key]
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


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


async def add_move(tx: WriteSession, table: Table, values: dict[str, Any]) -> bool:
    """Add a move of a track unless its version is on file; tell whether it was added."""
    return await tx.execute(_put_once(tx.dialect, table), values) > 0


async def moves_of_project(session: ReadSession, project_id: str) -> Sequence[Row]:
    """Return the stage moves of a project."""
    return await session.rows(select(stage_moves).where(stage_moves.c.project_id == project_id))


async def moves_of_landing(session: ReadSession, landing_id: str) -> Sequence[Row]:
    """Return the state moves of a landing."""
    return await session.rows(select(landing_moves).where(landing_moves.c.landing_id == landing_id))


async def put_admission(tx: WriteSession, values: dict[str, Any]) -> None:
    """Write from which day a project is admitted."""
    await tx.execute(_put(tx.dialect, admissions), values)


async def put_landing(tx: WriteSession, values: dict[str, Any]) -> None:
    """Write where a landing stands."""
    await tx.execute(_put(tx.dialect, landings), values)


async def find_home_unit(session: ReadSession, home_unit_id: str) -> Row | None:
    """Return one home unit."""
    return await session.row(select(home_units).where(home_units.c.id == home_unit_id))


async def track_records(session: ReadSession, last_day: int, horizon: int, revision: int) -> Sequence[Row]:
    """Return how many landed within ``horizon`` of those admitted until ``last_day``, by home unit.

    Only home units of whose record something was written after ``revision``; 0 means all of them.
    """
    in_time = and_(
        landings.c.project_id == admissions.c.project_id,
        landings.c.home_unit_id == enclaves.c.home_unit_id,
        landings.c.landed_day <= admissions.c.admitted_day + horizon,
    )
    statement = (
        select(
            enclaves.c.home_unit_id,
            func.count(distinct(admissions.c.project_id)).label("admitted"),
            func.count(distinct(landings.c.project_id)).label("landed"),
        )
        .join_from(admissions, enclaves, enclaves.c.id == admissions.c.enclave_id)
        .outerjoin(landings, in_time)
        .where(admissions.c.admitted_day <= last_day)
        .group_by(enclaves.c.home_unit_id)
    )
    if revision > 0:
        statement = statement.where(enclaves.c.home_unit_id.in_(union(*_touched_records(revision))))
    return await session.rows(statement)


async def home_units_to_read(session: ReadSession, revision: int) -> Sequence[Row]:
    """Return home units that may read differently since a revision, themselves or in their track record."""
    own = select(home_units.c.id).where(home_units.c.revision > revision)
    if revision <= 0:
        return await session.rows(select(home_units))
    wanted = union(own, *_touched_records(revision))
    return await session.rows(select(home_units).where(home_units.c.id.in_(wanted)))


async def enclaves_changed(session: ReadSession, revision: int) -> bool:
    """Tell whether an enclave was written after a revision; its projects may then count elsewhere."""
    statement = select(enclaves.c.id).where(enclaves.c.revision > revision).limit(1)
    return await session.row(statement) is not None


def _touched_records(revision: int) -> tuple[Select[Any], Select[Any]]:
    """Home units to whose track record an admission or a landing was written after a revision.

    A project counts at the enclave that admitted it last, so those it was in before are among them.
    """
    by_admission = (
        select(enclaves.c.home_unit_id)
        .join(stage_moves, stage_moves.c.enclave_id == enclaves.c.id)
        .join(admissions, admissions.c.project_id == stage_moves.c.project_id)
        .where(admissions.c.revision > revision)
    )
    return by_admission, select(landings.c.home_unit_id).where(landings.c.revision > revision)


async def admitted(session: ReadSession, home_unit_id: str | None) -> Sequence[Row]:
    """Return admitted projects with the home unit whose enclave admitted them, of one or of all, by id."""
    statement = (
        select(admissions.c.project_id, admissions.c.admitted_day, enclaves.c.home_unit_id)
        .outerjoin(enclaves, enclaves.c.id == admissions.c.enclave_id)
        .where(admissions.c.admitted_day.is_not(None))
    )
    if home_unit_id is not None:
        statement = statement.where(enclaves.c.home_unit_id == home_unit_id)
    return await session.rows(statement.order_by(admissions.c.project_id))


async def landed(session: ReadSession, home_unit_id: str | None) -> Sequence[Row]:
    """Return landings at one home unit or at all, by id."""
    statement = select(landings).order_by(landings.c.id)
    if home_unit_id is not None:
        statement = statement.where(landings.c.home_unit_id == home_unit_id)
    return await session.rows(statement)


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
    for table in (home_units, enclaves, projects, stage_moves, landing_moves, admissions, landings):
        await tx.execute(delete(table))
    # A revoked client stays revoked until the feed has told of it again.
    await tx.execute(clients.update().values(version=0))
    generation = {"generation": directory_state.c.generation + 1}
    await tx.execute(directory_state.update().values(generation))
