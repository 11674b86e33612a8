"""All SQL of landings."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert, select, update

from services.registry.base import parties
from services.registry.landings.errors import LandingExists
from services.registry.landings.models import landings
from shared.db.base import refusing
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import Viewer, visible, visible_in_list

_REFUSALS = dict.fromkeys(("pk_landings", "uq_landings_project_home_unit"), LandingExists)


async def find(session: ReadSession, viewer: Viewer, landing_id: str, *, lock: bool = False) -> Row | None:
    """Return a landing whose project the viewer may see, locked for this transaction if asked."""
    statement = select(landings).where(
        landings.c.id == landing_id, visible(parties, landings.c.project_id, viewer)
    )
    return await session.row(statement.with_for_update(of=landings) if lock else statement)


async def page(session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the landings a viewer may see."""
    statement = select(landings).where(visible_in_list(parties, landings.c.project_id, viewer))
    return await fetch_page(session, statement, landings.c, query, signer)


async def of_project(session: ReadSession, project_id: str) -> Sequence[Row]:
    """Return the landings of a project, oldest first."""
    statement = select(landings).where(landings.c.project_id == project_id)
    return await session.rows(statement.order_by(landings.c.created_at, landings.c.id))


async def overdue(session: ReadSession, today: date, entered_before: datetime, limit: int) -> Sequence[Row]:
    """Return landings whose signing was entered before an instant and whose grace ended before today."""
    statement = select(landings.c.id, landings.c.project_id).where(
        landings.c.state == "signed",
        landings.c.lapses_after < today,
        landings.c.updated_at < entered_before,
    )
    return await session.rows(statement.order_by(landings.c.lapses_after, landings.c.id).limit(limit))


async def add(tx: WriteSession, values: Mapping[str, Any]) -> None:
    """Insert one landing."""
    with refusing(landings, _REFUSALS):
        await tx.execute(insert(landings).values(values))


async def change(tx: WriteSession, landing_id: str, values: Mapping[str, Any]) -> None:
    """Update one landing whose row this transaction has locked."""
    await tx.execute(update(landings).where(landings.c.id == landing_id).values(values))
