"""Use cases of residencies. Locks are taken in the order project, residency, enclave."""

from datetime import date, datetime
from typing import Any

from services.registry.enclaves.service import get_enclave_row, require_enclave, require_visible_enclave
from services.registry.evidence.service import require_evidence
from services.registry.projects.conduct import check_takes_part, takes_part
from services.registry.projects.errors import InvalidPeriod, InvalidTransition
from services.registry.projects.service import lock_project, require_visible_project
from services.registry.projects.stage import BEFORE_ADMISSION, EXITS
from services.registry.residencies import repository
from services.registry.residencies.errors import NoEnclave, ResidencyEnded, SpaceNotFree
from services.registry.residencies.occupancy import by_day
from services.registry.residencies.record import (
    change_residency,
    last_step_at,
    no_such_residency,
    publish_residency,
    take_step,
)
from services.registry.residencies.schemas import (
    RESIDENCY_CREATED,
    RESIDENCY_UPDATED,
    OccupancyDay,
    OccupancyRead,
    ResidencyCreate,
    ResidencyRead,
    ResidencyTransition,
    ResidencyUpdate,
)
from services.registry.residencies.space import check_space, holdings, require_space
from services.registry.residencies.state import ADMITTED, NOTICE, ResidencyState, can_step, no_such_step
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import Viewer
from shared.errors import FieldError, InsufficientScope, check_version
from shared.identity import Principal
from shared.ids import new_id


async def apply_for_residency(
    tx: WriteSession,
    actor: Principal,
    project_id: str,
    data: ResidencyCreate,
    *,
    residency_id: str | None = None,
) -> ResidencyRead:
    """Apply for space for a project."""
    project = await lock_project(tx, actor, project_id)
    await check_takes_part(tx, actor, project)
    _check_goes_on(project)
    enclave_id = data.enclave_id or project["enclave_id"]
    if enclave_id is None:
        raise NoEnclave()
    if enclave_id != project["enclave_id"]:
        await require_enclave(tx, actor, enclave_id)
    now = clock.now()
    values = {
        **data.model_dump(),
        "id": residency_id or new_id("res"),
        "project_id": project_id,
        "enclave_id": enclave_id,
        "state": ResidencyState.APPLIED.value,
        "left_on": None,
        "holds_space": False,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    _check_term(values)
    await repository.add(tx, values)
    record = ResidencyRead.of(values)
    await publish_residency(tx, actor, RESIDENCY_CREATED, record)
    return record


async def get_residency(session: ReadSession, viewer: Viewer, residency_id: str) -> ResidencyRead:
    """Return one residency."""
    row = await repository.find(session, residency_id, viewer=viewer)
    if row is None:
        raise no_such_residency()
    return ResidencyRead.of(row)


async def list_residencies(
    session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner
) -> tuple[list[ResidencyRead], Page]:
    """Return one page of the residencies the viewer may see."""
    page = await repository.page(session, viewer, query, signer)
    return [ResidencyRead.of(row) for row in page.rows], page


async def list_residencies_of(
    session: ReadSession, viewer: Principal, project_id: str, query: ListQuery, signer: CursorSigner
) -> tuple[list[ResidencyRead], Page]:
    """Return one page of a project's residencies."""
    await require_visible_project(session, viewer, project_id)
    page = await repository.page(session, viewer, query, signer, project_id=project_id)
    return [ResidencyRead.of(row) for row in page.rows], page


async def update_residency(
    tx: WriteSession, actor: Principal, residency_id: str, expected_version: int, data: ResidencyUpdate
) -> ResidencyRead:
    """Change the space or the term; a tenant's new space must be free like that of a new one."""
    row = await _lock(tx, actor, residency_id)
    await _check_takes_part(tx, actor, row)
    check_version(row["version"], expected_version)
    changes = {name: value for name, value in data.changes().items() if row[name] != value}
    if not changes:
        return ResidencyRead.of(row)
    if row["state"] == ResidencyState.LEFT:
        raise ResidencyEnded()
    after = {**row, **changes}
    _check_term(after)
    if row["holds_space"]:
        await _check_runs_enclave(tx, actor, row)
        check = await check_space(tx, after)
        if not check.free:
            raise SpaceNotFree(errors=check.failures)
    return await change_residency(tx, actor, row, changes, RESIDENCY_UPDATED)


async def move_residency(
    tx: WriteSession,
    actor: Principal,
    residency_id: str,
    expected_version: int,
    data: ResidencyTransition,
) -> ResidencyRead:
    """Take one step of the residency track."""
    row = await _lock(tx, actor, residency_id)
    await _check_takes_part(tx, actor, row)
    check_version(row["version"], expected_version)
    effective_at = data.effective_at or clock.now()
    if not can_step(row["state"], data.to):
        raise InvalidTransition(errors=[no_such_step(row["state"], data.to)])
    await _check_in_order(tx, row, effective_at)
    await require_evidence(tx, row["project_id"], data.evidence_ids)
    withdrawn = row["state"] == ResidencyState.APPLIED and data.to == ResidencyState.LEFT
    if not withdrawn:
        await _check_runs_enclave(tx, actor, row)
    details: dict[str, Any] = {}
    if data.to in ADMITTED:
        await _check_admitted(tx, actor, row["project_id"])
    if row["state"] == ResidencyState.EXPIRING and data.to == ResidencyState.RESIDENT:
        _check_extended(row, effective_at)
    if data.to in (ResidencyState.APPROVED, ResidencyState.VIRTUAL):
        check = await require_space(tx, row, clock.civil_date(effective_at))
        if check.virtual != (data.to == ResidencyState.VIRTUAL):
            raise InvalidTransition(errors=[no_such_step(row["state"], data.to)])
        details = check.details()
    return await take_step(
        tx,
        actor,
        row,
        data.to,
        effective_at,
        reason=data.reason,
        evidence_ids=data.evidence_ids,
        details=details,
    )


async def mark_expiring(tx: WriteSession, actor: Principal, limit: int = 100) -> int:
    """Mark residents whose term ends within the notice as expiring; return how many there were.

    The notice takes effect on the day on which it was due.
    """
    marked, until = 0, clock.today() + NOTICE
    due = await repository.due_to_expire(tx, until, limit)
    for found in sorted(due, key=lambda row: str(row["project_id"])):
        await lock_project(tx, actor, found["project_id"])
        row = await repository.find(tx, found["id"], lock=True)
        if row is not None and row["state"] == ResidencyState.RESIDENT and row["ends_on"] <= until:
            since = await last_step_at(tx, row["id"]) or row["created_at"]
            was_due = row["ends_on"] <= clock.civil_date(since) + NOTICE
            due_at = since if was_due else clock.start_of_day(row["ends_on"] - NOTICE)
            await take_step(tx, actor, row, ResidencyState.EXPIRING, due_at)
            marked += 1
    return marked


async def read_occupancy(
    session: ReadSession, viewer: Viewer, enclave_id: str, from_on: date, to_on: date
) -> OccupancyRead:
    """Return what is held of an enclave on each day of a period, beside what it lets."""
    enclave = await require_visible_enclave(session, viewer, enclave_id)
    days = by_day(await holdings(session, enclave_id, from_on, to_on), from_on, to_on)
    seat_days = sum(load.seats for _, load in days)
    area_days = float(sum(load.area_m2 for _, load in days))
    seats, area = enclave["seat_capacity"], enclave["area_capacity_m2"]
    return OccupancyRead(
        enclave_id=enclave_id,
        from_on=from_on,
        to_on=to_on,
        seat_capacity=seats,
        area_capacity_m2=area,
        seat_days=seat_days,
        seat_occupancy=seat_days / (seats * len(days)) if seats else None,
        area_m2_days=area_days,
        area_occupancy=area_days / (area * len(days)) if area else None,
        days=[OccupancyDay(on=on, seats=load.seats, area_m2=float(load.area_m2)) for on, load in days],
    )


async def _lock(tx: WriteSession, actor: Principal, residency_id: str) -> Row:
    found = await repository.find(tx, residency_id, viewer=actor)
    if found is None:
        raise no_such_residency()
    await lock_project(tx, actor, found["project_id"])
    row = await repository.find(tx, residency_id, lock=True)
    assert row is not None
    return row


async def _check_takes_part(tx: WriteSession, actor: Principal, row: Row) -> None:
    """A home unit the project was proposed to sees its stay and leaves it alone."""
    if not await takes_part(tx, actor, await require_visible_project(tx, actor, row["project_id"])):
        await _check_runs_enclave(tx, actor, row)


async def _check_runs_enclave(tx: WriteSession, actor: Principal, row: Row) -> None:
    """Space is let by those who run the enclave, not by the team that uses it."""
    if actor.sees_network:
        return
    enclave = await get_enclave_row(tx, row["enclave_id"])
    project = await require_visible_project(tx, actor, row["project_id"])
    runs = {project["operator_id"]}
    if enclave is not None:
        runs |= {enclave["home_unit_id"], enclave["operator_id"], enclave["host_park_id"]}
    if actor.organisation_id not in runs - {None}:
        raise InsufficientScope(
            "Only those who run the enclave may do this.", "仅飞地的运营方可以进行此操作。"
        )


async def _check_in_order(tx: WriteSession, row: Row, effective_at: datetime) -> None:
    if effective_at > clock.now():
        raise InvalidTransition(errors=[FieldError("effective_in_future", "lies in the future", "在未来")])
    last = await last_step_at(tx, row["id"])
    if last is not None and effective_at < last:
        failure = FieldError("effective_out_of_order", "precedes the last step", "早于上一次状态变更")
        raise InvalidTransition(errors=[failure])


async def _check_admitted(tx: WriteSession, actor: Principal, project_id: str) -> None:
    """Space of a project is taken by its admission, which needs both keys, and never before it."""
    project = await require_visible_project(tx, actor, project_id)
    _check_goes_on(project)
    if project["stage"] in BEFORE_ADMISSION:
        failure = FieldError("project_not_admitted", "is taken with the admission", "须随项目准入办理")
        raise InvalidTransition(errors=[failure])


def _check_goes_on(project: Row) -> None:
    """The space of a project that ended was released, and nothing would release it again."""
    if project["stage"] in EXITS:
        raise InvalidTransition(errors=[FieldError("project_ended", "has ended", "项目已终止")])


def _check_extended(row: Row, effective_at: datetime) -> None:
    """Who stays on does so for a longer term; with the old one the next notice would be due at once."""
    if row["ends_on"] <= clock.civil_date(effective_at) + NOTICE:
        failure = FieldError(
            "term_not_extended", "ends within the notice still", "租期未延长，仍在到期提醒期内"
        )
        raise InvalidTransition(errors=[failure])


def _check_term(values: Row) -> None:
    if values["ends_on"] < values["starts_on"]:
        raise InvalidPeriod()
