"""Who may see a record: one table, one predicate, the same for lists, items, exports and feeds.

Every record has a root (itself, or the record it belongs to). ``record_parties`` names the organisations
that see a root; a principal whose reach is the whole network sees every root.
"""

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    MetaData,
    String,
    Table,
    and_,
    delete,
    exists,
    insert,
    select,
    true,
)

from shared.db.engine import ReadSession, WriteSession


class Viewer(Protocol):
    """What visibility needs to know of a caller."""

    @property
    def organisation_id(self) -> str | None: ...

    @property
    def sees_network(self) -> bool: ...


def party_table(metadata: MetaData) -> Table:
    """Return the table of parties, declared once per service on its own metadata."""
    return Table(
        "record_parties",
        metadata,
        Column("record_id", String(40), primary_key=True),
        Column("organisation_id", String(40), primary_key=True),
        Index("ix_record_parties_organisation_id", "organisation_id", "record_id"),
    )


def visible(parties: Table, root: ColumnElement[str] | Column[str], viewer: Viewer) -> ColumnElement[bool]:
    """Return the predicate that ``viewer`` may see the record whose root is in ``root``."""
    return true() if viewer.sees_network else seen_by(parties, root, viewer.organisation_id or "")


def visible_in_list(
    parties: Table, root: ColumnElement[str] | Column[str], viewer: Viewer
) -> ColumnElement[bool]:
    """Return the same predicate for lists, whose cost then grows with what the viewer sees, not the table.

    SQLite would run an EXISTS for every row of the table when little of it is visible.
    """
    if viewer.sees_network:
        return true()
    mine = parties.c.organisation_id == (viewer.organisation_id or "")
    return root.in_(select(parties.c.record_id).where(mine))


def seen_by(
    parties: Table, root: ColumnElement[str] | Column[str], organisation: ColumnElement[str] | str
) -> ColumnElement[bool]:
    """Return the predicate that an organisation, given or a parameter, is a party of the root."""
    return exists(
        select(parties.c.record_id).where(
            and_(parties.c.record_id == root, parties.c.organisation_id == organisation)
        )
    )


async def set_parties(tx: WriteSession, parties: Table, record_id: str, organisations: Iterable[str]) -> None:
    """Make exactly these organisations the parties of a root."""
    wanted = set(organisations)
    existing = set(await parties_of(tx, parties, record_id))
    if gone := existing - wanted:
        await tx.execute(
            delete(parties).where(parties.c.record_id == record_id, parties.c.organisation_id.in_(gone))
        )
    if new := sorted(wanted - existing):
        await tx.execute(
            insert(parties), [{"record_id": record_id, "organisation_id": party} for party in new]
        )


async def parties_of(session: ReadSession, parties: Table, record_id: str) -> list[str]:
    """Return the organisations that see a root, in order of id."""
    statement = select(parties.c.organisation_id).where(parties.c.record_id == record_id)
    return [
        row["organisation_id"] for row in await session.rows(statement.order_by(parties.c.organisation_id))
    ]
