"""All SQL of clients and API keys."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, insert, select, true, update

from services.registry.access.models import api_keys, clients
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.identity import SYSTEM, Principal


def _owned(table: Table, viewer: Principal) -> ColumnElement[bool]:
    """Credentials are their organisation's own business, and the network administration's."""
    return true() if viewer.sees_network else table.c.organisation_id == (viewer.organisation_id or "")


async def find(
    session: ReadSession, table: Table, viewer: Principal, identifier: str, *, lock: bool = False
) -> Row | None:
    """Return one credential the viewer's organisation owns."""
    statement = select(table).where(table.c.id == identifier, _owned(table, viewer))
    return await session.row(statement.with_for_update() if lock else statement)


async def page(
    session: ReadSession, table: Table, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> Page:
    """Return one page of the credentials the viewer's organisation owns."""
    statement = select(table).where(_owned(table, viewer))
    return await fetch_page(session, statement, table.c, query, signer)


async def add(tx: WriteSession, table: Table, values: dict[str, Any]) -> None:
    """Insert one credential."""
    await tx.execute(insert(table).values(values))


async def change(tx: WriteSession, table: Table, identifier: str, values: dict[str, Any]) -> None:
    """Update one credential whose row this transaction has locked."""
    await tx.execute(update(table).where(table.c.id == identifier).values(values))


async def find_client(session: ReadSession, client_id: str) -> Row | None:
    """Return a client by id, whoever asks."""
    return await session.row(select(clients).where(clients.c.id == client_id))


async def find_key_by_hash(session: ReadSession, secret_hash: str) -> Row | None:
    """Return an API key with what bounds it: its client's scopes, status and reach."""
    bounds = (
        clients.c.scopes.label("client_scopes"),
        clients.c.status.label("client_status"),
        clients.c.reach.label("client_reach"),
    )
    joined = api_keys.outerjoin(clients, clients.c.id == api_keys.c.client_id)
    return await session.row(
        select(api_keys, *bounds).select_from(joined).where(api_keys.c.secret_hash == secret_hash)
    )


async def clients_changed_since(
    session: ReadSession, instant: datetime, viewer: Principal = SYSTEM
) -> Sequence[Row]:
    """Return the standing of the clients that changed lately."""
    columns = (clients.c.id, clients.c.status, clients.c.scopes)
    return await session.rows(select(*columns).where(clients.c.updated_at > instant, _owned(clients, viewer)))


async def mark_used(tx: WriteSession, table: Table, used: Iterable[tuple[str, datetime]]) -> None:
    """Keep when each credential was last used; neither its version nor its events know."""
    for identifier, instant in sorted(used):
        await tx.execute(update(table).where(table.c.id == identifier).values(last_used_at=instant))
