"""One project's dated history, told milestone by milestone in the order of the registry's guards."""

import random
from datetime import date, timedelta
from decimal import Decimal

from services.registry.projects.uscc import check_character
from services.registry.seed.synthetic_goals import Goal, Subject, milestone_days, workday
from services.registry.seed.synthetic_steps import (
    AgreementSigned,
    ApprovalGiven,
    ContactNoted,
    EvidenceFiled,
    EvidenceKind,
    Function,
    FunctionPlaced,
    GateReview,
    GateReviewPassed,
    HomeMatched,
    LandingCommitments,
    LandingMoved,
    LandingOpened,
    LegalEntity,
    ProjectOpened,
    ResidencyApplied,
    ResidencyMoved,
    Stage,
    StageExited,
    StageMoved,
    Step,
)
from services.registry.seed.synthetic_vocabulary import EXIT_REASONS

EXPIRING_DAYS = 90
_TERMS_MONTHS = (24, 36, 48, 60, 72, 84, 96, 120)
_EVIDENCE_TITLES: dict[EvidenceKind, str] = {
    "gate_review_minutes": "评审会议纪要",
    "technology_maturity_review": "核心技术研发成熟评审意见",
    "pilot_report": "中试验收报告",
    "tax_registration": "税务登记证明",
    "paid_in_capital": "实缴资本凭证",
    "works_start": "开工证明",
    "output_statistics": "首期产值统计表",
    "fulfilment_report": "履约核验报告",
}


def history(
    subject: Subject, goal: Goal, earliest: date, today: date, rng: random.Random
) -> tuple[Step, ...]:
    days = milestone_days(goal, earliest, today, rng)
    narrator = _Narrator(subject, goal, days, today, rng)
    for milestone in days:
        getattr(narrator, milestone)()
    return tuple(sorted(narrator.steps, key=lambda step: step.on))


def synthetic_uscc(number: int, adcode: str) -> str:
    """A well-formed code that no register issued: its organisation part is 0DEM followed by the number."""
    organisation = f"0DEM{number:04d}"
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(c, 36) * weight for c, weight in zip(organisation, weights, strict=True))
    organisation_check = "0123456789X"[-total % 11]
    body = f"91{adcode}{organisation}{organisation_check}"
    return body + check_character(body)


class _Narrator:
    """One method per milestone; the date of a milestone is days[its name]."""

    def __init__(
        self, subject: Subject, goal: Goal, days: dict[str, date], today: date, rng: random.Random
    ) -> None:
        self.subject = subject
        self.goal = goal
        self.days = days
        self.today = today
        self.rng = rng
        self.steps: list[Step] = []

    def lead(self) -> None:
        self.steps.append(ProjectOpened(self.days["lead"]))

    def screening(self) -> None:
        on = self.days["screening"]
        self.steps += [ContactNoted(on), StageMoved(on, "screening")]

    def reserve(self) -> None:
        on = self.days["reserve"]
        score = Decimal(self.rng.randint(520, 960)) / 1000
        reasons = ("产业方向与飞出地重点产业相符", "飞出地有可用生产空间")
        self.steps += [
            HomeMatched(on, self.subject.home_unit_key, score, reasons),
            ContactNoted(on),
            StageMoved(on, "reserve"),
        ]
        if self.goal.name == "reserve_fresh":
            recent = self.today - timedelta(days=self.rng.randint(3, 80))
            self.steps.append(ContactNoted(max(on, recent)))

    def admitted(self) -> None:
        on = self.days["admitted"]
        parties = (self.subject.operator_key, self.subject.home_unit_key)
        ends_on = self._residency_end(on)
        area_m2 = self.subject.seats * self.rng.randint(8, 11)
        self.steps += [
            ResidencyApplied(
                workday(on - timedelta(days=14)),
                self.subject.enclave_key,
                self.subject.seats,
                area_m2,
                on,
                ends_on,
            ),
            ApprovalGiven(workday(on - timedelta(days=7)), "operator", parties[0]),
            ApprovalGiven(workday(on - timedelta(days=5)), "home_unit", parties[1]),
            AgreementSigned(
                on, "residency", parties, on, ends_on, "【示例】入驻期内完成研发里程碑，按季报送数据"
            ),
            ContactNoted(on),
            ResidencyMoved(on, "approved"),
            StageMoved(on, "admitted"),
        ]

    def incubation(self) -> None:
        on = self.days["incubation"]
        self.steps += [ResidencyMoved(on, "resident"), StageMoved(on, "incubation")]
        ends_on = next(step.ends_on for step in self.steps if isinstance(step, ResidencyApplied))
        expiring = workday(ends_on - timedelta(days=EXPIRING_DAYS))
        stays = not {"industrialisation", "exit"} & self.days.keys()
        if stays and on < expiring <= self.today:
            self.steps.append(ResidencyMoved(expiring, "expiring"))

    def acceleration(self) -> None:
        self._gate("acceleration", "acceleration", "gate_review_minutes")

    def rnd(self) -> None:
        at_home = self.rng.random() < 0.15
        adcode = self.subject.landing_adcode if at_home else self.subject.host_adcode
        self._gate("rnd", "rnd", "gate_review_minutes")
        self.steps.append(FunctionPlaced(self.days["rnd"], "rnd", adcode))

    def pilot(self) -> None:
        self._gate("pilot", "technology_maturity", "technology_maturity_review")
        self._place("pilot", "pilot")

    def industrialisation(self) -> None:
        on = self.days["industrialisation"]
        self._gate("industrialisation", "pilot_report", "pilot_report")
        leaving = max(self.days["pilot"], on - timedelta(days=30))
        self.steps += [ResidencyMoved(workday(leaving), "expiring"), ResidencyMoved(on, "left")]

    def completed(self) -> None:
        self.steps.append(StageMoved(self.days["completed"], "completed"))

    def intent(self) -> None:
        self.steps.append(LandingOpened(self.days["intent"], self.subject.home_unit_key))

    def signed(self) -> None:
        on = self.days["signed"]
        commitments = self._commitments(on)
        parties = (self.subject.home_unit_key,)
        text = f"【示例】投资{commitments.amount_cny / 10_000:.0f}万元，{commitments.start_on}前开工"
        self.steps += [
            AgreementSigned(on, "investment", parties, on, None, text),
            LandingMoved(on, "signed", commitments=commitments),
        ]

    def registered(self) -> None:
        on = self.days["registered"]
        adcode = self.subject.landing_adcode
        uscc = synthetic_uscc(self.subject.number, adcode)
        entity = LegalEntity(self.subject.entity_name, uscc, adcode)
        keys = self._evidence(on, "tax_registration")
        self.steps.append(LandingMoved(on, "registered", legal_entity=entity, evidence_keys=keys))
        self._place("registration", "registered")
        self._place("tax", "registered")

    def started(self) -> None:
        on = self.days["started"]
        keys = self._evidence(on, "paid_in_capital") + self._evidence(on, "works_start")
        self.steps.append(LandingMoved(on, "started", evidence_keys=keys))
        self._place("production", "started")

    def producing(self) -> None:
        on = self.days["producing"]
        keys = self._evidence(on, "output_statistics")
        output_cny = Decimal(self.rng.randrange(100, 3001, 20)) * 10_000
        self.steps.append(LandingMoved(on, "producing", verified_output_cny=output_cny, evidence_keys=keys))
        if self.rng.random() < 0.5:
            self._place("sales_hq", "producing")

    def honoured(self) -> None:
        on = self.days["honoured"]
        keys = self._evidence(on, "fulfilment_report")
        self.steps.append(LandingMoved(on, "honoured", evidence_keys=keys))

    def landing_end(self) -> None:
        reasons = {"lapsed": "逾期未开工", "breached": "承诺产值未达成", "moved_away": "协议期内迁出"}
        state = self.goal.landing_end
        if state is not None:
            self.steps.append(LandingMoved(self.days["landing_end"], state, reason=f"示例：{reasons[state]}"))

    def exit(self) -> None:
        if self.goal.exit is not None:
            reason = EXIT_REASONS[self.goal.exit]
            self.steps.append(StageExited(self.days["exit"], self.goal.exit, reason))

    def _gate(self, stage: Stage, review: GateReview, kind: EvidenceKind) -> None:
        on = self.days[stage]
        keys = self._evidence(on, kind, f"{kind}-{stage}")
        grade = self.rng.choice(("A", "B", "B"))
        self.steps += [
            GateReviewPassed(on, review, "A" if grade == "A" else "B", keys),
            StageMoved(on, stage, keys),
        ]

    def _evidence(self, on: date, kind: EvidenceKind, suffix: str | None = None) -> tuple[str, ...]:
        key = f"{self.subject.key}-{suffix or kind}"
        self.steps.append(EvidenceFiled(on, key, kind, f"【示例】{_EVIDENCE_TITLES[kind]}"))
        return (key,)

    def _place(self, function: Function, milestone: str) -> None:
        self.steps.append(FunctionPlaced(self.days[milestone], function, self.subject.landing_adcode))

    def _commitments(self, signed_on: date) -> LandingCommitments:
        # A landing that lapses was due soon after signing; the others have room to be early or late.
        due = 30 if self.goal.landing_end == "lapsed" else self.rng.randint(360, 480)
        amount_cny = Decimal(self.subject.space_m2) * self.rng.randrange(4_000, 9_001, 500)
        annual_output_cny = amount_cny * self.rng.randint(8, 25) / 10
        return LandingCommitments(
            amount_cny=amount_cny,
            start_on=workday(signed_on + timedelta(days=due)),
            annual_output_cny=annual_output_cny,
            annual_tax_cny=annual_output_cny * self.rng.randint(3, 8) / 100,
            jobs=self.rng.randrange(20, 301, 10),
            reinvestment_percent=self.rng.randrange(80, 141, 10),
            relocation_clause=False,
        )

    def _residency_end(self, starts_on: date) -> date:
        until = self.days.get("industrialisation") or self.days.get("exit") or self.today
        terms = (_months_later(starts_on, months) for months in _TERMS_MONTHS)
        return next(ends_on for ends_on in terms if ends_on >= until)


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, min(day.day, 28)) - timedelta(days=1)
