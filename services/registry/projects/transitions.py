"""The log of a project's three tracks: who moved what, on which evidence, when it happened, when we knew."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.registry.projects import repository
from services.registry.projects.schemas import TransitionRead
from services.registry.projects.stage import Track
from shared import clock
from shared.db.engine import ReadSession, WriteSession
from shared.identity import Principal
from shared.ids import new_id


async def log_transition(
    tx: WriteSession,
    actor: Principal,
    *,
    project_id: str,
    track: Track | str,
    subject_id: str,
    from_state: str | None,
    to_state: str,
    effective_at: datetime | None = None,
    evidence_ids: Sequence[str] = (),
    reason: str | None = None,
    forced: bool = False,
    details: Mapping[str, Any] | None = None,
) -> TransitionRead:
    """Append one entry; without ``effective_at`` it happened now."""
    now = clock.now()
    values = {
        "id": new_id("trn"),
        "project_id": project_id,
        "track": str(track),
        "subject_id": subject_id,
        "from_state": from_state,
        "to_state": to_state,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_organisation_id": actor.organisation_id,
        "evidence_ids": list(evidence_ids),
        "reason": reason,
        "forced": forced,
        "details": dict(details or {}),
        "effective_at": effective_at or now,
        "recorded_at": now,
    }
    await repository.add_transition(tx, values)
    return TransitionRead.of(values)


async def transitions_of_subject(session: ReadSession, subject_id: str) -> list[TransitionRead]:
    """Return the log of one project's stage, one landing or one residency."""
    rows = await repository.transitions_of(session, subject_id=subject_id)
    return [TransitionRead.of(row) for row in rows]


async def transitions_of_project(session: ReadSession, project_id: str) -> list[TransitionRead]:
    """Return the log of all three tracks of a project."""
    rows = await repository.transitions_of(session, project_id=project_id)
    return [TransitionRead.of(row) for row in rows]
