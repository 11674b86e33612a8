"""The stage track: its steps and what each one needs, as pure functions of gathered facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.registry.landings.guards import REGISTERED_OR_LATER, LandingState
from services.registry.projects.guarding import IN_ORDER, GuardResult, edge_exists
from services.registry.projects.stage import BEFORE_ADMISSION, EXITS, LADDER, Stage


@dataclass(frozen=True)
class StageFacts:
    """Everything the guards of stages look at. None is unknown; what passes unknown says so itself."""

    effective_in_order: bool = True
    reason_given: bool = False
    uscc_valid: bool | None = None
    duplicate_count: int = 0
    visible_duplicate_ids: tuple[str, ...] = ()
    industry_count: int = 0
    owner_set: bool = False
    matching_answered: bool = False
    feasible_home_units: int = 0
    reserve_score: float | None = None
    reason_count: int = 0
    operator_key_of: str | None = None
    home_unit_key_of: str | None = None
    outdated_keys: frozenset[str] = frozenset()
    space_applied_for: bool = False
    space_free: bool | None = None
    space_failures: tuple[str, ...] = ()
    agreement_with_commitments: bool = False
    residency_states: frozenset[str] = frozenset()
    gates_passed_with_evidence: frozenset[str] = frozenset()
    annual_grade: str | None = None
    placed_functions: frozenset[str] = frozenset()
    landing_states: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Guard:
    """One condition of a step, under the name that a refusal gives it."""

    name: str
    holds: Callable[[StageFacts], bool]
    detail_en: str
    detail_zh: str
    params: Callable[[StageFacts], Mapping[str, Any]] = field(default=lambda _facts: {})

    def __call__(self, facts: StageFacts) -> GuardResult:
        """Return what this guard finds."""
        return GuardResult(
            self.name, self.holds(facts), self.detail_en, self.detail_zh, dict(self.params(facts))
        )


EFFECTIVE_IN_ORDER = Guard(
    "effective_in_order",
    lambda facts: facts.effective_in_order,
    *IN_ORDER,
)
REASON_GIVEN = Guard("reason_given", lambda facts: facts.reason_given, "A reason is needed.", "须说明原因。")
DEDUPLICATED = Guard(
    "deduplicated",
    lambda facts: facts.uscc_valid is not False and facts.duplicate_count == 0,
    "The credit code must be valid, and no screened project may have the same code, or team and title.",
    "统一社会信用代码须有效，且不得与已筛选项目的信用代码或团队和名称重复。",
    lambda facts: {
        "uscc_valid": facts.uscc_valid,
        "duplicates": facts.duplicate_count,
        "project_ids": list(facts.visible_duplicate_ids),
    },
)
INDUSTRY_CODED = Guard(
    "industry_coded",
    lambda facts: facts.industry_count >= 1,
    "At least one industry must be coded.",
    "至少须编码一个行业。",
)
OWNER_SET = Guard("owner_set", lambda facts: facts.owner_set, "An owner must be set.", "须指定负责人。")
FEASIBLE_HOME_UNIT = Guard(
    "feasible_home_unit",
    lambda facts: facts.matching_answered and facts.feasible_home_units >= 1,
    "At least one home unit must pass every hard filter; an unknown is not a pass.",
    "至少须有一个飞出地主体满足全部硬性条件；未知不视为满足。",
    lambda facts: (
        {"feasible": facts.feasible_home_units}
        if facts.matching_answered
        else {"reason": "matching_unavailable", "retry": True}
    ),
)
SCORE_WITH_REASONS = Guard(
    "score_with_reasons",
    lambda facts: facts.reserve_score is not None and facts.reason_count >= 1,
    "A score with its reasons must be on file.",
    "须有评分及理由。",
)
OPERATOR_KEY = Guard(
    "operator_approved",
    lambda facts: facts.operator_key_of is not None,
    "The project's operator must approve with its own credential.",
    "须由项目运营商以自有凭证批准。",
    lambda facts: {"outdated": True} if "operator" in facts.outdated_keys else {},
)
HOME_UNIT_KEY = Guard(
    "home_unit_approved",
    lambda facts: facts.home_unit_key_of is not None,
    "The enclave's home unit must approve with its own credential.",
    "须由飞出地主体以自有凭证批准。",
    lambda facts: {"outdated": True} if "home_unit" in facts.outdated_keys else {},
)
TWO_ORGANISATIONS = Guard(
    "two_organisations",
    lambda facts: facts.operator_key_of is None or facts.operator_key_of != facts.home_unit_key_of,
    "The two approvals must come from different organisations.",
    "两项批准须来自不同组织。",
)
SPACE_FREE = Guard(
    "space_free",
    lambda facts: facts.space_applied_for and facts.space_free is True,
    "Space must be applied for and be free for the whole term.",
    "须已申请场地，且整个期限内场地可用。",
    lambda facts: {"applied_for": facts.space_applied_for, "failures": list(facts.space_failures)},
)
AGREEMENT = Guard(
    "agreement_with_commitments",
    lambda facts: facts.agreement_with_commitments,
    "An agreement with commitments, valid on the day and signed by the operator and the home unit, "
    "must be on file.",
    "须有当日有效、由运营商与飞出地主体签署并载明承诺的协议。",
)
RESIDENCY_TAKEN_UP = Guard(
    "residency_taken_up",
    lambda facts: not facts.residency_states.isdisjoint({"resident", "virtual"}),
    "The residency in the project's own enclave must be resident or virtual.",
    "在项目所属飞地的入驻状态须为已入驻或虚拟入驻。",
)
ANNUAL_GRADE_NOT_C = Guard(
    "annual_grade_not_c",
    lambda facts: facts.annual_grade != "C",
    "The latest annual grade must not be C; a project not yet graded passes.",
    "最近年度评级不得为 C；尚未评级的视为通过。",
    lambda facts: {"annual_grade": facts.annual_grade},
)
RND_PLACE_RECORDED = Guard(
    "rnd_place_recorded",
    lambda facts: "rnd" in facts.placed_functions,
    "Where R&D sits must be recorded.",
    "须登记研发所在地。",
)
LANDING_REGISTERED = Guard(
    "landing_registered",
    lambda facts: not facts.landing_states.isdisjoint(REGISTERED_OR_LATER),
    "A landing must be registered or further.",
    "至少一项落地须已注册。",
)
LANDING_HONOURED = Guard(
    "landing_honoured",
    lambda facts: LandingState.HONOURED in facts.landing_states,
    "A landing must be honoured.",
    "至少一项落地须已兑现承诺。",
)


def _gate(name: str, gate: str, detail_en: str, detail_zh: str) -> Guard:
    return Guard(
        name,
        lambda facts: gate in facts.gates_passed_with_evidence,
        detail_en,
        detail_zh,
        lambda _facts: {"gate": gate},
    )


_REVIEWED = ("The gate review must have been passed, with evidence.", "阶段评审须通过并附证明材料。")
ACCELERATION_REVIEW = _gate("gate_review_passed", "acceleration", *_REVIEWED)
RND_REVIEW = _gate("gate_review_passed", "rnd", *_REVIEWED)
TECHNOLOGY_MATURE = _gate(
    "core_technology_mature",
    "technology_maturity",
    "The review of core technology maturity must have been passed, with evidence.",
    "核心技术研发成熟评审须通过并附证明材料。",
)
PILOT_REPORT_ACCEPTED = _gate(
    "pilot_report_accepted",
    "pilot_report",
    "The pilot report must have been accepted, with evidence.",
    "中试报告须验收通过并附证明材料。",
)

ACTIVE = LADDER[:-1]
_S = Stage
_ALONG: dict[tuple[Stage, Stage], tuple[Guard, ...]] = {
    (_S.LEAD, _S.SCREENING): (DEDUPLICATED, INDUSTRY_CODED, OWNER_SET),
    (_S.SCREENING, _S.RESERVE): (FEASIBLE_HOME_UNIT, SCORE_WITH_REASONS),
    (_S.RESERVE, _S.ADMITTED): (OPERATOR_KEY, HOME_UNIT_KEY, TWO_ORGANISATIONS, SPACE_FREE, AGREEMENT),
    (_S.ADMITTED, _S.INCUBATION): (RESIDENCY_TAKEN_UP,),
    (_S.INCUBATION, _S.ACCELERATION): (ACCELERATION_REVIEW, ANNUAL_GRADE_NOT_C),
    (_S.ACCELERATION, _S.RND): (RND_REVIEW, ANNUAL_GRADE_NOT_C),
    (_S.RND, _S.PILOT): (TECHNOLOGY_MATURE, RND_PLACE_RECORDED),
    (_S.PILOT, _S.INDUSTRIALISATION): (LANDING_REGISTERED, PILOT_REPORT_ACCEPTED),
    (_S.INDUSTRIALISATION, _S.COMPLETED): (LANDING_HONOURED,),
}
_OUT = {(stage, exit_): (REASON_GIVEN,) for stage in ACTIVE for exit_ in sorted(EXITS)}

GUARDS: dict[tuple[Stage, Stage], tuple[Guard, ...]] = {
    edge: (*guards, EFFECTIVE_IN_ORDER) for edge, guards in (_ALONG | _OUT).items()
}


def evaluate(from_stage: Stage, to_stage: Stage, facts: StageFacts) -> list[GuardResult]:
    """Return what every guard of a step finds; a step the track does not have fails ``edge_exists``."""
    guards = GUARDS.get((from_stage, to_stage))
    if guards is None:
        return [edge_exists(from_stage, to_stage, False)]
    return [guard(facts) for guard in guards]


def forcible(from_stage: Stage, to_stage: Stage) -> bool:
    """Tell whether a step may be forced: ahead along the ladder by any distance, or back by one."""
    if from_stage in EXITS or to_stage in EXITS:
        return False
    distance = LADDER.index(to_stage) - LADDER.index(from_stage)
    return distance > 0 or distance == -1


def is_step_back(from_stage: Stage, to_stage: Stage) -> bool:
    """Tell whether a step goes back along the ladder."""
    return to_stage not in EXITS and LADDER.index(to_stage) < LADDER.index(from_stage)


def leaves_admission(from_stage: Stage, to_stage: Stage) -> bool:
    """Tell whether a step goes back from an admission that was given."""
    return from_stage not in BEFORE_ADMISSION | EXITS and to_stage in BEFORE_ADMISSION
