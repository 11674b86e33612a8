"""All SQL of the audit: the numbered events, as their parties may see them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from services.registry.base import messaging, parties
from shared.db.engine import ReadSession, Row
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import visible
from shared.identity import Principal

_events = messaging.events
_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "id": _events.c.id,
    "sequence": _events.c.sequence,
    "action": _events.c.type,
    "resource_type": _events.c.subject_type,
    "resource_id": _events.c.subject_id,
    "root_id": _events.c.root_id,
}


def _visible(viewer: Principal) -> Select[Any]:
    columns = (_events.c.id, _events.c.sequence, _events.c.payload, _events.c.chain)
    return select(*columns).where(
        _events.c.sequence.is_not(None), visible(parties, _events.c.root_id, viewer)
    )


async def find(session: ReadSession, viewer: Principal, record_id: str) -> Row | None:
    """Return one numbered event the viewer may see."""
    return await session.row(_visible(viewer).where(_events.c.id == record_id))


async def page(session: ReadSession, viewer: Principal, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the numbered events the viewer may see."""
    return await fetch_page(session, _visible(viewer), _COLUMNS, query, signer)
