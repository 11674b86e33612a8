"""Replaying one synthetic project through the registry's own use cases: no guard is passed over.

Every step takes effect on its planned day and is recorded now, which is when this registry learned of it.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time
from typing import Any

from services.registry.agreements.schemas import AgreedCommitments, AgreementCreate
from services.registry.agreements.service import create_agreement
from services.registry.agreements.terms import AgreementKind
from services.registry.clients.matching import Recommendation
from services.registry.evidence.schemas import EvidenceCreate, EvidenceKind, EvidenceRead
from services.registry.evidence.service import file_evidence, verify_evidence
from services.registry.landings.guards import LandingState
from services.registry.landings.schemas import (
    Commitments,
    Compliance,
    LandingCreate,
    LandingRead,
    LandingTransition,
    LegalEntity,
)
from services.registry.landings.service import create_landing, follow_project, lands_at, move_landing
from services.registry.projects.places import add_place
from services.registry.projects.schemas import (
    FunctionPlaceCreate,
    Needs,
    ProjectCreate,
    ProjectUpdate,
)
from services.registry.projects.service import create_project, propose_project, update_project
from services.registry.projects.stage import Function, PlantClass, Stage
from services.registry.residencies.schemas import ResidencyCreate, ResidencyRead, ResidencyTransition
from services.registry.residencies.service import apply_for_residency, get_residency, move_residency
from services.registry.residencies.state import ResidencyState
from services.registry.seed import keys
from services.registry.seed import synthetic_steps as steps
from services.registry.seed.principals import acting_for
from services.registry.seed.synthetic import SyntheticProject
from services.registry.stages.approvals import approve
from services.registry.stages.reviews import record_review
from services.registry.stages.schemas import ApprovalCreate, Gate, ReviewCreate, StageTransition
from services.registry.stages.service import move_project
from shared import clock
from shared.db.engine import WriteSession

NOON = time(12, tzinfo=clock.CHINA)
_VERIFIED_BY_HOME_UNIT = frozenset({EvidenceKind.OUTPUT_STATISTICS, EvidenceKind.FULFILMENT_REPORT})


def instant_of(day: date) -> datetime:
    """Return when a step of this day took effect: at noon, and never in the future."""
    return min(datetime.combine(day, NOON), clock.now())


async def replay(tx: WriteSession, project: SyntheticProject) -> None:
    """Load the whole history of one project."""
    replay_of = _Replay(tx, project)
    for step in project.steps:
        await replay_of.take(step)


class _Replay:
    def __init__(self, tx: WriteSession, plan: SyntheticProject) -> None:
        self.tx = tx
        self.plan = plan
        self.id = keys.project_id(plan.key)
        self.operator = acting_for(plan.operator_key)
        self.home_unit = acting_for(plan.home_unit_key)
        self.residency: ResidencyRead | None = None
        self.landing: LandingRead | None = None
        self.version = 0
        self.matched: steps.HomeMatched | None = None

    async def take(self, step: steps.Step) -> None:
        await _HANDLERS[type(step)](self, step)

    async def open(self, step: steps.ProjectOpened) -> None:
        needs = self.plan.needs
        data = ProjectCreate(
            title=self.plan.title,
            summary=self.plan.summary,
            team_name=self.plan.team_name,
            enclave_id=keys.enclave_id(self.plan.enclave_key),
            operator_id=keys.organisation_id(self.plan.operator_key),
            owner_name=self.plan.owner_name,
            uscc=self.plan.uscc,
            external_id=self.plan.key,
            industry_codes=list(self.plan.industry_codes),
            needs=Needs(
                plant_class=PlantClass(needs.plant_class),
                space_m2=needs.space_m2,
                seats=needs.seats,
                fund_amount_cny=needs.fund_amount_cny,
            ),
            host_adcode=self.plan.host_adcode,
            last_contact_on=step.on,
            synthetic=self.plan.synthetic,
            effective_at=instant_of(step.on),
        )
        # The operator comes to see the project by being named on it.
        created = await create_project(self.tx, self.home_unit, data, project_id=self.id)
        self.version = created.version

    async def contact(self, step: steps.ContactNoted) -> None:
        data = ProjectUpdate(last_contact_on=step.on)
        updated = await update_project(
            self.tx, self.operator, self.id, self.version, data, follow_enclave=follow_project
        )
        self.version = updated.version

    async def match(self, step: steps.HomeMatched) -> None:
        homes = [keys.organisation_id(step.home_unit_key)]
        proposed = await propose_project(self.tx, self.operator, self.id, self.version, homes)
        self.version, self.matched = proposed.version, step

    async def evidence(self, step: steps.EvidenceFiled) -> None:
        kind = EvidenceKind(step.evidence_kind)
        data = EvidenceCreate(kind=kind, title=step.title, issued_on=step.on)
        filed: EvidenceRead = await file_evidence(
            self.tx, self.operator, self.id, data, lands_at=lands_at, evidence_id=keys.evidence_id(step.key)
        )
        if kind in _VERIFIED_BY_HOME_UNIT:
            await verify_evidence(
                self.tx, self.home_unit, self.id, filed.id, filed.version, lands_at=lands_at
            )

    async def review(self, step: steps.GateReviewPassed) -> None:
        data = ReviewCreate(
            gate=Gate(step.review),
            outcome="passed",
            held_on=step.on,
            annual_grade=step.grade,
            evidence_ids=_evidence_ids(step.evidence_keys),
        )
        await record_review(self.tx, self.home_unit, self.id, data)

    async def apply(self, step: steps.ResidencyApplied) -> None:
        data = ResidencyCreate(
            enclave_id=keys.enclave_id(step.enclave_key),
            seats=step.seats,
            area_m2=step.area_m2,
            starts_on=step.starts_on,
            ends_on=step.ends_on,
        )
        self.residency = await apply_for_residency(self.tx, self.operator, self.id, data)

    async def move_residency(self, step: steps.ResidencyMoved) -> None:
        if step.to_state == "approved":
            return  # The admission of the same day takes the space and approves.
        assert self.residency is not None
        current = await get_residency(self.tx, self.operator, self.residency.id)
        data = ResidencyTransition(to=ResidencyState(step.to_state), effective_at=instant_of(step.on))
        await move_residency(self.tx, self.operator, current.id, current.version, data)

    async def approve(self, step: steps.ApprovalGiven) -> None:
        actor = acting_for(step.organisation_key)
        await approve(self.tx, actor, self.id, ApprovalCreate(effective_at=instant_of(step.on)))

    async def sign(self, step: steps.AgreementSigned) -> None:
        # The team has no organisation of its own on file: where it would sign, its operator does.
        signing = {*step.organisation_keys, self.plan.operator_key, self.plan.home_unit_key}
        data = AgreementCreate(
            kind=AgreementKind(step.agreement_kind),
            title=step.commitments_zh,
            party_ids=sorted(keys.organisation_id(key) for key in signing),
            project_id=self.id,
            enclave_id=keys.enclave_id(self.plan.enclave_key),
            signed_on=step.on,
            valid_from=step.starts_on,
            valid_to=step.ends_on,
            commitments=self._promised(step),
            synthetic=self.plan.synthetic,
        )
        agreement_id = keys.agreement_id(f"{self.plan.key}-{step.agreement_kind}")
        await create_agreement(self.tx, self.home_unit, data, agreement_id=agreement_id)

    async def place(self, step: steps.FunctionPlaced) -> None:
        data = FunctionPlaceCreate(function=Function(step.function), adcode=step.adcode, starts_on=step.on)
        await add_place(self.tx, self.operator, self.id, data)

    async def open_landing(self, step: steps.LandingOpened) -> None:
        data = LandingCreate(
            project_id=self.id,
            home_unit_id=keys.organisation_id(step.home_unit_key),
            effective_at=instant_of(step.on),
        )
        self.landing = await create_landing(self.tx, self.operator, data)

    async def move_landing(self, step: steps.LandingMoved) -> None:
        assert self.landing is not None
        promised, entity = step.commitments, step.legal_entity
        given: dict[str, Any] = {}
        if promised is not None:
            given["commitments"] = Commitments(
                amount_cny=promised.amount_cny,
                start_on=promised.start_on,
                annual_output_cny=promised.annual_output_cny,
                annual_tax_cny=promised.annual_tax_cny,
                jobs=promised.jobs,
            )
            given["compliance"] = Compliance(
                reinvestment_percent=promised.reinvestment_percent,
                relocation_clause=promised.relocation_clause,
            )
        if entity is not None:
            given["legal_entity"] = LegalEntity(name=entity.name, uscc=entity.uscc, adcode=entity.adcode)
        data = LandingTransition(
            to=LandingState(step.to_state),
            verified_output_cny=step.verified_output_cny,
            evidence_ids=_evidence_ids(step.evidence_keys),
            reason=step.reason,
            effective_at=instant_of(step.on),
            **given,
        )
        self.landing = await move_landing(
            self.tx, self.home_unit, self.landing.id, self.landing.version, data
        )

    def _promised(self, step: steps.AgreementSigned) -> AgreedCommitments | None:
        """An investment agreement's own commitments stand in the landing that is signed with it."""
        signed = next(
            (
                other.commitments
                for other in self.plan.steps
                if isinstance(other, steps.LandingMoved) and other.on == step.on and other.commitments
            ),
            None,
        )
        if step.agreement_kind == "investment":
            assert signed is not None
            return AgreedCommitments(
                amount_cny=signed.amount_cny,
                start_on=signed.start_on,
                annual_output_cny=signed.annual_output_cny,
                annual_tax_cny=signed.annual_tax_cny,
                jobs=signed.jobs,
            )
        needs = self.plan.needs
        return AgreedCommitments(
            amount_cny=needs.fund_amount_cny,
            start_on=step.ends_on or step.on,
            annual_output_cny=needs.fund_amount_cny * 2,
            annual_tax_cny=needs.fund_amount_cny / 10,
            jobs=needs.seats * 10,
        )

    async def move_stage(self, step: steps.StageMoved) -> None:
        await self._move(Stage(step.to_stage), step.on, _evidence_ids(step.evidence_keys), None)

    async def leave(self, step: steps.StageExited) -> None:
        await self._move(Stage(step.to_stage), step.on, [], step.reason)

    async def _move(self, to_stage: Stage, on: date, evidence_ids: list[str], reason: str | None) -> None:
        data = StageTransition(
            to=to_stage, reason=reason, evidence_ids=evidence_ids, effective_at=instant_of(on)
        )
        recommendation = self._recommendation() if to_stage == Stage.RESERVE else None
        moved = await move_project(self.tx, self.operator, self.id, self.version, data, recommendation)
        self.version = moved.version

    def _recommendation(self) -> Recommendation | None:
        """The answer matching gave at the time, which the plan tells: matching is not asked while loading."""
        if self.matched is None:
            return None
        home_unit_id = keys.organisation_id(self.matched.home_unit_key)
        reasons = tuple(
            {"criterion": "synthetic", "score": None, "zh": reason, "en": None}
            for reason in self.matched.reasons_zh
        )
        return Recommendation(self.version, 1, home_unit_id, float(self.matched.score), reasons)


def _evidence_ids(evidence_keys: tuple[str, ...]) -> list[str]:
    return [keys.evidence_id(key) for key in evidence_keys]


_HANDLERS: dict[type, Callable[[_Replay, Any], Awaitable[None]]] = {
    steps.ProjectOpened: _Replay.open,
    steps.ContactNoted: _Replay.contact,
    steps.HomeMatched: _Replay.match,
    steps.EvidenceFiled: _Replay.evidence,
    steps.GateReviewPassed: _Replay.review,
    steps.StageMoved: _Replay.move_stage,
    steps.StageExited: _Replay.leave,
    steps.ResidencyApplied: _Replay.apply,
    steps.ResidencyMoved: _Replay.move_residency,
    steps.ApprovalGiven: _Replay.approve,
    steps.AgreementSigned: _Replay.sign,
    steps.FunctionPlaced: _Replay.place,
    steps.LandingOpened: _Replay.open_landing,
    steps.LandingMoved: _Replay.move_landing,
}
