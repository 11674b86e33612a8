"""All SQL of recommendations."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.matching.recommendations.models import (
    recommendation_runs,
    recommendation_state,
    top_recommendations,
)
from shared.db.engine import ReadSession, Row, WriteSession

_OPEN = ("queued", "running")


async def state(session: ReadSession) -> Row | None:
    """Return how far the first three are worked at, and who works."""
    return await session.row(select(recommendation_state))


async def hold(tx: WriteSession, token: str, instant: datetime, until: datetime) -> Row | None:
    """Take the work or go on with it, and return its state; None while somebody else has it."""
    kind: Any = postgresql if tx.dialect == "postgresql" else sqlite
    new = kind.insert(recommendation_state).values(id=1, revision=0, generation=0, filled=False)
    await tx.execute(new.on_conflict_do_nothing())
    c = recommendation_state.c
    free = or_(c.lease_token == token, c.leased_until.is_(None), c.leased_until <= instant)
    held = update(recommendation_state).where(free).values(lease_token=token, leased_until=until)
    return await state(tx) if await tx.execute(held) else None


async def let_go(tx: WriteSession, token: str) -> None:
    """Leave the work to others, if it is still held."""
    mine = update(recommendation_state).where(recommendation_state.c.lease_token == token)
    await tx.execute(mine.values(lease_token=None, leased_until=None))


async def worked(tx: WriteSession, revision: int, generation: int) -> None:
    """Say up to where the first three are right."""
    done = {"revision": revision, "generation": generation, "filled": True}
    await tx.execute(update(recommendation_state).values(done))


async def tops(session: ReadSession, project_ids: Collection[str]) -> dict[str, Row]:
    """Return the first three on file of these projects."""
    mine = top_recommendations.c.project_id.in_(project_ids)
    rows = await session.rows(select(top_recommendations).where(mine))
    return {row["project_id"]: row for row in rows}


async def project_ids(session: ReadSession, after: str, limit: int) -> list[str]:
    """Return some projects that have a row, by id."""
    column = top_recommendations.c.project_id
    rows = await session.rows(select(column).where(column > after).order_by(column).limit(limit))
    return [row["project_id"] for row in rows]


@cache
def _put_top(dialect: str) -> Any:
    kind: Any = postgresql if dialect == "postgresql" else sqlite
    statement = kind.insert(top_recommendations)
    others = {c.name: statement.excluded[c.name] for c in top_recommendations.c if not c.primary_key}
    return statement.on_conflict_do_update(index_elements=["project_id"], set_=others)


async def put_tops(tx: WriteSession, rows: Sequence[dict[str, Any]]) -> None:
    """Write the first three of projects."""
    if rows:
        await tx.execute(_put_top(tx.dialect), rows if len(rows) > 1 else rows[0])


async def remove_tops(tx: WriteSession, project_ids: Collection[str]) -> None:
    """Remove the rows of projects that are not ranked any more."""
    await tx.execute(delete(top_recommendations).where(top_recommendations.c.project_id.in_(project_ids)))


async def add_run(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert a run."""
    await tx.execute(insert(recommendation_runs).values(values))


async def find_run(session: ReadSession, run_id: str) -> Row | None:
    """Return one run."""
    return await session.row(select(recommendation_runs).where(recommendation_runs.c.id == run_id))


async def next_run(session: ReadSession) -> Row | None:
    """Return the run that is next, or was begun and not ended."""
    c = recommendation_runs.c
    return await session.row(select(recommendation_runs).where(c.state.in_(_OPEN)).order_by(c.id).limit(1))


async def queued_run(session: ReadSession) -> Row | None:
    """Return a run that has not been begun."""
    return await session.row(
        select(recommendation_runs).where(recommendation_runs.c.state == "queued").limit(1)
    )


async def change_run(tx: WriteSession, run_id: str, values: dict[str, Any]) -> None:
    """Move a run on."""
    moved = update(recommendation_runs).where(recommendation_runs.c.id == run_id)
    await tx.execute(moved.values({**values, "version": recommendation_runs.c.version + 1}))
