"""All SQL of webhook endpoints and their secrets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.registry.webhooks.models import (
    webhook_endpoints,
    webhook_generation,
    webhook_secrets,
)
from services.registry.webhooks.schemas import EndpointStatus
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.db.hot import HotQuery
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import Viewer

_endpoints, _secrets = webhook_endpoints, webhook_secrets
_LISTENING = (EndpointStatus.UNVERIFIED, EndpointStatus.ACTIVE, EndpointStatus.DISABLED)


def _mine(viewer: Viewer) -> Any:
    """An endpoint that is sent the whole network's events is not for those who may not see them."""
    if viewer.sees_network:
        return _endpoints.c.id.is_not(None)
    mine = _endpoints.c.organisation_id == (viewer.organisation_id or "")
    return and_(mine, _endpoints.c.sees_network.is_(False))


async def find(session: ReadSession, viewer: Viewer, endpoint_id: str, *, lock: bool = False) -> Row | None:
    """Return one endpoint of the viewer's organisation, deleted or not, locked if asked."""
    statement = select(_endpoints).where(_endpoints.c.id == endpoint_id, _mine(viewer))
    return await session.row(statement.with_for_update() if lock else statement)


async def page(session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the endpoints of the viewer's organisation."""
    return await fetch_page(session, select(_endpoints).where(_mine(viewer)), _endpoints.c, query, signer)


async def count_of(session: ReadSession, organisation_id: str) -> int:
    """Return how many endpoints an organisation has that are not deleted."""
    statement = select(func.count()).where(
        _endpoints.c.organisation_id == organisation_id, _endpoints.c.status.in_(_LISTENING)
    )
    return int(await session.scalar(statement))


async def listening(session: ReadSession) -> Sequence[Row]:
    """Return every endpoint that is not deleted."""
    statement = select(_endpoints).where(_endpoints.c.status.in_(_LISTENING))
    return await session.rows(statement.order_by(_endpoints.c.id))


async def at_url(session: ReadSession, url: str, organisation_id: str) -> Sequence[Row]:
    """Return the endpoints of an organisation that point to this address."""
    statement = select(_endpoints).where(
        _endpoints.c.organisation_id == organisation_id,
        _endpoints.c.url == url,
        _endpoints.c.status.in_(_LISTENING),
    )
    return await session.rows(statement)


async def add(tx: WriteSession, endpoint: dict[str, Any]) -> None:
    """Insert one endpoint."""
    await tx.execute(insert(_endpoints).values(endpoint))


async def change(tx: WriteSession, endpoint_id: str, values: dict[str, Any]) -> None:
    """Update an endpoint whose row this transaction has locked."""
    await tx.execute(update(_endpoints).where(_endpoints.c.id == endpoint_id).values(values))


async def live_secrets(session: ReadSession, endpoint_id: str, instant: datetime) -> Sequence[Row]:
    """Return the secrets that sign at this instant, the newest first."""
    live = or_(_secrets.c.expires_at.is_(None), _secrets.c.expires_at > instant)
    statement = select(_secrets).where(_secrets.c.endpoint_id == endpoint_id, live)
    return await session.rows(statement.order_by(_secrets.c.created_at.desc(), _secrets.c.id.desc()))


async def add_secret(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one secret."""
    await tx.execute(insert(_secrets).values(values))


async def expire_secrets(tx: WriteSession, endpoint_id: str, at: datetime) -> None:
    """End every secret at this instant that would live longer."""
    later = or_(_secrets.c.expires_at.is_(None), _secrets.c.expires_at > at)
    await tx.execute(
        update(_secrets).where(_secrets.c.endpoint_id == endpoint_id, later).values(expires_at=at)
    )


async def forget_secrets(tx: WriteSession, endpoint_id: str, instant: datetime) -> None:
    """Delete the secrets that have expired."""
    await tx.execute(
        delete(_secrets).where(_secrets.c.endpoint_id == endpoint_id, _secrets.c.expires_at <= instant)
    )


async def generation(session: ReadSession) -> int:
    """Return how often any subscription has changed."""
    return int(await session.scalar(select(webhook_generation.c.generation)) or 0)


_GENERATION = HotQuery(select(webhook_generation.c.generation))


async def current_generation(database: Database) -> int:
    """Return the same outside of any session, for those who ask often."""
    row = await _GENERATION.first(database, {})
    return 0 if row is None else int(row["generation"])


async def next_generation(tx: WriteSession) -> None:
    """Tell who remembers subscriptions that one has changed."""
    dialect: Any = postgresql if tx.dialect == "postgresql" else sqlite
    first = dialect.insert(webhook_generation).values(id=1, generation=1)
    moved = {"generation": webhook_generation.c.generation + 1}
    await tx.execute(first.on_conflict_do_update(index_elements=["id"], set_=moved))
