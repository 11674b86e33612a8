"""Use cases of the places of a project's functions: R&D here, production there."""

from datetime import date, timedelta
from typing import Any

from services.registry.base import messaging
from services.registry.organisations.errors import UnknownDivision
from services.registry.projects import repository
from services.registry.projects.conduct import check_takes_part
from services.registry.projects.errors import FunctionPlaceOverlap, InvalidPeriod
from services.registry.projects.schemas import FUNCTION_PLACE_CHANGED, FunctionPlaceCreate, FunctionPlaceRead
from services.registry.projects.service import lock_project, require_visible_project
from services.registry.reference.service import place_of
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import publish


def to_read(row: Row) -> FunctionPlaceRead:
    """Return the place of a function as callers see it."""
    return FunctionPlaceRead.of({**row, "place": place_of(row["adcode"])})


async def list_places(session: ReadSession, viewer: Principal, project_id: str) -> list[FunctionPlaceRead]:
    """Return where a project's functions sit and sat."""
    await require_visible_project(session, viewer, project_id)
    return await places_of(session, project_id)


async def places_of(session: ReadSession, project_id: str) -> list[FunctionPlaceRead]:
    """Return the places of a project that the caller has already been shown."""
    return [to_read(row) for row in await repository.places(session, project_id)]


async def add_place(
    tx: WriteSession, actor: Principal, project_id: str, data: FunctionPlaceCreate
) -> FunctionPlaceRead:
    """Record where a function sits from a day on; its open place before that ends the day before."""
    if place_of(data.adcode) is None:
        raise UnknownDivision()
    if data.ends_on is not None and data.ends_on < data.starts_on:
        raise InvalidPeriod()
    await check_takes_part(tx, actor, await lock_project(tx, actor, project_id))
    for row in await repository.places(tx, project_id, data.function):
        if row["ends_on"] is None and row["starts_on"] < data.starts_on:
            await _close(tx, actor, row, data.starts_on - timedelta(days=1))
        elif _overlap(row, data):
            raise FunctionPlaceOverlap()
    now = clock.now()
    values = {
        **data.model_dump(mode="python"),
        "function": data.function.value,
        "id": new_id("fpl"),
        "project_id": project_id,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add_place(tx, values)
    record = to_read(values)
    await _publish(tx, actor, record)
    return record


async def _close(tx: WriteSession, actor: Principal, row: Row, ends_on: date) -> None:
    after = {**row, "ends_on": ends_on, "version": row["version"] + 1, "updated_at": clock.now()}
    written = {name: after[name] for name in ("ends_on", "version", "updated_at")}
    await repository.change_place(tx, row["id"], written)
    await _publish(tx, actor, to_read(after), changed=["ends_on"], previous={"ends_on": None})


def _overlap(row: Row, data: FunctionPlaceCreate) -> bool:
    starts_before_end = row["ends_on"] is None or data.starts_on <= row["ends_on"]
    return starts_before_end and (data.ends_on is None or row["starts_on"] <= data.ends_on)


async def _publish(tx: WriteSession, actor: Principal, record: FunctionPlaceRead, **details: Any) -> None:
    await publish(
        tx,
        messaging,
        FUNCTION_PLACE_CHANGED,
        actor=actor,
        record=record,
        subject_type="function_place",
        subject_id=record.id,
        version=record.version,
        root_id=record.project_id,
        url=f"/v1/projects/{record.project_id}/function-places",
        **details,
    )
