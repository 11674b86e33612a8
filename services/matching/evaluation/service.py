"""Use cases of evaluations, feedback and proposed weights."""

import asyncio
from typing import Any

from services.matching.base import messaging
from services.matching.directory import service as directory
from services.matching.directory.records import Project
from services.matching.evaluation import feedback, repository
from services.matching.evaluation.errors import AsOfInFuture, ProposalNotOpen, ProposalOutdated
from services.matching.evaluation.reports import (
    History,
    backtest_report,
    calibration_report,
    placebo_report,
)
from services.matching.evaluation.schemas import (
    WEIGHT_PROPOSAL_CREATED,
    WEIGHT_PROPOSAL_DECIDED,
    EvaluationCreate,
    EvaluationRead,
    FeedbackRead,
    Kind,
    WeightProposalRead,
)
from services.matching.evaluation.weighing import weigh
from services.matching.evaluation.wording import MEANINGS
from services.matching.profiles import service as profiles
from services.matching.profiles.schemas import ProfilePut, ProfileRead
from services.matching.recommendations.facts import home_unit_features
from services.matching.recommendations.live import LiveEngine
from shared import clock
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.errors import InsufficientScope, NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish

Values = dict[str, Any]


def require_network(actor: Principal) -> None:
    """Raise a 403 unless the caller sees the network."""
    if not actor.sees_network:
        raise InsufficientScope(
            "Reports on the network are for callers who see all of it.", "网络评估仅向可见全网的调用方开放。"
        )


async def evaluate(
    database: Database, engine: LiveEngine, actor: Principal, data: EvaluationCreate
) -> Values:
    """Return a report to store. Nothing is written, and no transaction is open while it is computed."""
    require_network(actor)
    as_of = data.as_of or clock.today()
    if as_of > clock.today():
        raise AsOfInFuture()
    async with database.snapshot() as session:
        revision = (await directory.state(session)).revision
        history = History(
            await directory.admissions(session),
            await directory.landings(session),
            as_of.year * 10_000 + as_of.month * 100 + as_of.day,
            data.horizon_months,
        )
    return {
        "id": new_id("eva"),
        "kind": data.kind.value,
        "horizon_months": data.horizon_months,
        "as_of": as_of,
        "seed": data.seed,
        "directory_revision": revision,
        "result": {data.kind.value: await _result(engine, history, data)},
        "created_by": actor.id,
        "created_at": clock.now(),
    }


async def _result(engine: LiveEngine, history: History, data: EvaluationCreate) -> Values:
    """The part of its kind as JSON; what takes long runs on facts of its own beside the event loop."""
    if data.kind is Kind.PLACEBO:
        return (await asyncio.to_thread(placebo_report, data.seed)).model_dump(mode="json")
    if data.kind is Kind.CALIBRATION:
        return (await asyncio.to_thread(calibration_report, history)).model_dump(mode="json")
    await engine.refresh()
    homes = [home.features for home in engine.snapshot.home_rows]
    projects = _on_file(engine, {entry.project_id for entry in history.admissions})
    report = await asyncio.to_thread(backtest_report, history, homes, projects, data.seed)
    return report.model_dump(mode="json")


async def store(tx: WriteSession, report: Values) -> EvaluationRead:
    """Keep a report."""
    await repository.add_evaluation(tx, report)
    return _evaluation(report)


async def get_evaluation(session: ReadSession, viewer: Principal, evaluation_id: str) -> EvaluationRead:
    """Return one report to a caller who sees the network."""
    require_network(viewer)
    row = await repository.find_evaluation(session, evaluation_id)
    if row is None:
        raise NotFound("No such evaluation.", "没有该评估。")
    return _evaluation(row)


async def list_evaluations(
    session: ReadSession, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> tuple[list[EvaluationRead], Page]:
    """Return one page of the reports to a caller who sees the network."""
    require_network(viewer)
    page = await repository.evaluation_page(session, query, signer)
    return [_evaluation(row) for row in page.rows], page


async def read_feedback(session: ReadSession, viewer: Principal) -> FeedbackRead:
    """Return what came back: everything with network reach, to a home unit only its own."""
    outcomes, own = await feedback.offer_outcomes(session), None
    if not viewer.sees_network:
        own = viewer.organisation_id or ""
        outcomes = [outcome for outcome in outcomes if outcome.home_unit_id == own]
    admissions, landings = await directory.admissions(session, own), await directory.landings(session, own)
    rows = feedback.by_home_unit(outcomes, admissions, landings)
    total = None if own is not None else feedback.counts(outcomes, admissions, landings)
    return FeedbackRead(items=rows, total=total)


async def weigh_feedback(
    database: Database, engine: LiveEngine, actor: Principal, home_unit_id: str, seed: int
) -> Values:
    """Return a proposal to store. Nothing is written, and no transaction is open while it is computed."""
    async with database.snapshot() as session:
        profile = await profiles.get_profile(session, actor, home_unit_id)
        home = home_unit_features(await directory.require_home_unit(session, home_unit_id), profile)
        outcomes = await feedback.offer_outcomes(session)
        revision = (await directory.state(session)).revision
    await engine.refresh()
    projects = _on_file(engine, {entry.project_id for entry in outcomes})
    weights, evidence = await asyncio.to_thread(weigh, home, projects, outcomes, seed)
    now = clock.now()
    return {
        "id": new_id("wpr"),
        "home_unit_id": home_unit_id,
        "status": "nothing_proposed" if weights is None else "open",
        "profile_version": profile.version,
        "directory_revision": revision,
        "weights": weights,
        "evidence": [entry.model_dump(mode="json") for entry in evidence],
        "decision_reason": None,
        "decided_by": None,
        "decided_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


async def store_proposal(tx: WriteSession, actor: Principal, values: Values) -> WeightProposalRead:
    """Keep a proposal and tell its home unit."""
    await repository.add_proposal(tx, values)
    record = WeightProposalRead.of(values)
    await _tell(tx, actor, WEIGHT_PROPOSAL_CREATED, record, {})
    return record


async def get_proposal(
    session: ReadSession, viewer: Principal, home_unit_id: str, proposal_id: str
) -> WeightProposalRead:
    """Return one proposal to its home unit or with network reach."""
    await profiles.require_own_home_unit(session, viewer, home_unit_id)
    return WeightProposalRead.of(await _require_proposal(session, home_unit_id, proposal_id))


async def list_proposals(
    session: ReadSession, viewer: Principal, home_unit_id: str, query: ListQuery, signer: CursorSigner
) -> tuple[list[WeightProposalRead], Page]:
    """Return one page of the proposals to a home unit."""
    await profiles.require_own_home_unit(session, viewer, home_unit_id)
    page = await repository.proposal_page(session, home_unit_id, query, signer)
    return [WeightProposalRead.of(row) for row in page.rows], page


async def accept_proposal(
    tx: WriteSession, actor: Principal, home_unit_id: str, proposal_id: str, expected_version: int
) -> WeightProposalRead:
    """Take the proposed weights into the profile, as an ordinary change of it by the home unit itself."""
    await directory.touch(tx)
    row = await _require_open(tx, actor, home_unit_id, proposal_id, expected_version)
    profile = await profiles.get_profile(tx, actor, home_unit_id)
    if profile.version != row["profile_version"]:
        raise ProposalOutdated()
    data = _with_weights(profile, row["weights"])
    await profiles.put_profile(
        tx, actor, home_unit_id, data, expected_version=profile.version, only_new=False
    )
    return await _decide(tx, actor, row, "accepted", None)


async def decline_proposal(
    tx: WriteSession,
    actor: Principal,
    home_unit_id: str,
    proposal_id: str,
    expected_version: int,
    reason: str,
) -> WeightProposalRead:
    """Keep the weights as they are, and say why."""
    row = await _require_open(tx, actor, home_unit_id, proposal_id, expected_version)
    return await _decide(tx, actor, row, "declined", reason)


async def _require_proposal(
    session: ReadSession, home_unit_id: str, proposal_id: str, *, lock: bool = False
) -> Row:
    row = await repository.find_proposal(session, home_unit_id, proposal_id, lock=lock)
    if row is None:
        raise NotFound("No such proposal.", "没有该建议。")
    return row


async def _require_open(
    tx: WriteSession, actor: Principal, home_unit_id: str, proposal_id: str, expected_version: int
) -> Row:
    await profiles.require_own_home_unit(tx, actor, home_unit_id)
    row = await _require_proposal(tx, home_unit_id, proposal_id, lock=True)
    if actor.organisation_id != home_unit_id:
        raise InsufficientScope(
            "Only the home unit itself decides on its weights.", "权重仅由飞出地自行决定。"
        )
    check_version(row["version"], expected_version)
    if row["status"] != "open":
        raise ProposalNotOpen()
    return row


async def _decide(
    tx: WriteSession, actor: Principal, row: Row, status: str, reason: str | None
) -> WeightProposalRead:
    now = clock.now()
    changes = {
        "status": status,
        "decision_reason": reason,
        "decided_by": actor.id,
        "decided_at": now,
        "version": row["version"] + 1,
        "updated_at": now,
    }
    await repository.decide(tx, row["id"], changes)
    record = WeightProposalRead.of({**row, **changes})
    told = {name: row[name] for name in ("status", "decision_reason", "decided_by", "decided_at")}
    previous = {name: value for name, value in told.items() if value != changes[name]}
    await _tell(tx, actor, WEIGHT_PROPOSAL_DECIDED, record, previous)
    return record


async def _tell(
    tx: WriteSession,
    actor: Principal,
    event_type: EventType,
    record: WeightProposalRead,
    previous: Values,
) -> None:
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="weight_proposal",
        subject_id=record.id,
        version=record.version,
        root_id=record.home_unit_id,
        url=f"/v1/home-units/{record.home_unit_id}/weight-proposals/{record.id}",
        changed=sorted(previous),
        previous=previous,
    )


def _with_weights(profile: ProfileRead, weights: dict[str, int]) -> ProfilePut:
    """The profile as it is, with other weights."""
    content = profile.model_dump()
    kept = {name: content[name] for name in ProfilePut.model_fields if name in content}
    return ProfilePut.model_validate({**kept, "weights": weights})


def _on_file(engine: LiveEngine, project_ids: set[str]) -> dict[str, Project]:
    """Projects on file, also those that have ended."""
    found = ((project_id, engine.project(project_id)) for project_id in project_ids)
    return {project_id: project for project_id, project in found if project is not None}


def _evaluation(row: Row) -> EvaluationRead:
    parts = {kind.value: row["result"].get(kind.value) for kind in Kind}
    return EvaluationRead.of({**row, **parts, "meaning": MEANINGS[Kind(row["kind"])]})
