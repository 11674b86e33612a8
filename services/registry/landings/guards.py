"""The landing track: its steps and what each one needs, as pure functions of gathered facts."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from services.registry.projects.guarding import IN_ORDER, GuardResult, edge_exists

REINVESTMENT_WARNING_PERCENT = 150


class LandingState(StrEnum):
    """How far a landing at one home unit has come, and the three ways it can fail."""

    INTENT = "intent"
    SIGNED = "signed"
    REGISTERED = "registered"
    STARTED = "started"
    PRODUCING = "producing"
    HONOURED = "honoured"
    LAPSED = "lapsed"
    BREACHED = "breached"
    MOVED_AWAY = "moved_away"


S = LandingState
LADDER = (S.INTENT, S.SIGNED, S.REGISTERED, S.STARTED, S.PRODUCING, S.HONOURED)
FAILURES = frozenset({S.LAPSED, S.BREACHED, S.MOVED_AWAY})
REGISTERED_OR_LATER = frozenset(LADDER[2:])


@dataclass(frozen=True)
class LandingFacts:
    """Everything the guards of landings look at. None is unknown, and an unknown never passes."""

    home_unit_is_party: bool = False
    commitments_complete: bool = False
    reinvestment_percent: float | None = None
    relocation_clause: bool | None = None
    compliance_approver: str | None = None
    entity_uscc_valid: bool | None = None
    entity_inside_home_unit: bool | None = None
    evidence_kinds: frozenset[str] = frozenset()
    verified_evidence_kinds: frozenset[str] = frozenset()
    start_overdue: bool | None = None
    reason_given: bool = False
    effective_in_order: bool = True


Guard = Callable[[LandingFacts], GuardResult]


def home_unit_chosen(facts: LandingFacts) -> GuardResult:
    """The home unit sees the project."""
    return GuardResult(
        "home_unit_chosen",
        facts.home_unit_is_party,
        "The home unit must be a party of the project.",
        "飞出地主体须为项目参与方。",
    )


def commitments_stated(facts: LandingFacts) -> GuardResult:
    """Amount, start date, output, tax and jobs are all committed."""
    return GuardResult(
        "commitments_stated",
        facts.commitments_complete,
        "Commitments need amount, start date, annual output, annual tax and jobs.",
        "须载明投资额、开工日期、年产值、年税收和就业承诺。",
    )


def compliance_checked(facts: LandingFacts) -> GuardResult:
    """The reinvestment ratio and the relocation clause were looked at."""
    return GuardResult(
        "compliance_checked",
        facts.reinvestment_percent is not None and facts.relocation_clause is not None,
        "State the reinvestment percentage and whether there is a relocation clause.",
        "须填写返投比例及是否含迁址条款。",
    )


def is_warned(facts: LandingFacts) -> bool:
    """Tell whether the compliance check warns."""
    high = facts.reinvestment_percent is not None and (
        facts.reinvestment_percent >= REINVESTMENT_WARNING_PERCENT
    )
    return high or facts.relocation_clause is True


def compliance_warning_approved(facts: LandingFacts) -> GuardResult:
    """A warning has a named approver."""
    return GuardResult(
        "compliance_warning_approved",
        not is_warned(facts) or bool(facts.compliance_approver),
        "Reinvestment of 150 % or more, or a relocation clause, needs a named approver.",
        "返投比例达到 150% 或含迁址条款时，须填写批准人。",
    )


def entity_uscc_valid(facts: LandingFacts) -> GuardResult:
    """The legal entity has a valid credit code."""
    return GuardResult(
        "entity_uscc_valid",
        facts.entity_uscc_valid is True,
        "The legal entity needs a valid unified social credit code.",
        "法人主体须有有效的统一社会信用代码。",
    )


def entity_inside_home_unit(facts: LandingFacts) -> GuardResult:
    """The legal entity is registered inside the home unit's division."""
    return GuardResult(
        "entity_inside_home_unit",
        facts.entity_inside_home_unit is True,
        "The legal entity must be registered inside the home unit's division.",
        "法人主体注册地须在飞出地主体辖区内。",
    )


def _evidence(name: str, kinds: frozenset[str], detail_en: str, detail_zh: str) -> Guard:
    def guard(facts: LandingFacts) -> GuardResult:
        passed = not kinds.isdisjoint(facts.evidence_kinds)
        return GuardResult(name, passed, detail_en, detail_zh, {"kinds": sorted(kinds)})

    return guard


tax_registration_evidenced = _evidence(
    "tax_registration_evidenced",
    frozenset({"tax_registration"}),
    "Evidence of the tax registration is needed.",
    "须提供税务登记证明。",
)
capital_evidenced = _evidence(
    "capital_evidenced",
    frozenset({"paid_in_capital", "fixed_assets"}),
    "Evidence of paid-in capital or fixed assets is needed.",
    "须提供实缴资本或固定资产证明。",
)
works_or_lease_evidenced = _evidence(
    "works_or_lease_evidenced",
    frozenset({"works_start", "lease_start"}),
    "Evidence that works or the lease have started is needed.",
    "须提供开工或起租证明。",
)


def output_verified_by_home_unit(facts: LandingFacts) -> GuardResult:
    """The first output statistics were verified by the landing's own home unit."""
    return GuardResult(
        "output_verified_by_home_unit",
        "output_statistics" in facts.verified_evidence_kinds,
        "Output statistics verified by the home unit are needed.",
        "须有经飞出地主体核验的产值统计。",
    )


def fulfilment_verified_by_home_unit(facts: LandingFacts) -> GuardResult:
    """That the commitments were met was verified by the landing's own home unit."""
    return GuardResult(
        "fulfilment_verified_by_home_unit",
        "fulfilment_report" in facts.verified_evidence_kinds,
        "A fulfilment report verified by the home unit is needed.",
        "须有经飞出地主体核验的履约报告。",
    )


def start_overdue(facts: LandingFacts) -> GuardResult:
    """The committed start and its grace have passed."""
    return GuardResult(
        "start_overdue",
        facts.start_overdue is True,
        "A landing lapses only after its start date and the grace have passed.",
        "开工日期及宽限期届满后方可失效。",
    )


def reason_given(facts: LandingFacts) -> GuardResult:
    """A failure is recorded with its reason."""
    return GuardResult("reason_given", facts.reason_given, "A reason is needed.", "须说明原因。")


def effective_in_order(facts: LandingFacts) -> GuardResult:
    """A landing's steps are recorded in the order in which they happened."""
    return GuardResult("effective_in_order", facts.effective_in_order, *IN_ORDER)


_STEPS: dict[tuple[LandingState, LandingState], tuple[Guard, ...]] = {
    (S.INTENT, S.SIGNED): (
        home_unit_chosen,
        commitments_stated,
        compliance_checked,
        compliance_warning_approved,
    ),
    (S.SIGNED, S.REGISTERED): (entity_uscc_valid, entity_inside_home_unit, tax_registration_evidenced),
    (S.REGISTERED, S.STARTED): (capital_evidenced, works_or_lease_evidenced),
    (S.STARTED, S.PRODUCING): (output_verified_by_home_unit,),
    (S.PRODUCING, S.HONOURED): (fulfilment_verified_by_home_unit,),
    (S.SIGNED, S.LAPSED): (start_overdue,),
    **{(state, S.BREACHED): (reason_given,) for state in LADDER[1:5]},
    **{(state, S.MOVED_AWAY): (reason_given,) for state in LADDER[2:]},
}
GUARDS = {edge: (*guards, effective_in_order) for edge, guards in _STEPS.items()}


def forcible(from_state: LandingState, to_state: LandingState) -> bool:
    """Tell whether a step may be forced: a skip ahead, one step back, or back from a failure to signed."""
    if from_state in FAILURES:
        return to_state == S.SIGNED
    if to_state in FAILURES:
        return False
    distance = LADDER.index(to_state) - LADDER.index(from_state)
    return distance > 0 or distance == -1


def steps_taken(from_state: LandingState, to_state: LandingState) -> frozenset[LandingState]:
    """Return the states a step arrives at: those that it skips, when it goes ahead, and its own."""
    if from_state in FAILURES or to_state in FAILURES:
        return frozenset({to_state})
    return frozenset({to_state, *LADDER[LADDER.index(from_state) + 1 : LADDER.index(to_state)]})


def evaluate(from_state: LandingState, to_state: LandingState, facts: LandingFacts) -> list[GuardResult]:
    """Return what every guard of a step finds."""
    guards = GUARDS.get((from_state, to_state))
    if guards is None:
        return [edge_exists(from_state, to_state, False)]
    return [guard(facts) for guard in guards]
