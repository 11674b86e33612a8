"""One project's history as it is known now, read for the rollup."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Table, and_, select

from services.metrics.ledger.tables import (
    enclave_versions,
    landing_facts,
    project_tags,
    project_versions,
    stage_facts,
)
from shared.db.engine import ReadSession


@dataclass(frozen=True, slots=True)
class Fact:
    """A state of a track from a day on; the facts of a subject stand in the order in which they happened."""

    day: int
    state: str
    rank: int | None
    initial: bool


@dataclass(slots=True)
class History:
    """A project: how it is described now, and all that happened to it."""

    project_id: str
    place: tuple[str, str, str, str]
    feasible: bool
    last_contact_day: int | None
    contact_days: list[int] = field(default_factory=list)
    tags: list[tuple[str, str]] = field(default_factory=list)
    stages: list[Fact] = field(default_factory=list)
    landings: dict[str, list[Fact]] = field(default_factory=dict)


T = TypeVar("T")

PLACE = ("host_city_adcode", "operating_mode", "carrier_type", "siting_pattern")
"""What a rollup tells apart of where a project is."""


def chunks(items: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """Yield the items in pieces that one statement can name."""
    return (items[start : start + size] for start in range(0, len(items), size))


async def read_histories(session: ReadSession, project_ids: Sequence[str]) -> list[History]:
    """Return the histories of these projects, without those of which nothing is described."""
    return [history for part in chunks(project_ids) for history in await _read_histories(session, part)]


async def _read_histories(session: ReadSession, project_ids: Sequence[str]) -> list[History]:
    version, enclave = project_versions.c, enclave_versions.c
    current = and_(enclave.enclave_id == version.enclave_id, enclave.superseded_at.is_(None))
    described = (
        select(
            version.project_id, version.feasible, version.last_contact_day, *[enclave[name] for name in PLACE]
        )
        .select_from(project_versions.outerjoin(enclave_versions, current))
        .where(version.superseded_at.is_(None), version.project_id.in_(project_ids))
    )
    found = {
        row["project_id"]: History(
            row["project_id"],
            (row[PLACE[0]] or "", row[PLACE[1]] or "", row[PLACE[2]] or "", row[PLACE[3]] or ""),
            row["feasible"],
            row["last_contact_day"],
        )
        for row in await session.rows(described)
    }
    await _add_contacts(session, found)
    await _add_tags(session, found)
    for row in await session.rows(_facts(stage_facts, "project_id", found)):
        found[row["project_id"]].stages.append(_fact(row))
    for row in await session.rows(_facts(landing_facts, "landing_id", found)):
        found[row["project_id"]].landings.setdefault(row["landing_id"], []).append(_fact(row))
    return list(found.values())


async def projects_of_enclaves(session: ReadSession, enclave_ids: Sequence[str]) -> list[str]:
    """Return the projects that are in these enclaves now."""
    version, found = project_versions.c, []
    for part in chunks(enclave_ids):
        statement = select(version.project_id).where(
            version.enclave_id.in_(part), version.superseded_at.is_(None)
        )
        found += [row["project_id"] for row in await session.rows(statement)]
    return found


async def project_page(session: ReadSession, after: str, limit: int) -> list[str]:
    """Return the next projects in order of id."""
    version = project_versions.c
    statement = select(version.project_id).where(version.project_id > after, version.superseded_at.is_(None))
    return [
        row["project_id"] for row in await session.rows(statement.order_by(version.project_id).limit(limit))
    ]


async def places_of_enclaves(
    session: ReadSession, enclave_ids: Sequence[str]
) -> dict[str, tuple[int, tuple[Any, ...]]]:
    """Return what a rollup tells apart of enclaves as they are described now, with the version."""
    version = enclave_versions.c
    columns = [version.enclave_id, version.version, *[version[name] for name in PLACE]]
    found = {}
    for part in chunks(enclave_ids):
        statement = select(*columns).where(version.enclave_id.in_(part), version.superseded_at.is_(None))
        for row in await session.rows(statement):
            found[row["enclave_id"]] = (row["version"], tuple(row[name] for name in PLACE))
    return found


async def _add_contacts(session: ReadSession, found: dict[str, History]) -> None:
    version = project_versions.c
    statement = select(version.project_id, version.last_contact_day).where(
        version.project_id.in_(found), version.last_contact_day.is_not(None)
    )
    for row in await session.rows(statement.distinct()):
        found[row["project_id"]].contact_days.append(row["last_contact_day"])


async def _add_tags(session: ReadSession, found: dict[str, History]) -> None:
    tag, version = project_tags.c, project_versions.c
    newest = and_(
        version.project_id == tag.project_id, version.version == tag.version, version.superseded_at.is_(None)
    )
    statement = select(tag.project_id, tag.kind, tag.value).select_from(
        project_tags.join(project_versions, newest)
    )
    for row in await session.rows(
        statement.where(tag.project_id.in_(found), tag.kind.in_(("section", "field"))).order_by(
            tag.kind, tag.value
        )
    ):
        found[row["project_id"]].tags.append((row["kind"], row["value"]))


def _facts(table: Table, subject: str, found: dict[str, History]) -> Any:
    columns = [table.c.project_id, table.c.effective_day, table.c.state, table.c.rank, table.c.initial]
    if subject != "project_id":
        columns.append(table.c[subject])
    order = (table.c.effective_at, table.c.sequence)
    return select(*columns).where(table.c.project_id.in_(found)).order_by(table.c[subject], *order)


def _fact(row: Any) -> Fact:
    return Fact(row["effective_day"], row["state"], row["rank"], row["initial"])
