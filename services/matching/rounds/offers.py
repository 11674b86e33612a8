"""Use cases of offers: both sides of a proposed pair are asked, and each answers with a key of its own."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.matching.base import messaging
from services.matching.recommendations.live import LiveEngine
from services.matching.rounds import repository
from services.matching.rounds.errors import OfferDecided, OfferExpired, ReasonNeeded, RoundChanged
from services.matching.rounds.preparing import Proposal
from services.matching.rounds.reading import offer_read, parties_of_offer
from services.matching.rounds.schemas import (
    OFFER_ANSWERED,
    OFFER_EXPIRED,
    OFFER_MADE,
    OFFER_WITHDRAWN,
    OfferAcceptance,
    OfferRead,
    OfferRefusal,
    OfferStateName,
    RefusalReason,
    RoundRead,
    RoundStateName,
    Side,
)
from services.matching.rounds.service import cancel_round, change_state
from services.matching.rounds.standing import locked, require_round, require_state
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.errors import InsufficientScope, NotFound
from shared.identity import SYSTEM, Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, event_row, publish_rows


async def make_offers(
    tx: WriteSession, actor: Principal, engine: LiveEngine, round_id: str, proposal: Proposal | None
) -> RoundRead:
    """Offer every pair of the last run to both its sides, but those that have agreed already."""
    row = await locked(tx, actor, round_id)
    require_state(row, RoundStateName.PROPOSED)
    run = (await repository.runs_of(tx, [round_id]))[-1]
    if proposal is None or proposal.run_id != run["id"]:
        raise RoundChanged()
    before = await repository.offers_of(tx, round_id)
    agreed = {one["project_id"] for one in before if one["state"] == OfferStateName.ACCEPTED}
    deadline = clock.today() + timedelta(days=row["settings"]["offer_days"] + 1)
    common = {
        "round_id": round_id,
        "run_number": run["number"],
        "deadline_at": clock.start_of_day(deadline),
    }
    rows = [
        _offer(engine, project_id, home_unit_id, common)
        for project_id, home_unit_id in sorted(proposal.pairs.items())
        if project_id not in agreed
    ]
    await repository.add_offers(tx, rows, {one["id"]: parties_of_offer(one) for one in rows})
    await publish_rows(tx, messaging, [_event(actor, OFFER_MADE, one) for one in rows])
    return await change_state(tx, actor, row, RoundStateName.OFFERING)


async def list_offers(
    session: ReadSession,
    viewer: Principal,
    query: ListQuery,
    signer: CursorSigner,
    round_id: str | None = None,
) -> tuple[list[OfferRead], Page]:
    """Return one page of the offers a viewer is a party of, of one round if asked."""
    if round_id is not None:
        await require_round(session, viewer, round_id)
    page = await repository.offers_page(session, viewer, query, signer, round_id)
    return [offer_read(row) for row in page.rows], page


async def get_offer(session: ReadSession, viewer: Principal, offer_id: str) -> OfferRead:
    """Return one offer to its parties."""
    row = await repository.find_offer(session, viewer, offer_id)
    if row is None:
        raise _not_found()
    return offer_read(row)


async def accept_offer(tx: WriteSession, actor: Principal, offer_id: str, data: OfferAcceptance) -> OfferRead:
    """Let one side agree; the pair is agreed when both have."""
    row = await _to_answer(tx, actor, offer_id, data.side)
    other = Side.PROJECT if data.side == Side.HOME_UNIT else Side.HOME_UNIT
    both = row[f"{other}_answer"] is not None
    answer = _answer(actor, "accepted", None, "")
    changes: dict[str, Any] = {f"{data.side}_answer": answer}
    if both:
        changes |= {"state": OfferStateName.ACCEPTED.value, "decided_at": clock.now()}
    return await _change(tx, actor, row, changes, OFFER_ANSWERED)


async def refuse_offer(tx: WriteSession, actor: Principal, offer_id: str, data: OfferRefusal) -> OfferRead:
    """Let one side refuse; nobody else needs to answer then."""
    row = await _to_answer(tx, actor, offer_id, data.side)
    if data.reason == RefusalReason.OTHER and not data.text:
        raise ReasonNeeded()
    changes = {
        f"{data.side}_answer": _answer(actor, "refused", data.reason, data.text),
        "state": OfferStateName.REFUSED.value,
        "decided_at": clock.now(),
    }
    return await _change(tx, actor, row, changes, OFFER_ANSWERED)


async def expire_offers(tx: WriteSession, limit: int) -> int:
    """End open offers whose deadline has passed; return how many there were."""
    due = await repository.overdue_offers(tx, clock.now(), limit)
    for row in due:
        changes = {"state": OfferStateName.EXPIRED.value, "decided_at": row["deadline_at"]}
        await _change(tx, SYSTEM, row, changes, OFFER_EXPIRED)
    return len(due)


async def cancel(tx: WriteSession, actor: Principal, round_id: str) -> RoundRead:
    """End a round without a result and withdraw every offer that is not decided."""
    record = await cancel_round(tx, actor, round_id)
    for row in await repository.offers_of(tx, round_id, lock=True):
        if row["state"] == OfferStateName.OPEN:
            withdrawn = {"state": OfferStateName.WITHDRAWN.value, "decided_at": clock.now()}
            await _change(tx, actor, row, withdrawn, OFFER_WITHDRAWN)
    return record


async def _to_answer(tx: WriteSession, actor: Principal, offer_id: str, side: Side) -> Row:
    row = await repository.find_offer(tx, actor, offer_id, lock=True)
    if row is None:
        raise _not_found()
    if not _speaks_for(actor, row, side):
        raise InsufficientScope("This side is for others to answer.", "此方应由其他主体答复。")
    overdue = row["state"] == OfferStateName.OPEN and clock.now() >= row["deadline_at"]
    if overdue or row["state"] == OfferStateName.EXPIRED:
        raise OfferExpired()
    if row["state"] != OfferStateName.OPEN or row[f"{side}_answer"] is not None:
        raise OfferDecided()
    return row


def _speaks_for(actor: Principal, row: Row, side: Side) -> bool:
    """The home unit for itself; for the project its team and those who run it, or, where registry names
    nobody, the network's administration.
    """
    if side == Side.HOME_UNIT:
        return bool(actor.organisation_id == row["home_unit_id"])
    if not row["conductor_ids"]:
        return actor.sees_network
    return actor.organisation_id in row["conductor_ids"]


def _answer(actor: Principal, decision: str, reason: RefusalReason | None, text: str) -> dict[str, Any]:
    return {
        "decision": decision,
        "reason": None if reason is None else reason.value,
        "text": text,
        "organisation_id": actor.organisation_id,
        "answered_at": clock.to_rfc3339(clock.now()),
    }


def _offer(
    engine: LiveEngine, project_id: str, home_unit_id: str, common: Mapping[str, Any]
) -> dict[str, Any]:
    now, project, home = clock.now(), engine.project(project_id), engine.home_units.get(home_unit_id)
    conductors = frozenset() if project is None else project.conductor_ids
    return {
        "id": new_id("ofr"),
        **common,
        "project_id": project_id,
        "project_title": "" if project is None else project.title,
        "home_unit_id": home_unit_id,
        "home_unit_name": "" if home is None else home.name,
        "conductor_ids": sorted(conductors - engine.home_units.keys()),
        "state": OfferStateName.OPEN.value,
        "home_unit_answer": None,
        "project_answer": None,
        "decided_at": None,
        "landing_state": None,
        "landing_id": None,
        "landing_code": None,
        "landing_attempts": 0,
        "landing_due_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


async def _change(
    tx: WriteSession, actor: Principal, row: Row, changes: Mapping[str, Any], event_type: EventType
) -> OfferRead:
    stamps = {"version": row["version"] + 1, "updated_at": clock.now()}
    after = {**row, **changes, **stamps}
    await repository.change_offer(tx, row["id"], {**changes, **stamps})
    await publish_rows(tx, messaging, [_event(actor, event_type, after)])
    return offer_read(after)


def _event(actor: Principal, event_type: EventType, row: Row) -> dict[str, Any]:
    return event_row(
        event_type,
        actor=actor,
        record=offer_read(row),
        subject_type="offer",
        subject_id=row["id"],
        version=row["version"],
        root_id=row["id"],
        url=f"/v1/offers/{row['id']}",
    )


def _not_found() -> NotFound:
    return NotFound("No such offer.", "没有该要约。")
