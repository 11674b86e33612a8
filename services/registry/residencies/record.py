"""A residency's row as a record: the log entry and the event of every change of it."""

from datetime import date, datetime
from typing import Any

from services.registry.base import messaging
from services.registry.projects.schemas import TransitionRead
from services.registry.projects.service import log_transition
from services.registry.projects.transitions import transitions_of_subject
from services.registry.residencies import repository
from services.registry.residencies.schemas import RESIDENCY_STATE_CHANGED, ResidencyRead
from services.registry.residencies.state import ResidencyState
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.errors import NotFound
from shared.identity import SYSTEM, Principal
from shared.messaging.outbox import EventType, publish


async def take_step(
    tx: WriteSession,
    actor: Principal,
    row: Row,
    to_state: ResidencyState,
    effective_at: datetime,
    *,
    left_on: date | None = None,
    **log: Any,
) -> ResidencyRead:
    """Move a locked residency, and log it."""
    changes: dict[str, Any] = {"state": to_state.value}
    if to_state in (ResidencyState.APPLIED, ResidencyState.APPROVED):
        changes["holds_space"] = to_state == ResidencyState.APPROVED
    if to_state == ResidencyState.LEFT:
        changes["left_on"] = left_on or clock.civil_date(effective_at)
    await log_transition(
        tx,
        actor,
        project_id=row["project_id"],
        track="residency",
        subject_id=row["id"],
        from_state=row["state"],
        to_state=to_state.value,
        effective_at=effective_at,
        **log,
    )
    return await change_residency(tx, actor, row, changes, RESIDENCY_STATE_CHANGED, effective_at=effective_at)


async def change_residency(
    tx: WriteSession,
    actor: Principal,
    row: Row,
    changes: dict[str, Any],
    event_type: EventType,
    **details: Any,
) -> ResidencyRead:
    """Write changes to a locked residency, bump its version and publish them."""
    after = {**row, **changes, "version": row["version"] + 1, "updated_at": clock.now()}
    await repository.change(
        tx, row["id"], {name: after[name] for name in (*changes, "version", "updated_at")}
    )
    record = ResidencyRead.of(after)
    told = sorted(changes.keys() & ResidencyRead.model_fields.keys())
    previous = {name: row[name] for name in told}
    await publish_residency(tx, actor, event_type, record, changed=told, previous=previous, **details)
    return record


async def publish_residency(
    tx: WriteSession, actor: Principal, event_type: EventType, record: ResidencyRead, **details: Any
) -> None:
    """Write a residency's event."""
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="residency",
        subject_id=record.id,
        version=record.version,
        root_id=record.project_id,
        url=f"/v1/residencies/{record.id}",
        **details,
    )


async def last_step_at(session: ReadSession, residency_id: str) -> datetime | None:
    """Return when the last step of a residency took effect that somebody took.

    A notice that its term ends soon says nothing about what its tenant did before it was given.
    """
    history = await transitions_of_subject(session, residency_id)
    taken = [entry.effective_at for entry in history if not _is_notice(entry)]
    return taken[-1] if taken else None


def _is_notice(entry: TransitionRead) -> bool:
    given_by = (entry.actor_kind, entry.actor_id)
    return entry.to_state == ResidencyState.EXPIRING and given_by == (SYSTEM.kind, SYSTEM.id)


def no_such_residency() -> NotFound:
    """Return the answer for a residency that does not exist or that the caller may not see."""
    return NotFound("No such residency.", "没有该入驻记录。")
