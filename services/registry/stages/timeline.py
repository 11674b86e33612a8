"""Everything that happened to a project, in the order in which it did, with when it was recorded."""

from services.registry.projects.places import places_of
from services.registry.projects.schemas import FunctionPlaceRead, TransitionRead
from services.registry.projects.service import require_visible_project
from services.registry.projects.transitions import transitions_of_project
from services.registry.stages import repository
from services.registry.stages.reviews import reviews_of
from services.registry.stages.schemas import ApprovalRead, ReviewRead, TimelineEntry
from shared import clock
from shared.db.engine import ReadSession
from shared.identity import Principal


async def timeline_of(session: ReadSession, viewer: Principal, project_id: str) -> list[TimelineEntry]:
    """Return the three tracks, approvals, reviews and places of a project as one story."""
    await require_visible_project(session, viewer, project_id)
    approvals = [ApprovalRead.of(row) for row in await repository.approvals_of(session, project_id)]
    entries = [
        *map(_of_transition, await transitions_of_project(session, project_id)),
        *map(_of_approval, approvals),
        *map(_of_review, await reviews_of(session, project_id)),
        *map(_of_place, await places_of(session, project_id)),
    ]
    return sorted(entries, key=lambda entry: (entry.effective_at, entry.recorded_at, entry.id))


def _of_transition(entry: TransitionRead) -> TimelineEntry:
    return TimelineEntry(
        kind=entry.track,
        id=entry.id,
        subject_id=entry.subject_id,
        what=entry.to_state,
        from_state=entry.from_state,
        actor_organisation_id=entry.actor_organisation_id,
        evidence_ids=entry.evidence_ids,
        reason=entry.reason,
        forced=entry.forced,
        details=entry.details,
        effective_at=entry.effective_at,
        recorded_at=entry.recorded_at,
    )


def _of_approval(approval: ApprovalRead) -> TimelineEntry:
    return TimelineEntry(
        kind="approval",
        id=approval.id,
        subject_id=approval.project_id,
        what=approval.role,
        from_state=None,
        actor_organisation_id=approval.organisation_id,
        evidence_ids=[],
        reason=approval.note,
        forced=False,
        details={"voided_at": clock.to_rfc3339(approval.voided_at) if approval.voided_at else None},
        effective_at=approval.effective_at,
        recorded_at=approval.created_at,
    )


def _of_review(review: ReviewRead) -> TimelineEntry:
    return TimelineEntry(
        kind="review",
        id=review.id,
        subject_id=review.project_id,
        what=review.gate,
        from_state=None,
        actor_organisation_id=None,
        evidence_ids=review.evidence_ids,
        reason=review.note,
        forced=False,
        details={"outcome": review.outcome, "annual_grade": review.annual_grade},
        effective_at=clock.start_of_day(review.held_on),
        recorded_at=review.created_at,
    )


def _of_place(place: FunctionPlaceRead) -> TimelineEntry:
    return TimelineEntry(
        kind="function_place",
        id=place.id,
        subject_id=place.project_id,
        what=place.function,
        from_state=None,
        actor_organisation_id=None,
        evidence_ids=[],
        reason=None,
        forced=False,
        details={
            "adcode": place.adcode,
            "name": place.place.name,
            "ends_on": place.ends_on.isoformat() if place.ends_on else None,
        },
        effective_at=clock.start_of_day(place.starts_on),
        recorded_at=place.created_at,
    )
