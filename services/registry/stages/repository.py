"""All SQL of approvals and reviews."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select, update

from services.registry.stages.models import approvals, reviews
from shared.db.engine import ReadSession, Row, WriteSession


async def approvals_of(session: ReadSession, project_id: str, *, active: bool = False) -> Sequence[Row]:
    """Return the approvals of a project, or only those that still count, oldest first."""
    statement = select(approvals).where(approvals.c.project_id == project_id)
    if active:
        statement = statement.where(approvals.c.voided_at.is_(None))
    return await session.rows(statement.order_by(approvals.c.created_at, approvals.c.id))


async def add_approval(tx: WriteSession, values: Mapping[str, Any]) -> None:
    """Insert one approval."""
    await tx.execute(insert(approvals).values(values))


async def change_approval(tx: WriteSession, approval_id: str, values: Mapping[str, Any]) -> None:
    """Update one approval of a project this transaction has locked."""
    await tx.execute(update(approvals).where(approvals.c.id == approval_id).values(values))


async def reviews_of(session: ReadSession, project_id: str) -> Sequence[Row]:
    """Return the reviews of a project in the order in which they were held."""
    statement = select(reviews).where(reviews.c.project_id == project_id)
    return await session.rows(statement.order_by(reviews.c.held_on, reviews.c.created_at, reviews.c.id))


async def add_review(tx: WriteSession, values: Mapping[str, Any]) -> None:
    """Insert one review."""
    await tx.execute(insert(reviews).values(values))
