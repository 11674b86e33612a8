"""Each guard of stages and landings by itself: what it needs, and that nothing passes without it."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.landings import guards as landing
from services.registry.landings.guards import LandingFacts, LandingState
from services.registry.projects.errors import InvalidTransition
from services.registry.projects.guarding import failures, require_passed
from services.registry.projects.stage import EXITS, LADDER, Stage
from services.registry.stages import guards as stage
from services.registry.stages.guards import StageFacts

READY = StageFacts(
    reason_given=True,
    uscc_valid=True,
    industry_count=1,
    owner_set=True,
    matching_answered=True,
    feasible_home_units=1,
    reserve_score=0.5,
    reason_count=1,
    operator_key_of="org_operator",
    home_unit_key_of="org_home",
    space_applied_for=True,
    space_free=True,
    agreement_with_commitments=True,
    residency_states=frozenset({"resident"}),
    gates_passed_with_evidence=frozenset({"acceleration", "rnd", "technology_maturity", "pilot_report"}),
    annual_grade="A",
    placed_functions=frozenset({"rnd"}),
    landing_states=frozenset({"honoured"}),
)

S = Stage
SPOILED: list[tuple[Stage, Stage, str, dict[str, Any]]] = [
    (S.LEAD, S.SCREENING, "deduplicated", {"duplicate_count": 1}),
    (S.LEAD, S.SCREENING, "deduplicated", {"uscc_valid": False}),
    (S.LEAD, S.SCREENING, "industry_coded", {"industry_count": 0}),
    (S.LEAD, S.SCREENING, "owner_set", {"owner_set": False}),
    (S.SCREENING, S.RESERVE, "feasible_home_unit", {"matching_answered": False}),
    (S.SCREENING, S.RESERVE, "feasible_home_unit", {"feasible_home_units": 0}),
    (S.SCREENING, S.RESERVE, "score_with_reasons", {"reserve_score": None}),
    (S.SCREENING, S.RESERVE, "score_with_reasons", {"reason_count": 0}),
    (S.RESERVE, S.ADMITTED, "operator_approved", {"operator_key_of": None}),
    (S.RESERVE, S.ADMITTED, "home_unit_approved", {"home_unit_key_of": None}),
    (S.RESERVE, S.ADMITTED, "two_organisations", {"home_unit_key_of": "org_operator"}),
    (S.RESERVE, S.ADMITTED, "space_free", {"space_free": False}),
    (S.RESERVE, S.ADMITTED, "space_free", {"space_free": None}),
    (S.RESERVE, S.ADMITTED, "space_free", {"space_applied_for": False}),
    (S.RESERVE, S.ADMITTED, "agreement_with_commitments", {"agreement_with_commitments": False}),
    (S.ADMITTED, S.INCUBATION, "residency_taken_up", {"residency_states": frozenset({"approved"})}),
    (S.INCUBATION, S.ACCELERATION, "gate_review_passed", {"gates_passed_with_evidence": frozenset({"rnd"})}),
    (S.INCUBATION, S.ACCELERATION, "annual_grade_not_c", {"annual_grade": "C"}),
    (
        S.ACCELERATION,
        S.RND,
        "gate_review_passed",
        {"gates_passed_with_evidence": frozenset({"acceleration"})},
    ),
    (S.ACCELERATION, S.RND, "annual_grade_not_c", {"annual_grade": "C"}),
    (S.RND, S.PILOT, "core_technology_mature", {"gates_passed_with_evidence": frozenset({"rnd"})}),
    (S.RND, S.PILOT, "rnd_place_recorded", {"placed_functions": frozenset({"pilot"})}),
    (S.PILOT, S.INDUSTRIALISATION, "landing_registered", {"landing_states": frozenset({"signed", "lapsed"})}),
    (S.PILOT, S.INDUSTRIALISATION, "pilot_report_accepted", {"gates_passed_with_evidence": frozenset()}),
    (S.INDUSTRIALISATION, S.COMPLETED, "landing_honoured", {"landing_states": frozenset({"producing"})}),
    *[(at, S.WITHDRAWN, "reason_given", {"reason_given": False}) for at in LADDER[:-1]],
    *[(a, b, "effective_in_order", {"effective_in_order": False}) for a, b in sorted(stage.GUARDS)],
]


@pytest.mark.parametrize(("from_stage", "to_stage", "name", "spoil"), SPOILED)
def test_one_unmet_condition_fails_its_own_guard_and_no_other(
    from_stage: Stage, to_stage: Stage, name: str, spoil: dict[str, Any]
) -> None:
    assert failures(stage.evaluate(from_stage, to_stage, READY)) == []
    [failed] = failures(stage.evaluate(from_stage, to_stage, replace(READY, **spoil)))
    assert failed.name == name
    assert failed.detail_en
    assert failed.detail_zh


def test_every_guard_of_every_step_is_among_the_spoiled() -> None:
    proven = {(a, b, name) for a, b, name, _ in SPOILED}
    exits = {(a, b) for a, b in stage.GUARDS if b in EXITS and b != S.WITHDRAWN}
    stated = {
        (a, b, guard.name)
        for (a, b), guards in stage.GUARDS.items()
        for guard in guards
        if (a, b) not in exits or guard.name != "reason_given"
    }
    assert stated == proven


def test_the_track_is_the_ladder_and_its_exits() -> None:
    along = {(a, b) for a, b in stage.GUARDS if b not in EXITS}
    assert along == set(pairwise(LADDER))
    out = {(a, b) for a, b in stage.GUARDS if b in EXITS}
    assert out == {(a, b) for a in LADDER[:-1] for b in EXITS}


def test_nothing_is_known_of_a_project_and_nothing_passes() -> None:
    for (from_stage, to_stage), _guards in stage.GUARDS.items():
        if (from_stage, to_stage) != (S.LEAD, S.SCREENING):
            assert failures(stage.evaluate(from_stage, to_stage, StageFacts()))


def test_an_unknown_grade_passes_and_a_project_without_a_credit_code_may_be_screened() -> None:
    ungraded = replace(READY, annual_grade=None, uscc_valid=None)
    assert failures(stage.evaluate(S.INCUBATION, S.ACCELERATION, ungraded)) == []
    assert failures(stage.evaluate(S.LEAD, S.SCREENING, ungraded)) == []


@pytest.mark.parametrize("state", ["resident", "virtual"])
def test_a_resident_or_a_virtual_stay_begins_incubation(state: str) -> None:
    facts = replace(READY, residency_states=frozenset({state, "left"}))
    assert failures(stage.evaluate(S.ADMITTED, S.INCUBATION, facts)) == []


@pytest.mark.parametrize("state", ["registered", "started", "producing", "honoured"])
def test_a_landing_registered_or_further_begins_industrialisation(state: str) -> None:
    facts = replace(READY, landing_states=frozenset({state}))
    assert failures(stage.evaluate(S.PILOT, S.INDUSTRIALISATION, facts)) == []


STAGE_FACTS = st.builds(
    StageFacts,
    effective_in_order=st.booleans(),
    reason_given=st.booleans(),
    uscc_valid=st.none() | st.booleans(),
    duplicate_count=st.integers(0, 2),
    industry_count=st.integers(0, 2),
    owner_set=st.booleans(),
    matching_answered=st.booleans(),
    feasible_home_units=st.integers(0, 2),
    reserve_score=st.none() | st.floats(0, 1),
    reason_count=st.integers(0, 2),
    operator_key_of=st.sampled_from([None, "org_a", "org_b"]),
    home_unit_key_of=st.sampled_from([None, "org_a", "org_b"]),
    space_applied_for=st.booleans(),
    space_free=st.none() | st.booleans(),
    agreement_with_commitments=st.booleans(),
    residency_states=st.frozensets(st.sampled_from(["applied", "approved", "resident", "virtual", "left"])),
    gates_passed_with_evidence=st.frozensets(
        st.sampled_from(["acceleration", "rnd", "technology_maturity", "pilot_report", "annual"])
    ),
    annual_grade=st.sampled_from([None, "A", "B", "C"]),
    placed_functions=st.frozensets(st.sampled_from(["rnd", "pilot", "production"])),
    landing_states=st.frozensets(st.sampled_from([state.value for state in LandingState])),
)


def allowed(at: Stage, to: Stage, facts: StageFacts) -> bool:
    """The guard table written a second time, as one condition per step."""
    gates, landings = facts.gates_passed_with_evidence, facts.landing_states
    conditions = {
        S.SCREENING: facts.uscc_valid is not False
        and not facts.duplicate_count
        and facts.industry_count > 0
        and facts.owner_set,
        S.RESERVE: facts.matching_answered
        and facts.feasible_home_units > 0
        and facts.reserve_score is not None
        and facts.reason_count > 0,
        S.ADMITTED: len({facts.operator_key_of, facts.home_unit_key_of, None}) == 3
        and facts.space_applied_for
        and facts.space_free is True
        and facts.agreement_with_commitments,
        S.INCUBATION: bool(facts.residency_states & {"resident", "virtual"}),
        S.ACCELERATION: "acceleration" in gates and facts.annual_grade != "C",
        S.RND: "rnd" in gates and facts.annual_grade != "C",
        S.PILOT: "technology_maturity" in gates and "rnd" in facts.placed_functions,
        S.INDUSTRIALISATION: "pilot_report" in gates
        and bool(landings & {"registered", "started", "producing", "honoured"}),
        S.COMPLETED: "honoured" in landings,
    }
    if at in EXITS or at == S.COMPLETED or not facts.effective_in_order:
        return False
    if to in EXITS:
        return facts.reason_given
    return to != S.LEAD and LADDER.index(to) == LADDER.index(at) + 1 and conditions[to]


@given(st.lists(st.tuples(st.sampled_from(list(Stage)), STAGE_FACTS), max_size=40))
def test_no_walk_passes_a_failing_guard(attempts: list[tuple[Stage, StageFacts]]) -> None:
    at = S.LEAD
    for to, facts in attempts:
        results = stage.evaluate(at, to, facts)
        passed = not failures(results)
        assert passed == allowed(at, to, facts)
        assert results
        if passed:
            at = to


@given(STAGE_FACTS, st.sampled_from(sorted(stage.GUARDS)))
def test_a_refusal_names_each_guard_once(facts: StageFacts, edge: tuple[Stage, Stage]) -> None:
    names = [result.name for result in stage.evaluate(*edge, facts)]
    assert len(names) == len(set(names))
    assert names == [guard.name for guard in stage.GUARDS[edge]]


@pytest.mark.parametrize("at", list(Stage))
def test_only_a_skip_ahead_or_one_step_back_can_be_forced(at: Stage) -> None:
    for to in Stage:
        expected = (
            at not in EXITS
            and to not in EXITS
            and (LADDER.index(to) > LADDER.index(at) or LADDER.index(to) == LADDER.index(at) - 1)
        )
        assert stage.forcible(at, to) == expected


L = LandingState
LANDING_READY = LandingFacts(
    home_unit_is_party=True,
    commitments_complete=True,
    reinvestment_percent=120,
    relocation_clause=False,
    entity_uscc_valid=True,
    entity_inside_home_unit=True,
    evidence_kinds=frozenset({"tax_registration", "paid_in_capital", "works_start"}),
    verified_evidence_kinds=frozenset({"output_statistics", "fulfilment_report"}),
    start_overdue=True,
    reason_given=True,
)
NOTHING: frozenset[str] = frozenset()
LANDING_SPOILED: list[tuple[LandingState, LandingState, str, dict[str, Any]]] = [
    (L.INTENT, L.SIGNED, "home_unit_chosen", {"home_unit_is_party": False}),
    (L.INTENT, L.SIGNED, "commitments_stated", {"commitments_complete": False}),
    (L.INTENT, L.SIGNED, "compliance_checked", {"reinvestment_percent": None}),
    (L.INTENT, L.SIGNED, "compliance_checked", {"relocation_clause": None}),
    (L.INTENT, L.SIGNED, "compliance_warning_approved", {"reinvestment_percent": 150}),
    (L.INTENT, L.SIGNED, "compliance_warning_approved", {"relocation_clause": True}),
    (L.SIGNED, L.REGISTERED, "entity_uscc_valid", {"entity_uscc_valid": False}),
    (L.SIGNED, L.REGISTERED, "entity_inside_home_unit", {"entity_inside_home_unit": None}),
    (L.SIGNED, L.REGISTERED, "tax_registration_evidenced", {"evidence_kinds": NOTHING}),
    (L.REGISTERED, L.STARTED, "capital_evidenced", {"evidence_kinds": frozenset({"lease_start"})}),
    (L.REGISTERED, L.STARTED, "works_or_lease_evidenced", {"evidence_kinds": frozenset({"fixed_assets"})}),
    (L.STARTED, L.PRODUCING, "output_verified_by_home_unit", {"verified_evidence_kinds": NOTHING}),
    (L.PRODUCING, L.HONOURED, "fulfilment_verified_by_home_unit", {"verified_evidence_kinds": NOTHING}),
    (L.SIGNED, L.LAPSED, "start_overdue", {"start_overdue": None}),
    *[(at, L.BREACHED, "reason_given", {"reason_given": False}) for at in landing.LADDER[1:5]],
    *[(at, L.MOVED_AWAY, "reason_given", {"reason_given": False}) for at in landing.LADDER[2:]],
    *[(a, b, "effective_in_order", {"effective_in_order": False}) for a, b in sorted(landing.GUARDS)],
]


@pytest.mark.parametrize(("from_state", "to_state", "name", "spoil"), LANDING_SPOILED)
def test_one_unmet_condition_of_a_landing_fails_its_own_guard(
    from_state: LandingState, to_state: LandingState, name: str, spoil: dict[str, Any]
) -> None:
    assert failures(landing.evaluate(from_state, to_state, LANDING_READY)) == []
    failed = failures(landing.evaluate(from_state, to_state, replace(LANDING_READY, **spoil)))
    assert [result.name for result in failed] == [name]


def test_every_guard_of_every_landing_step_is_among_the_spoiled() -> None:
    probe = LandingFacts()
    stated = {(a, b, guard(probe).name) for (a, b), guards in landing.GUARDS.items() for guard in guards}
    assert stated == {(a, b, name) for a, b, name, _ in LANDING_SPOILED}


@pytest.mark.parametrize(("percent", "clause"), [(149.99, False), (0, False)])
def test_a_landing_below_the_ratio_and_without_the_clause_needs_no_approver(
    percent: float, clause: bool
) -> None:
    facts = replace(LANDING_READY, reinvestment_percent=percent, relocation_clause=clause)
    assert failures(landing.evaluate(L.INTENT, L.SIGNED, facts)) == []


@pytest.mark.parametrize(("percent", "clause"), [(150, False), (400, False), (0, True)])
def test_a_named_approver_lifts_the_compliance_warning(percent: float, clause: bool) -> None:
    facts = replace(
        LANDING_READY,
        reinvestment_percent=percent,
        relocation_clause=clause,
        compliance_approver="示例分管领导",
    )
    assert failures(landing.evaluate(L.INTENT, L.SIGNED, facts)) == []


def test_a_landing_step_outside_the_track_does_not_exist() -> None:
    for at in LandingState:
        for to in LandingState:
            if (at, to) not in landing.GUARDS:
                [failed] = failures(landing.evaluate(at, to, LANDING_READY))
                assert failed.name == "edge_exists"


def test_a_refusal_is_told_in_the_words_of_its_guards() -> None:
    spoiled = replace(READY, uscc_valid=False, owner_set=False)
    with pytest.raises(InvalidTransition) as refusal:
        require_passed(stage.evaluate(S.LEAD, S.SCREENING, spoiled))
    names = [entry.code for entry in refusal.value.errors]
    assert names == ["deduplicated", "owner_set"]
    assert not any(name in str(refusal.value.detail_zh) for name in names)
    for entry in refusal.value.errors:
        assert entry.detail_zh.rstrip("。") in str(refusal.value.detail_zh)
    assert str(refusal.value.detail_zh).startswith("以下条件未满足：")
    assert str(refusal.value.detail_zh).count("。") == 1
