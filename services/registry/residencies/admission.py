"""What admission, a step back from it and the end of a project do to its residencies, with its lock held."""

from collections.abc import Iterable
from datetime import date, datetime

from services.registry.projects.errors import InvalidTransition
from services.registry.residencies import repository
from services.registry.residencies.record import last_step_at, no_such_residency, take_step
from services.registry.residencies.schemas import ResidencyRead
from services.registry.residencies.space import CapacityCheck, check_space, require_space
from services.registry.residencies.state import ADMITTED, ResidencyState, can_step, no_such_step
from shared import clock
from shared.db.engine import ReadSession, WriteSession
from shared.identity import Principal


async def residencies_of(session: ReadSession, project_id: str) -> list[ResidencyRead]:
    """Return a project's residencies, oldest first, whoever asks."""
    return [ResidencyRead.of(row) for row in await repository.of_project(session, project_id)]


async def check_capacity(tx: WriteSession, residency: ResidencyRead, on: date) -> CapacityCheck:
    """Tell whether a residency's space, taken on a day, is free for its term; its enclave stays locked."""
    row = await repository.find(tx, residency.id)
    if row is None:
        raise no_such_residency()
    return await check_space(tx, row, on)


async def approve_for_admission(
    tx: WriteSession, actor: Principal, residency_id: str, effective_at: datetime
) -> CapacityCheck:
    """Take the space of a project that is being admitted; raise when it is not free for the whole term.

    The caller holds the project's lock. A residency that was approved before only has its space checked.
    """
    row = await repository.find(tx, residency_id, lock=True)
    if row is None:
        raise no_such_residency()
    check = await require_space(tx, row, clock.civil_date(effective_at))
    to_state = ResidencyState.VIRTUAL if check.virtual else ResidencyState.APPROVED
    if row["state"] in ADMITTED:
        return check
    if not can_step(row["state"], to_state):
        raise InvalidTransition(errors=[no_such_step(row["state"], to_state)])
    await take_step(tx, actor, row, to_state, effective_at, details=check.details())
    return check


async def is_after_their_last_steps(
    session: ReadSession, residencies: Iterable[ResidencyRead], effective_at: datetime
) -> bool:
    """Tell whether a step at ``effective_at`` precedes no step of these residencies."""
    last = [await last_step_at(session, residency.id) for residency in residencies]
    return all(at is None or at <= effective_at for at in last)


async def take_back(
    tx: WriteSession, actor: Principal, project_id: str, effective_at: datetime, reason: str | None
) -> list[ResidencyRead]:
    """Undo what the admission of a project gave: an approved stay is applied for again, any other ends."""
    rows = await repository.of_project(tx, project_id, lock=True)
    return [
        await take_step(
            tx,
            actor,
            row,
            ResidencyState.APPLIED if row["state"] == ResidencyState.APPROVED else ResidencyState.LEFT,
            effective_at,
            reason=reason,
        )
        for row in rows
        if row["state"] in ADMITTED
    ]


async def release(
    tx: WriteSession,
    actor: Principal,
    project_id: str,
    on: date,
    *,
    effective_at: datetime | None = None,
    reason: str | None = None,
) -> list[ResidencyRead]:
    """Free the space of a project that ends; ``on`` is the first day on which it is free."""
    rows = await repository.of_project(tx, project_id, lock=True)
    return [
        await take_step(
            tx,
            actor,
            row,
            ResidencyState.LEFT,
            effective_at or clock.now(),
            left_on=on,
            reason=reason,
        )
        for row in rows
        if row["state"] != ResidencyState.LEFT
    ]
