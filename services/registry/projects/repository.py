"""All SQL of projects."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from services.registry.base import parties
from services.registry.projects.errors import ProjectExists
from services.registry.projects.models import function_places, project_industries, projects, transitions
from shared.db.base import refusing
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.db.hot import HotQuery, hot_insert
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import HotPages, Page, fetch_page
from shared.db.visibility import Viewer, seen_by, visible, visible_in_list

HIDDEN = ("fingerprint", "identity", "reserve_reasons")
_READ_COLUMNS = [column for column in projects.c if column.name not in HIDDEN]


_REFUSALS = dict.fromkeys(
    ("pk_projects", "uq_projects_identity", "uq_projects_operator_external"), ProjectExists
)
_BY_ID = select(*_READ_COLUMNS).where(projects.c.id == bindparam("project_id"))
_READ_ANY = HotQuery(_BY_ID)
_READ_OWN = HotQuery(_BY_ID.where(seen_by(parties, projects.c.id, bindparam("organisation_id"))))
_PAGES = HotPages(_READ_COLUMNS, projects.c, projects.c.id, parties)


async def read(database: Database, viewer: Viewer, project_id: str) -> Row | None:
    """Return what a viewer may read of a project, in one round trip of the driver."""
    if viewer.sees_network:
        return await _READ_ANY.first(database, {"project_id": project_id})
    own = {"project_id": project_id, "organisation_id": viewer.organisation_id or ""}
    return await _READ_OWN.first(database, own)


async def find(session: ReadSession, viewer: Viewer, project_id: str, *, lock: bool = False) -> Row | None:
    """Return the whole row of a visible project, locked for this transaction if asked."""
    statement = select(projects).where(projects.c.id == project_id, visible(parties, projects.c.id, viewer))
    return await session.row(statement.with_for_update(of=projects) if lock else statement)


async def find_by_external_id(session: ReadSession, operator_id: str, external_id: str) -> Row | None:
    """Return the whole row of the project with this external id at its operator."""
    own = (projects.c.operator_id == operator_id) & (projects.c.external_id == external_id)
    return await session.row(select(projects).where(own))


async def page(database: Database, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the projects a viewer may see, on the shortest way where there is one."""
    if _PAGES.takes(database, viewer, query):
        return await _PAGES.fetch(database, viewer, query, signer)
    statement = select(*_READ_COLUMNS).where(visible_in_list(parties, projects.c.id, viewer))
    columns: dict[str, Any] = dict(projects.c)
    if any(condition.field == "industry" for condition in query.conditions):
        statement = statement.join(project_industries, project_industries.c.project_id == projects.c.id)
        columns["industry"] = project_industries.c.industry_code
    async with database.read() as session:
        return await fetch_page(session, statement, columns, query, signer)


async def add(tx: WriteSession, values: Mapping[str, Any], industries: Iterable[str]) -> None:
    """Insert one project with its parties and the industries it is found under."""
    with refusing(projects, _REFUSALS):
        await hot_insert(projects).run(tx, [values])
    party_rows = [{"record_id": values["id"], "organisation_id": party} for party in values["party_ids"]]
    await hot_insert(parties).run(tx, party_rows)
    await _add_industries(tx, values["id"], industries)


async def change(tx: WriteSession, project_id: str, values: Mapping[str, Any]) -> None:
    """Update one project whose row this transaction has locked."""
    with refusing(projects, _REFUSALS):
        await tx.execute(update(projects).where(projects.c.id == project_id).values(values))


async def replace_industries(tx: WriteSession, project_id: str, industries: Iterable[str]) -> None:
    """Make exactly these the industries a project is found under."""
    await tx.execute(delete(project_industries).where(project_industries.c.project_id == project_id))
    await _add_industries(tx, project_id, industries)


async def _add_industries(tx: WriteSession, project_id: str, industries: Iterable[str]) -> None:
    rows = [{"project_id": project_id, "industry_code": code} for code in industries]
    await hot_insert(project_industries).run(tx, rows)


async def lock_identity(tx: WriteSession, fingerprint: str) -> None:
    """Let one transaction at a time look for the duplicates of a team and title.

    On SQLite there is one writer anyway.
    """
    if tx.dialect == "postgresql":
        key = int.from_bytes(bytes.fromhex(fingerprint)[:8], signed=True)
        await tx.scalar(select(func.pg_advisory_xact_lock(key)))


async def same_identity(
    session: ReadSession, project_id: str, uscc: str | None, fingerprint: str
) -> Sequence[Row]:
    """Return the screened projects that this one may duplicate, by credit code or by fingerprint."""
    same = projects.c.fingerprint == fingerprint
    if uscc is not None:
        same = or_(projects.c.uscc == uscc, same & projects.c.uscc.is_(None))
    statement = select(projects.c.id, projects.c.party_ids).where(
        same, projects.c.id != project_id, projects.c.identity.is_not(None)
    )
    return await session.rows(statement.limit(5))


async def lock_all_of_enclave(tx: WriteSession, enclave_id: str) -> Sequence[Row]:
    """Return the projects of an enclave, locked in the order of their ids."""
    statement = select(projects).where(projects.c.enclave_id == enclave_id).order_by(projects.c.id)
    return await tx.rows(statement.with_for_update())


async def enclaves_of(session: ReadSession, project_ids: Collection[str]) -> Sequence[Row]:
    """Return id and enclave of those of these projects that exist."""
    statement = select(projects.c.id, projects.c.enclave_id).where(projects.c.id.in_(project_ids))
    return await session.rows(statement)


async def places(session: ReadSession, project_id: str, function: str | None = None) -> Sequence[Row]:
    """Return the places of a project's functions, or of one of them, oldest first."""
    statement = select(function_places).where(function_places.c.project_id == project_id)
    if function is not None:
        statement = statement.where(function_places.c.function == function)
    return await session.rows(statement.order_by(function_places.c.starts_on, function_places.c.id))


async def add_place(tx: WriteSession, values: Mapping[str, Any]) -> None:
    """Insert one place of a function."""
    await tx.execute(insert(function_places).values(values))


async def change_place(tx: WriteSession, place_id: str, values: Mapping[str, Any]) -> None:
    """Update one place of a function."""
    await tx.execute(update(function_places).where(function_places.c.id == place_id).values(values))


async def add_transition(tx: WriteSession, values: Mapping[str, Any]) -> None:
    """Append to the log of transitions."""
    await hot_insert(transitions).run(tx, [values])


async def transitions_of(
    session: ReadSession, *, project_id: str | None = None, subject_id: str | None = None
) -> Sequence[Row]:
    """Return the log of a project or of one subject, in the order of recording."""
    column, value = (
        (transitions.c.subject_id, subject_id) if subject_id else (transitions.c.project_id, project_id)
    )
    statement = select(transitions).where(column == value)
    return await session.rows(statement.order_by(transitions.c.recorded_at, transitions.c.id))
