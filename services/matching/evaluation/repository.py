"""All SQL of evaluations and of proposed weights."""

from typing import Any

from sqlalchemy import insert, select, update

from services.matching.evaluation.models import evaluations, weight_proposals
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page


async def add_evaluation(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one report."""
    await tx.execute(insert(evaluations).values(values))


async def find_evaluation(session: ReadSession, evaluation_id: str) -> Row | None:
    """Return one report."""
    return await session.row(select(evaluations).where(evaluations.c.id == evaluation_id))


async def evaluation_page(session: ReadSession, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the reports."""
    return await fetch_page(session, select(evaluations), evaluations.c, query, signer)


async def add_proposal(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one proposal."""
    await tx.execute(insert(weight_proposals).values(values))


async def find_proposal(
    session: ReadSession, home_unit_id: str, proposal_id: str, *, lock: bool = False
) -> Row | None:
    """Return one proposal to a home unit, locked for this transaction if asked."""
    mine = weight_proposals.c.home_unit_id == home_unit_id
    statement = select(weight_proposals).where(weight_proposals.c.id == proposal_id, mine)
    return await session.row(statement.with_for_update() if lock else statement)


async def proposal_page(
    session: ReadSession, home_unit_id: str, query: ListQuery, signer: CursorSigner
) -> Page:
    """Return one page of the proposals to a home unit."""
    mine = select(weight_proposals).where(weight_proposals.c.home_unit_id == home_unit_id)
    return await fetch_page(session, mine, weight_proposals.c, query, signer)


async def decide(tx: WriteSession, proposal_id: str, values: dict[str, Any]) -> None:
    """Change a proposal whose row this transaction has locked."""
    await tx.execute(update(weight_proposals).where(weight_proposals.c.id == proposal_id).values(values))
