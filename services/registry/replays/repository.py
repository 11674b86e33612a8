"""All SQL of replays."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, insert, select, update

from services.registry.base import messaging
from services.registry.replays.models import webhook_replays
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import Viewer
from shared.messaging.feed import of_types

_events = messaging.events


async def add(tx: WriteSession, values: Mapping[str, Any]) -> None:
    """Insert one replay."""
    await tx.execute(insert(webhook_replays).values(values))


async def find(session: ReadSession, replay_id: str, *, lock: bool = False) -> Row | None:
    """Return one replay."""
    statement = select(webhook_replays).where(webhook_replays.c.id == replay_id)
    return await session.row(statement.with_for_update() if lock else statement)


async def find_next(tx: WriteSession) -> Row | None:
    """Lock a running replay that nobody else is working on."""
    running = select(webhook_replays).where(webhook_replays.c.state == "running")
    return await tx.row(
        running.order_by(webhook_replays.c.updated_at).limit(1).with_for_update(skip_locked=True)
    )


async def change(tx: WriteSession, replay_id: str, values: Mapping[str, Any]) -> None:
    """Update a replay this transaction has locked."""
    await tx.execute(update(webhook_replays).where(webhook_replays.c.id == replay_id).values(values))


async def page(session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the replays of the viewer's organisation."""
    statement = select(webhook_replays)
    if not viewer.sees_network:
        statement = statement.where(webhook_replays.c.organisation_id == (viewer.organisation_id or ""))
    return await fetch_page(session, statement, webhook_replays.c, query, signer)


async def latest_of_subjects(
    session: ReadSession,
    after: str,
    limit: int,
    types: Sequence[Sequence[str]],
    subject_id: str | None = None,
) -> Sequence[Row]:
    """Return the latest event of each subject after one, in the order of the subjects' ids.

    Only events count whose type is in every list of ``types``: names, ``prefix.*`` or ``*``.
    """
    latest = (
        select(_events.c.subject_id, func.max(_events.c.sequence).label("sequence"))
        .where(
            _events.c.subject_id > after,
            _events.c.sequence.is_not(None),
            *[of_types(_events.c.type, names) for names in types],
        )
        .group_by(_events.c.subject_id)
        .order_by(_events.c.subject_id)
        .limit(limit)
    )
    if subject_id is not None:
        latest = latest.where(_events.c.subject_id == subject_id)
    newest = latest.subquery()
    columns = (_events.c.sequence, _events.c.id, _events.c.type, _events.c.subject_id, _events.c.root_id)
    statement = select(*columns).join(newest, newest.c.sequence == _events.c.sequence)
    return await session.rows(statement.order_by(_events.c.subject_id))
