"""All SQL of evidence."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import insert, select, update

from services.registry.evidence.models import evidence
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import Condition, CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page


async def find(session: ReadSession, project_id: str, evidence_id: str, *, lock: bool = False) -> Row | None:
    """Return one piece of a project's evidence, locked for this transaction if asked."""
    statement = select(evidence).where(evidence.c.id == evidence_id, evidence.c.project_id == project_id)
    return await session.row(statement.with_for_update() if lock else statement)


async def find_all(session: ReadSession, project_id: str, ids: Sequence[str]) -> Sequence[Row]:
    """Return those of these pieces that are filed for the project."""
    return await session.rows(
        select(evidence).where(evidence.c.id.in_(ids), evidence.c.project_id == project_id)
    )


async def page(session: ReadSession, project_id: str, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of a project's evidence."""
    of_project = replace(query, conditions=(*query.conditions, Condition("project_id", "eq", project_id)))
    return await fetch_page(session, select(evidence), evidence.c, of_project, signer)


async def add(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one piece of evidence."""
    await tx.execute(insert(evidence).values(values))


async def change(tx: WriteSession, evidence_id: str, values: dict[str, Any]) -> None:
    """Update one piece of evidence whose row this transaction has locked."""
    await tx.execute(update(evidence).where(evidence.c.id == evidence_id).values(values))
