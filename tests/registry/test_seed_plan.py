import re
from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import get_args

import pytest

from services.registry.projects.fingerprint import fingerprint
from services.registry.projects.uscc import valid_uscc
from services.registry.reference.catalogue import Catalogue
from services.registry.seed.plan import SeedClaim, build_plan
from services.registry.seed.statements import claims_of
from services.registry.seed.synthetic import (
    DEMO_OPERATOR_KEY,
    MAX_PROJECTS,
    SyntheticProject,
    build_synthetic,
    peak,
)
from services.registry.seed.synthetic_history import synthetic_uscc
from services.registry.seed.synthetic_steps import (
    AgreementSigned,
    ApprovalGiven,
    ContactNoted,
    EvidenceFiled,
    ExitStage,
    FunctionPlaced,
    GateReviewPassed,
    HomeMatched,
    LandingMoved,
    LandingOpened,
    ProjectOpened,
    ResidencyApplied,
    ResidencyMoved,
    Stage,
    StageExited,
    StageMoved,
)
from services.registry.seed.synthetic_vocabulary import (
    GENERAL_INDUSTRY_CODES,
    INDUSTRY_CODES_BY_STATED,
    PRODUCTS,
)

CATALOGUE = Catalogue.load()
PLAN = build_plan()
TODAY = date(2026, 11, 23)
SYNTHETIC = build_synthetic(TODAY)
REAL_COMPANIES = ("天境生物", "泽璟制药", "德琪医药", "迈威生物")
STAGES = get_args(Stage)
EXITS = get_args(ExitStage)
LANDING_BEFORE = {
    "signed": ("intent",),
    "registered": ("signed",),
    "started": ("registered",),
    "producing": ("started",),
    "honoured": ("producing",),
    "lapsed": ("signed",),
    "breached": ("started", "producing"),
    "moved_away": ("started", "producing"),
}


def stage_of(project: SyntheticProject) -> str:
    moves = [step.to_stage for step in project.steps if isinstance(step, StageMoved | StageExited)]
    return moves[-1] if moves else "lead"


def claim(key: str) -> SeedClaim:
    return next(item for item in PLAN.claims if item.key == key)


def test_ten_enclaves_and_none_of_the_workstations() -> None:
    assert len(PLAN.enclaves) == 10
    assert {PLAN.enclaves[i].fact_id: i + 1 for i in range(10)} == {
        fact.id: fact.row for fact in PLAN.facts if fact.row and fact.row <= 10
    }
    workstations = next(item for item in PLAN.networks if item.key == "tusstar-workstations")
    assert (len(workstations.home_unit_keys), len(workstations.host_bases)) == (5, 3)
    assert not workstations.pairing_known
    assert not {item.home_unit_key for item in PLAN.enclaves} & set(workstations.home_unit_keys)
    assert "tusstar" not in {item.operator_key for item in PLAN.enclaves}


def test_no_operator_or_operating_mode_is_invented() -> None:
    assert [item.operator_key for item in PLAN.enclaves] == [None] * 7 + ["keyi", "taiku", "tian-an-cyber"]
    assert {item.operating_mode for item in PLAN.enclaves} == {None}
    assert {item.network_role for item in PLAN.enclaves} == {None}


def test_an_operator_has_the_role_the_article_gives_it_or_none() -> None:
    roles = [claim.value_text for _, claim in claims_of(PLAN) if claim.metric == "operator_role"]
    assert roles == ["太库科技（参与建立）", "天安数码城（参与）"]


def test_an_inferred_direction_is_marked() -> None:
    luoyang = PLAN.enclave("luoyang-shenzhen")
    assert {"home_unit_key", "host_adcode"} <= set(luoyang.inferred)
    assert luoyang.area_m2 is None
    assert luoyang.industries_stated is None


def test_a_carrier_type_is_inferred_unless_the_enclave_is_called_so() -> None:
    wordings = {"offshore_incubator": "离岸孵化器", "offshore_innovation_centre": "离岸创新中心"}
    for enclave in PLAN.enclaves:
        is_called_so = enclave.carrier_type is None or wordings[enclave.carrier_type] in enclave.name
        assert ("carrier_type" in enclave.inferred) is not is_called_so, enclave.key


def test_references_between_records_hold() -> None:
    organisations = {item.key: item for item in PLAN.organisations}
    assert len(organisations) == len(PLAN.organisations)
    facts = {item.id for item in PLAN.facts}
    enclaves = {item.key for item in PLAN.enclaves}
    networks = {item.key for item in PLAN.networks}
    for enclave in PLAN.enclaves:
        assert organisations[enclave.home_unit_key].kind == "home_unit"
        assert enclave.operator_key is None or organisations[enclave.operator_key].kind == "operator"
        assert enclave.host_park_key is None or organisations[enclave.host_park_key].kind == "host_park"
        assert enclave.network_key is None or enclave.network_key in networks
    for network in PLAN.networks:
        assert set(network.home_unit_keys) | {network.operator_key} <= organisations.keys()
    for agreement in PLAN.agreements:
        assert set(agreement.party_keys) <= organisations.keys()
        assert agreement.enclave_key in enclaves
    for partnership in PLAN.partnerships:
        assert set(partnership.institution_keys) <= organisations.keys()
    records = [*PLAN.organisations, *PLAN.networks, *PLAN.enclaves, *PLAN.agreements, *PLAN.claims]
    assert {record.fact_id for record in records} <= facts


def test_every_place_is_known_and_unit_types_follow_the_level() -> None:
    codes = [item.adcode for item in PLAN.organisations if item.adcode]
    codes += [item.host_adcode for item in PLAN.enclaves]
    codes += [base.adcode for network in PLAN.networks for base in network.host_bases]
    codes += [item.place_adcode for item in PLAN.claims if item.place_adcode]
    for code in codes:
        division = CATALOGUE.division(code)
        assert division is not None, code
        assert division.coord_precision == "own"
    for organisation in PLAN.organisations:
        if organisation.kind == "home_unit":
            place = CATALOGUE.division(organisation.adcode or "")
            assert place is not None
            levels = {"city": {2}, "county": {3}, "development_zone": {2, 3}}
            assert place.level in levels[organisation.unit_type or ""], organisation.key
    for item in PLAN.claims:
        if item.place_cluster_id:
            assert CATALOGUE.cluster(item.place_cluster_id) is not None


def test_siting_patterns_follow_from_the_clusters() -> None:
    patterns = {}
    for enclave in PLAN.enclaves:
        home = PLAN.organisation(enclave.home_unit_key).adcode
        patterns[enclave.key] = CATALOGUE.siting_pattern(home, enclave.host_adcode)
    inter = {key for key, pattern in patterns.items() if pattern == "inter_cluster"}
    assert inter == {"huishan-shenzhen", "luoyang-shenzhen", "jiangyin-hi-tech-shenzhen"}
    assert None not in patterns.values()


def test_claims_are_quoted_dated_unknown_and_never_both_figure_and_text() -> None:
    assert len({item.key for item in PLAN.claims}) == len(PLAN.claims)
    for item in PLAN.claims:
        assert item.quote in PLAN.quotes_of(item.fact_id)
        assert item.as_of is None
        assert item.source == "东滩智库"
        assert (item.value is None) != (item.value_text is None)
        assert (item.value is None) == (item.unit is None) == (item.comparator is None)
        assert item.derived_from or (item.stated and item.stated in item.quote), item.key


def test_figures_are_those_of_the_quotes() -> None:
    numerals = {"六": Decimal(6)}
    for item in PLAN.claims:
        if item.value is None or item.derived_from:
            continue
        text = item.stated or ""
        found = {
            Decimal(number) * scale(unit) for number, unit in re.findall(r"(\d+(?:\.\d+)?)([万亿]?)", text)
        }
        found |= {value for numeral, value in numerals.items() if numeral in text}
        assert item.value in found, item.key


def scale(unit: str) -> int:
    return {"": 1, "万": 10_000, "亿": 100_000_000}[unit]


def test_exact_enclave_figures_are_claims_too() -> None:
    metrics = {"area": "area_m2", "private_offices": "private_offices", "workstations": "workstations"}
    metrics |= {"open_office_areas": "open_office_areas", "terrace_area": "terrace_m2"}
    claimed = {
        (item.subject_key, metrics[item.metric]): item.value
        for item in PLAN.claims
        if item.subject_type == "enclave" and item.metric in metrics and item.comparator == "exact"
    }
    on_enclaves = {
        (item.key, name): Decimal(getattr(item, name))
        for item in PLAN.enclaves
        for name in metrics.values()
        if getattr(item, name) is not None
    }
    assert claimed == on_enclaves


def test_a_figure_that_is_only_approximate_stays_a_claim() -> None:
    approximate = {
        (item.subject_key, item.metric) for item in PLAN.claims if item.comparator == "approximately"
    }
    assert approximate == {("lishui-etdz-shanghai", "site_area"), ("lishui-etdz-shanghai", "area")}
    assert PLAN.enclave("lishui-etdz-shanghai").area_m2 is None


def test_counts_are_claims_about_a_home_or_a_host() -> None:
    wuxi = [claim(f"wuxi-in-{place}").value for place in ("shanghai", "beijing", "gba")]
    assert wuxi == [9, 9, 13]
    total = claim("wuxi-total")
    assert total.value == sum(claim(key).value or 0 for key in total.derived_from) == 31
    assert total.stated is None
    hangzhou = claim("hangzhou-hosted")
    assert (hangzhou.value, hangzhou.comparator, hangzhou.subject_type) == (35, "greater_than", "host_place")


def test_stated_industries_have_codes_that_exist() -> None:
    stated = {name for item in PLAN.enclaves for name in item.industries_stated or ()}
    assert stated == INDUSTRY_CODES_BY_STATED.keys()
    used = {code for codes in INDUSTRY_CODES_BY_STATED.values() for code in codes} | {*GENERAL_INDUSTRY_CODES}
    assert used == PRODUCTS.keys()
    for code in used:
        industry = CATALOGUE.industry(code)
        assert industry is not None, code
        assert industry.level == "class"


def test_synthetic_projects_are_marked_and_name_no_real_company() -> None:
    assert len(SYNTHETIC.projects) == 300
    for project in SYNTHETIC.projects:
        assert project.synthetic
        assert project.title.startswith("【示例】")
        assert not any(name in repr(project) for name in REAL_COMPANIES)
    assert len({fingerprint(item.team_name, item.title) for item in SYNTHETIC.projects}) == 300
    assert all(item.synthetic for item in (*SYNTHETIC.organisations, *SYNTHETIC.spaces))


def test_every_synthetic_title_is_marked() -> None:
    titles = [project.title for project in SYNTHETIC.projects]
    for project in SYNTHETIC.projects:
        titles += [step.title for step in project.steps if isinstance(step, EvidenceFiled)]
        titles += [step.commitments_zh for step in project.steps if isinstance(step, AgreementSigned)]
    assert {title[:4] for title in titles} == {"【示例】"}


def test_the_same_arguments_give_the_same_plan() -> None:
    assert build_synthetic(TODAY) == SYNTHETIC
    assert build_synthetic(TODAY, seed=1) != SYNTHETIC


@pytest.mark.parametrize("count", [1, 50, 299, 324])
def test_a_store_grows_by_what_a_larger_count_adds(count: int) -> None:
    other = build_synthetic(TODAY, count=count)
    assert other.spaces == SYNTHETIC.spaces
    both = min(count, len(SYNTHETIC.projects))
    assert other.projects[:both] == SYNTHETIC.projects[:both]


def test_there_is_room_for_every_term_whichever_days_the_store_grew_on() -> None:
    wanted: Counter[str] = Counter()
    later = build_synthetic(date(2027, 8, 2), count=MAX_PROJECTS)
    for project in later.projects:
        for step in project.steps:
            if isinstance(step, ResidencyApplied):
                wanted[project.enclave_key] += step.seats
    assert later.spaces == SYNTHETIC.spaces
    assert all(wanted[space.enclave_key] <= space.seats for space in SYNTHETIC.spaces)


def test_all_stages_exits_landings_and_enclaves_are_covered() -> None:
    stages = Counter(stage_of(project) for project in SYNTHETIC.projects)
    assert stages.keys() == {*STAGES, *EXITS}
    landings = {
        step.to_state for item in SYNTHETIC.projects for step in item.steps if isinstance(step, LandingMoved)
    }
    assert landings == LANDING_BEFORE.keys()
    assert {item.enclave_key for item in SYNTHETIC.projects} == {item.key for item in PLAN.enclaves}


def test_industries_fit_the_enclave() -> None:
    for project in SYNTHETIC.projects:
        stated = PLAN.enclave(project.enclave_key).industries_stated
        allowed = {code for name in stated for code in INDUSTRY_CODES_BY_STATED[name]} if stated else None
        assert set(project.industry_codes) <= (allowed or set(GENERAL_INDUSTRY_CODES))


@pytest.mark.parametrize("today", [TODAY, date(2025, 1, 1), date(2026, 2, 28), date(2030, 6, 30)])
@pytest.mark.parametrize("seed", [20261115, 7])
def test_histories_obey_the_guards(today: date, seed: int) -> None:
    plan = build_synthetic(today, seed=seed)
    for project in plan.projects:
        check_history(project, today)
    codes = [item.uscc for item in plan.projects if item.uscc]
    assert len(codes) == len(set(codes)) > 50


def check_history(project: SyntheticProject, today: date) -> None:
    assert isinstance(project.steps[0], ProjectOpened)
    dates = [step.on for step in project.steps]
    assert dates == sorted(dates)
    assert date(2022, 1, 1) <= dates[0] <= dates[-1] <= today
    seen = Seen(project)
    for step in project.steps:
        seen.take(step)


class Seen:
    """The guards of the stage, landing and residency tracks, replayed over one history."""

    def __init__(self, project: SyntheticProject) -> None:
        self.project = project
        self.stage = "lead"
        self.landing: str | None = None
        self.residency: str | None = None
        self.matched = False
        self.approvals: set[str] = set()
        self.reviews: set[str] = set()
        self.functions: set[str] = set()
        self.evidence: set[str] = set()

    def take(self, step: object) -> None:
        assert self.stage not in EXITS
        match step:
            case StageMoved():
                self.move(step)
            case StageExited():
                self.stage = step.to_stage
                assert step.reason
            case HomeMatched():
                self.matched = 0 <= step.score <= 1
            case ApprovalGiven():
                self.approvals.add(step.organisation_key)
            case EvidenceFiled():
                assert step.key not in self.evidence
                self.evidence.add(step.key)
            case GateReviewPassed():
                assert set(step.evidence_keys) <= self.evidence
                self.reviews.add(step.review)
            case FunctionPlaced():
                assert CATALOGUE.division(step.adcode)
                self.functions.add(step.function)
            case ResidencyApplied():
                assert self.residency is None
                assert step.starts_on < step.ends_on
                self.residency = "applied"
            case ResidencyMoved():
                before = {
                    "approved": "applied",
                    "resident": "approved",
                    "expiring": "resident",
                    "left": "expiring",
                }
                assert self.residency == before[step.to_state]
                self.residency = step.to_state
            case LandingOpened():
                assert self.landing is None
                self.landing = "intent"
            case LandingMoved():
                self.land(step)

    def move(self, step: StageMoved) -> None:
        assert STAGES.index(step.to_stage) == STAGES.index(self.stage) + 1
        guards = {
            "screening": bool(self.project.industry_codes and self.project.owner_name),
            "reserve": self.matched,
            "admitted": len(self.approvals) == 2 and self.residency == "approved",
            "incubation": self.residency == "resident",
            "acceleration": "acceleration" in self.reviews,
            "rnd": "rnd" in self.reviews,
            "pilot": "technology_maturity" in self.reviews and "rnd" in self.functions,
            "industrialisation": "pilot_report" in self.reviews
            and self.landing in ("registered", "started", "producing", "honoured"),
            "completed": self.landing == "honoured",
        }
        assert guards[step.to_stage], (self.project.key, step)
        self.stage = step.to_stage

    def land(self, step: LandingMoved) -> None:
        assert self.landing in LANDING_BEFORE[step.to_state]
        assert set(step.evidence_keys) <= self.evidence
        assert (step.commitments is not None) == (step.to_state == "signed")
        assert (step.legal_entity is not None) == (step.to_state == "registered")
        if step.commitments:
            assert step.commitments.reinvestment_percent < 150
            assert step.commitments.start_on > step.on
        if step.legal_entity:
            home = PLAN.organisation(self.project.home_unit_key).adcode or ""
            assert valid_uscc(step.legal_entity.uscc)
            assert CATALOGUE.is_within(step.legal_entity.adcode, home)
        self.landing = step.to_state


def test_whole_terms_fit_the_space() -> None:
    for space in SYNTHETIC.spaces:
        terms = [
            step
            for project in SYNTHETIC.projects
            if project.enclave_key == space.enclave_key
            for step in project.steps
            if isinstance(step, ResidencyApplied)
        ]
        assert 0.2 * space.seats < peak(terms, "seats") <= space.seats, space
        assert peak(terms, "area_m2") <= space.area_m2
    stated = {space.enclave_key: space.seats for space in SYNTHETIC.spaces if space.seats_stated}
    assert stated == {"huishan-shenzhen": 199}


def test_the_demonstration_operator_stands_only_where_none_is_stated() -> None:
    for project in SYNTHETIC.projects:
        stated = PLAN.enclave(project.enclave_key).operator_key
        assert project.operator_key == (stated or DEMO_OPERATOR_KEY)


@pytest.mark.parametrize("months", [24, 36])
def test_landing_rates_are_neither_empty_nor_full(months: int) -> None:
    landed, cohort = landed_of(SYNTHETIC.projects, months)
    assert cohort >= 20
    assert 0.2 < landed / cohort < 0.9


@pytest.mark.parametrize("home_unit", sorted({project.home_unit_key for project in SYNTHETIC.projects}))
def test_each_home_unit_has_landed_some_and_not_all(home_unit: str) -> None:
    landed, cohort = landed_of([item for item in SYNTHETIC.projects if item.home_unit_key == home_unit], 24)
    assert 0 < landed < cohort


def landed_of(projects: Iterable[SyntheticProject], months: int) -> tuple[int, int]:
    cohort = landed = 0
    for project in projects:
        admitted = day_of(project, "admitted")
        if admitted is None or (TODAY - admitted).days < months * 30.44:
            continue
        cohort += 1
        registered = [
            s.on for s in project.steps if isinstance(s, LandingMoved) and s.to_state == "registered"
        ]
        landed += bool(registered) and (registered[0] - admitted).days <= months * 30.44
    return landed, cohort


def day_of(project: SyntheticProject, stage: str) -> date | None:
    days = [step.on for step in project.steps if isinstance(step, StageMoved) and step.to_stage == stage]
    return days[0] if days else None


def test_the_reserve_is_partly_stale() -> None:
    silences = []
    for project in SYNTHETIC.projects:
        if stage_of(project) == "reserve":
            last = max(step.on for step in project.steps if isinstance(step, ContactNoted))
            silences.append((TODAY - last).days)
    assert sum(days <= 90 for days in silences) >= 20
    assert sum(days > 90 for days in silences) >= 15


def test_a_smaller_set_still_covers_every_stage() -> None:
    plan = build_synthetic(TODAY, count=60)
    assert {stage_of(project) for project in plan.projects} == {*STAGES, *EXITS}


@pytest.mark.parametrize(("today", "count"), [(date(2024, 12, 31), 300), (TODAY, 0), (TODAY, 325)])
def test_impossible_arguments_are_refused(today: date, count: int) -> None:
    with pytest.raises(ValueError, match=r"today|count"):
        build_synthetic(today, count=count)


def test_synthetic_codes_are_valid() -> None:
    assert all(valid_uscc(synthetic_uscc(number, "330421")) for number in range(300))
