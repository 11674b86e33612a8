"""All SQL of residencies."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import and_, insert, or_, select, update

from services.registry.base import parties
from services.registry.residencies.errors import ResidencyExists
from services.registry.residencies.models import residencies
from services.registry.residencies.state import STAYING, ResidencyState
from shared.db.base import refusing
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import Condition, CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import Viewer, visible

_REFUSALS = dict.fromkeys(("pk_residencies", "uq_residencies_project_enclave"), ResidencyExists)


async def find(
    session: ReadSession, residency_id: str, *, viewer: Viewer | None = None, lock: bool = False
) -> Row | None:
    """Return one residency, if ``viewer`` may see it; locked for this transaction if asked."""
    statement = select(residencies).where(residencies.c.id == residency_id)
    if viewer is not None:
        statement = statement.where(visible(parties, residencies.c.project_id, viewer))
    return await session.row(statement.with_for_update() if lock else statement)


async def page(
    session: ReadSession,
    viewer: Viewer,
    query: ListQuery,
    signer: CursorSigner,
    *,
    project_id: str | None = None,
) -> Page:
    """Return one page of the residencies ``viewer`` may see, of one project if asked."""
    if project_id is not None:
        query = replace(query, conditions=(*query.conditions, Condition("project_id", "eq", project_id)))
    statement = select(residencies).where(visible(parties, residencies.c.project_id, viewer))
    return await fetch_page(session, statement, residencies.c, query, signer)


async def of_project(session: ReadSession, project_id: str, *, lock: bool = False) -> Sequence[Row]:
    """Return a project's residencies, oldest first."""
    statement = select(residencies).where(residencies.c.project_id == project_id)
    statement = statement.order_by(residencies.c.created_at, residencies.c.id)
    return await session.rows(statement.with_for_update() if lock else statement)


async def holding(
    session: ReadSession, enclave_id: str, first: date, last: date, *, without: str | None = None
) -> Sequence[Row]:
    """Return the residencies that may hold space of an enclave on some day of a term."""
    columns = residencies.c
    until = or_(
        columns.left_on > first,
        and_(columns.left_on.is_(None), or_(columns.ends_on >= first, columns.state.in_(STAYING))),
    )
    statement = select(residencies).where(
        columns.enclave_id == enclave_id, columns.holds_space.is_(True), columns.starts_on <= last, until
    )
    return await session.rows(statement.where(columns.id != without) if without else statement)


async def add(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one residency."""
    with refusing(residencies, _REFUSALS):
        await tx.execute(insert(residencies).values(values))


async def change(tx: WriteSession, residency_id: str, values: dict[str, Any]) -> None:
    """Update one residency whose row this transaction has locked."""
    await tx.execute(update(residencies).where(residencies.c.id == residency_id).values(values))


async def due_to_expire(session: ReadSession, last: date, limit: int) -> Sequence[Row]:
    """Return residents whose term ends on ``last`` or before, soonest first."""
    statement = select(residencies).where(
        residencies.c.state == ResidencyState.RESIDENT, residencies.c.ends_on <= last
    )
    return await session.rows(statement.order_by(residencies.c.ends_on, residencies.c.id).limit(limit))
