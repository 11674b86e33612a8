"""All writing SQL of the ledger."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.metrics.base import parties
from services.metrics.ledger.tables import (
    enclave_versions,
    landing_facts,
    organisations,
    project_tags,
    project_versions,
    stage_facts,
)
from shared.db.engine import WriteSession

_ALL = (organisations, enclave_versions, project_versions, project_tags, stage_facts, landing_facts, parties)


def _insert(tx: WriteSession, table: Table) -> Any:
    dialect: Any = postgresql if tx.dialect == "postgresql" else sqlite
    return dialect.insert(table)


async def put_organisation(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert an organisation, or replace an older version of it."""
    statement = _insert(tx, organisations).values(values)
    newer = statement.excluded.version > organisations.c.version
    changed = {key: statement.excluded[key] for key in values if key != "id"}
    await tx.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed, where=newer))


async def add_version(
    tx: WriteSession, table: Table, subject_id: str, version: int, values: dict[str, Any]
) -> bool | None:
    """Add one version of a record between its neighbours; tell whether it is the newest, None if known."""
    subject = next(iter(table.primary_key.columns))
    mine = subject == subject_id
    following = (
        select(table.c.version, table.c.recorded_at).where(mine, table.c.version >= version)
        .order_by(table.c.version).limit(1)
    )  # fmt: skip
    after = await tx.row(following)
    if after is not None and after["version"] == version:
        return None
    before = select(func.max(table.c.version)).where(mine, table.c.version < version).scalar_subquery()
    superseded = update(table).where(mine, table.c.version == before)
    await tx.execute(superseded.values(superseded_at=values["recorded_at"]))
    row = {subject.name: subject_id, "version": version, **values}
    row["superseded_at"] = after["recorded_at"] if after is not None else None
    await tx.execute(insert(table), row)
    return after is None


async def add_tags(tx: WriteSession, project_id: str, version: int, tags: Iterable[tuple[str, str]]) -> None:
    """Add the attributes with several values of one version of a project."""
    rows = [
        {"project_id": project_id, "version": version, "kind": kind, "value": value}
        for kind, value in sorted(tags)
    ]
    if rows:
        await tx.execute(insert(project_tags), rows)


async def add_fact(tx: WriteSession, table: Table, fact: dict[str, Any]) -> None:
    """Add one fact of a track unless it is there."""
    subject = next(iter(table.primary_key.columns))
    row = {**fact, subject.name: fact["subject_id"]}
    del row["subject_id"]
    await tx.execute(_insert(tx, table).values(row).on_conflict_do_nothing())


async def clear(tx: WriteSession) -> None:
    """Delete everything that came from the feed."""
    for table in _ALL:
        await tx.execute(delete(table))
