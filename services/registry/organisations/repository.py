"""All SQL of organisations."""

from typing import Any

from sqlalchemy import insert, select, update

from services.registry.organisations.errors import OrganisationExists
from services.registry.organisations.models import organisations
from shared.db.base import refusing
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page

_REFUSALS = dict.fromkeys(
    ("pk_organisations", "uq_organisations_external_id", "uq_organisations_uscc"), OrganisationExists
)


async def find(session: ReadSession, organisation_id: str, *, lock: bool = False) -> Row | None:
    """Return one organisation, locked for this transaction if asked; foreign-key checks pass the lock."""
    statement = select(organisations).where(organisations.c.id == organisation_id)
    return await session.row(statement.with_for_update(key_share=True) if lock else statement)


async def find_held(tx: WriteSession, organisation_id: str) -> Row | None:
    """Return one organisation, which stays as it is until the transaction ends."""
    statement = select(organisations).where(organisations.c.id == organisation_id)
    return await tx.row(statement.with_for_update(read=True))


async def page(session: ReadSession, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the directory."""
    return await fetch_page(session, select(organisations), organisations.c, query, signer)


async def add(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one organisation."""
    with refusing(organisations, _REFUSALS):
        await tx.execute(insert(organisations).values(values))


async def change(tx: WriteSession, organisation_id: str, values: dict[str, Any]) -> None:
    """Update one organisation whose row this transaction has locked."""
    with refusing(organisations, _REFUSALS):
        await tx.execute(update(organisations).where(organisations.c.id == organisation_id).values(values))
