"""All SQL of claims."""

from typing import Any

from sqlalchemy import ColumnElement, insert, or_, select, true, update

from services.registry.base import parties
from services.registry.claims.errors import ClaimExists
from services.registry.claims.models import claims
from services.registry.claims.schemas import SubjectType
from shared.db.base import refusing
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import Viewer, visible

_REFUSALS = dict.fromkeys(("pk_claims", "uq_claims_stated_by_external", "uq_claims_external"), ClaimExists)


async def find(session: ReadSession, viewer: Viewer, claim_id: str, *, lock: bool = False) -> Row | None:
    """Return one claim the viewer may see, locked for this transaction if asked."""
    statement = select(claims).where(claims.c.id == claim_id, _readable(viewer))
    return await session.row(statement.with_for_update() if lock else statement)


async def page(session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the claims the viewer may see."""
    return await fetch_page(session, select(claims).where(_readable(viewer)), claims.c, query, signer)


async def add(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one claim."""
    with refusing(claims, _REFUSALS):
        await tx.execute(insert(claims).values(values))


async def withdraw(tx: WriteSession, claim_id: str, values: dict[str, Any]) -> None:
    """Mark a claim withdrawn whose row this transaction has locked."""
    await tx.execute(update(claims).where(claims.c.id == claim_id).values(values))


def _readable(viewer: Viewer) -> ColumnElement[bool]:
    """Every member of the network reads claims, except that a project is known to its parties only."""
    if viewer.sees_network:
        return true()
    return or_(
        claims.c.subject_type != SubjectType.PROJECT.value, visible(parties, claims.c.subject_id, viewer)
    )
