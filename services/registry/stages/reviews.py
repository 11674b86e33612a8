"""Gate reviews and annual grades of projects."""

from collections.abc import Sequence

from services.registry.base import messaging
from services.registry.evidence.service import require_evidence
from services.registry.projects.conduct import check_runs
from services.registry.projects.errors import EffectiveInFuture
from services.registry.projects.service import lock_project, require_visible_project
from services.registry.stages import repository
from services.registry.stages.schemas import REVIEW_CREATED, ReviewCreate, ReviewRead
from shared import clock
from shared.db.engine import ReadSession, WriteSession
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import publish


async def record_review(
    tx: WriteSession, actor: Principal, project_id: str, data: ReviewCreate
) -> ReviewRead:
    """Record what a review decided."""
    await check_runs(tx, actor, await lock_project(tx, actor, project_id))
    if data.held_on > clock.today():
        raise EffectiveInFuture()
    await require_evidence(tx, project_id, data.evidence_ids)
    now = clock.now()
    values = {
        **data.model_dump(),
        "gate": data.gate.value,
        "id": new_id("rev"),
        "project_id": project_id,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add_review(tx, values)
    record = ReviewRead.of(values)
    await publish(
        tx,
        messaging,
        REVIEW_CREATED,
        actor=actor,
        record=record,
        subject_type="review",
        subject_id=record.id,
        version=record.version,
        root_id=project_id,
        url=f"/v1/projects/{project_id}/reviews",
        effective_at=clock.start_of_day(record.held_on),
    )
    return record


async def list_reviews(session: ReadSession, viewer: Principal, project_id: str) -> list[ReviewRead]:
    """Return the reviews of a project."""
    await require_visible_project(session, viewer, project_id)
    return await reviews_of(session, project_id)


async def reviews_of(session: ReadSession, project_id: str) -> list[ReviewRead]:
    """Return the reviews of a project that the caller has already been shown."""
    return [ReviewRead.of(row) for row in await repository.reviews_of(session, project_id)]


def gates_passed_with_evidence(reviews: Sequence[ReviewRead]) -> frozenset[str]:
    """Return the gates whose latest review was passed and has evidence."""
    latest = {review.gate: review for review in reviews}
    return frozenset(
        gate for gate, review in latest.items() if review.outcome == "passed" and review.evidence_ids
    )


def latest_grade(reviews: Sequence[ReviewRead]) -> str | None:
    """Return the latest annual grade, or None when there was none yet."""
    grades = [review.annual_grade for review in reviews if review.annual_grade]
    return grades[-1] if grades else None
