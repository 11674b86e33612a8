"""All SQL of profiles."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update

from services.matching.profiles.models import profile_versions, profiles
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page


async def find(session: ReadSession, home_unit_id: str) -> Row | None:
    """Return one profile."""
    return await session.row(select(profiles).where(profiles.c.home_unit_id == home_unit_id))


async def add(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert a home unit's first profile."""
    await tx.execute(insert(profiles).values(values))


async def change(tx: WriteSession, home_unit_id: str, values: dict[str, Any]) -> None:
    """Replace a profile; the caller holds the directory's revision, which lets one writer at a time."""
    await tx.execute(update(profiles).where(profiles.c.home_unit_id == home_unit_id).values(values))


async def add_version(tx: WriteSession, values: dict[str, Any]) -> None:
    """Append one version to the history."""
    await tx.execute(insert(profile_versions).values(values))


async def version_page(
    session: ReadSession, home_unit_id: str, query: ListQuery, signer: CursorSigner
) -> Page:
    """Return one page of a profile's versions."""
    mine = select(profile_versions).where(profile_versions.c.home_unit_id == home_unit_id)
    return await fetch_page(session, mine, profile_versions.c, query, signer)


async def since(session: ReadSession, revision: int) -> Sequence[Row]:
    """Return profiles written after a revision."""
    return await session.rows(select(profiles).where(profiles.c.revision > revision))
