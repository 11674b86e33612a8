"""A deterministic set of synthetic projects with dated histories, for demonstrations and tests.

Nothing here is a fact: every record is marked synthetic and every title starts with 【示例】. Seats and areas
of the synthetic spaces exist so that occupancy has a denominator; the enclaves themselves keep only what the
article states. The operator's key is turned by the stated operator, or where none is stated by the
demonstration operator, which is never written onto the enclave.
"""

import math
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from services.registry.reference.catalogue import Catalogue
from services.registry.seed.plan import SeedEnclave, SeedPlan, build_plan
from services.registry.seed.synthetic_goals import Goal, Subject, goals_in_order
from services.registry.seed.synthetic_history import history
from services.registry.seed.synthetic_steps import LandingMoved, ResidencyApplied, Step
from services.registry.seed.synthetic_vocabulary import (
    GENERAL_INDUSTRY_CODES,
    INDUSTRY_CODES_BY_STATED,
    PRODUCTS,
    SPACE_M2,
    TEAM_FIRST,
    TEAM_SECOND,
    PlantClass,
)

EARLIEST = date(2022, 1, 4)
EARLIEST_TODAY = date(2025, 1, 1)
DEMO_OPERATOR_KEY = "demo-operator"
MAX_PROJECTS = len(TEAM_FIRST) * len(TEAM_SECOND)


@dataclass(frozen=True, slots=True)
class SyntheticOrganisation:
    key: str
    kind: str
    name: str
    synthetic: bool


@dataclass(frozen=True, slots=True)
class SyntheticSpace:
    """Seats and area to let in one enclave; seats_stated tells whether the seats are the article's."""

    enclave_key: str
    name: str
    seats: int
    area_m2: int
    seats_stated: bool
    area_stated: bool
    synthetic: bool


@dataclass(frozen=True, slots=True)
class SyntheticNeeds:
    plant_class: PlantClass
    space_m2: int
    seats: int
    fund_amount_cny: Decimal


@dataclass(frozen=True, slots=True)
class SyntheticProject:
    key: str
    title: str
    summary: str
    team_name: str
    owner_name: str
    enclave_key: str
    home_unit_key: str
    operator_key: str
    host_adcode: str
    industry_codes: tuple[str, ...]
    needs: SyntheticNeeds
    uscc: str | None
    goal: str
    synthetic: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class SyntheticPlan:
    today: date
    organisations: tuple[SyntheticOrganisation, ...]
    spaces: tuple[SyntheticSpace, ...]
    projects: tuple[SyntheticProject, ...]


def build_synthetic(today: date, *, count: int = 300, seed: int = 20261115) -> SyntheticPlan:
    """The same arguments give the same plan; no step is later than today.

    A smaller count gives the beginning of a larger one, with the same spaces, so that a store may grow.
    """
    if today < EARLIEST_TODAY:
        raise ValueError(f"histories need a today of {EARLIEST_TODAY} or later")
    if not 0 < count <= MAX_PROJECTS:
        raise ValueError(f"count must be between 1 and {MAX_PROJECTS}")
    plan = build_plan()
    most = _most_projects(plan, today, seed)
    operator = SyntheticOrganisation(DEMO_OPERATOR_KEY, "operator", "【示例】飞地运营演示机构", True)
    return SyntheticPlan(today, (operator,), _spaces(plan, most), most[:count])


def _most_projects(plan: SeedPlan, today: date, seed: int) -> tuple[SyntheticProject, ...]:
    """Every project there can be, each from random numbers of its own."""
    rng = random.Random(seed)  # noqa: S311
    teams = [first + second for first in TEAM_FIRST for second in TEAM_SECOND]
    rng.shuffle(teams)
    goals = goals_in_order(MAX_PROJECTS, rng)
    return tuple(
        _project(
            number,
            goal,
            team,
            plan.enclaves[number % len(plan.enclaves)],
            plan,
            today,
            random.Random(f"{seed}-{number}"),  # noqa: S311
        )
        for number, (goal, team) in enumerate(zip(goals, teams, strict=True))
    )


def _project(
    number: int,
    goal: Goal,
    team: str,
    enclave: SeedEnclave,
    plan: SeedPlan,
    today: date,
    rng: random.Random,
) -> SyntheticProject:
    key = f"demo-{number + 1:03d}"
    codes = _industry_codes(enclave, rng)
    first_product, second_product, plant_class = PRODUCTS[codes[0]]
    product = rng.choice((first_product, second_product))
    needs = _needs(plant_class, rng)
    operator_key = enclave.operator_key or DEMO_OPERATOR_KEY
    subject = Subject(
        number=number,
        key=key,
        entity_name=f"【示例】{team}科技有限公司",
        enclave_key=enclave.key,
        home_unit_key=enclave.home_unit_key,
        operator_key=operator_key,
        host_adcode=enclave.host_adcode,
        landing_adcode=_landing_adcode(enclave, plan, rng),
        seats=needs.seats,
        space_m2=needs.space_m2,
    )
    steps = history(subject, goal, EARLIEST, today, rng)
    return SyntheticProject(
        key=key,
        title=f"【示例】{product}产业化（{team}）",
        summary=f"示例数据：{product}的研发、中试与产业化。人物、企业与数字均为虚构。",
        team_name=f"【示例】{team}团队",
        owner_name=f"示例专员{number % 12 + 1:02d}",
        enclave_key=enclave.key,
        home_unit_key=enclave.home_unit_key,
        operator_key=operator_key,
        host_adcode=enclave.host_adcode,
        industry_codes=codes,
        needs=needs,
        uscc=_uscc(steps),
        goal=goal.name,
        synthetic=True,
        steps=steps,
    )


def _industry_codes(enclave: SeedEnclave, rng: random.Random) -> tuple[str, ...]:
    if enclave.industries_stated is None:
        pool: tuple[str, ...] = GENERAL_INDUSTRY_CODES
    else:
        pool = INDUSTRY_CODES_BY_STATED[rng.choice(enclave.industries_stated)]
    return tuple(rng.sample(pool, k=1 if rng.random() < 0.7 else 2))


def _needs(plant_class: PlantClass, rng: random.Random) -> SyntheticNeeds:
    low, high = SPACE_M2[plant_class]
    return SyntheticNeeds(
        plant_class=plant_class,
        space_m2=rng.randrange(low, high + 1, 100),
        seats=rng.choice((2, 3, 3, 4, 4, 5, 6, 8)),
        fund_amount_cny=Decimal(rng.randrange(200, 6001, 50)) * 10_000,
    )


def _landing_adcode(enclave: SeedEnclave, plan: SeedPlan, rng: random.Random) -> str:
    """A county inside the home unit; for a county, or a zone of one, its own code."""
    adcode = plan.organisation(enclave.home_unit_key).adcode
    if adcode is None:
        raise ValueError(f"home unit of {enclave.key} has no adcode")
    children = Catalogue.load().children_of(adcode)
    return rng.choice(children).code if children else adcode


def _uscc(steps: tuple[Step, ...]) -> str | None:
    entities = (step.legal_entity for step in steps if isinstance(step, LandingMoved))
    return next((entity.uscc for entity in entities if entity is not None), None)


def _spaces(plan: SeedPlan, projects: tuple[SyntheticProject, ...]) -> tuple[SyntheticSpace, ...]:
    terms: dict[str, list[ResidencyApplied]] = defaultdict(list)
    for project in projects:
        terms[project.enclave_key] += [step for step in project.steps if isinstance(step, ResidencyApplied)]
    return tuple(_space(enclave, terms[enclave.key]) for enclave in plan.enclaves)


def _space(enclave: SeedEnclave, terms: list[ResidencyApplied]) -> SyntheticSpace:
    """Room for all terms at once and more: which of them overlap changes with the day of each run."""
    wanted_seats = sum(term.seats for term in terms)
    seats = enclave.workstations or math.ceil(wanted_seats * 1.2 / 10) * 10
    if wanted_seats > seats:
        raise ValueError(f"{enclave.key}: {wanted_seats} seats wanted of {seats}")
    return SyntheticSpace(
        enclave_key=enclave.key,
        name="【示例】演示工位区",
        seats=seats,
        area_m2=enclave.area_m2 or seats * 15,
        seats_stated=enclave.workstations is not None,
        area_stated=enclave.area_m2 is not None,
        synthetic=True,
    )


def peak(terms: list[ResidencyApplied], measure: str) -> int:
    """The most booked on any day, counting whole terms: it holds in whatever order they are replayed."""
    changes: dict[date, int] = defaultdict(int)
    for term in terms:
        amount: int = getattr(term, measure)
        changes[term.starts_on] += amount
        changes[term.ends_on + timedelta(days=1)] -= amount
    booked = highest = 0
    for day in sorted(changes):
        booked += changes[day]
        highest = max(highest, booked)
    return highest
