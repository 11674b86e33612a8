"""All SQL of agreements."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update

from services.registry.agreements.errors import AgreementExists
from services.registry.agreements.models import agreements
from services.registry.base import parties
from shared.db.base import refusing
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import Viewer, visible

_REFUSALS = dict.fromkeys(
    ("pk_agreements", "uq_agreements_recorded_by_external", "uq_agreements_external"), AgreementExists
)


async def find(session: ReadSession, viewer: Viewer, agreement_id: str, *, lock: bool = False) -> Row | None:
    """Return one agreement the viewer may see, locked for this transaction if asked."""
    statement = select(agreements).where(
        agreements.c.id == agreement_id, visible(parties, agreements.c.id, viewer)
    )
    return await session.row(statement.with_for_update() if lock else statement)


async def page(session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the agreements the viewer may see."""
    statement = select(agreements).where(visible(parties, agreements.c.id, viewer))
    return await fetch_page(session, statement, agreements.c, query, signer)


async def of_project(session: ReadSession, project_id: str) -> Sequence[Row]:
    """Return the agreements about a project, oldest first."""
    statement = select(agreements).where(agreements.c.project_id == project_id)
    return await session.rows(statement.order_by(agreements.c.created_at, agreements.c.id))


async def add(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one agreement."""
    with refusing(agreements, _REFUSALS):
        await tx.execute(insert(agreements).values(values))


async def change(tx: WriteSession, agreement_id: str, values: dict[str, Any]) -> None:
    """Update one agreement whose row this transaction has locked."""
    await tx.execute(update(agreements).where(agreements.c.id == agreement_id).values(values))
