"""How far each synthetic project gets, and on which days it passes its milestones."""

import math
import random
from dataclasses import dataclass
from datetime import date, timedelta

from services.registry.seed.synthetic_steps import ExitStage, LandingState


@dataclass(frozen=True, slots=True)
class Goal:
    """How far a project gets: its last milestone, what ends it, and the days since (None: any number)."""

    name: str
    count: int
    last: str
    landing_end: LandingState | None = None
    exit: ExitStage | None = None
    rest_days: tuple[int, int] | None = None
    may_land_early: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    number: int
    key: str
    entity_name: str
    enclave_key: str
    home_unit_key: str
    operator_key: str
    host_adcode: str
    landing_adcode: str
    seats: int
    space_m2: int


GOALS = (
    Goal("lead", 14, "lead", rest_days=(5, 40)),
    Goal("screening", 14, "screening", rest_days=(5, 60)),
    Goal("reserve_fresh", 26, "reserve", rest_days=(10, 200)),
    Goal("reserve_stale", 18, "reserve", rest_days=(130, 500)),
    Goal("admitted", 8, "admitted", rest_days=(5, 30)),
    Goal("incubation", 28, "incubation", rest_days=(10, 240), may_land_early=True),
    Goal("acceleration", 24, "acceleration", rest_days=(10, 200), may_land_early=True),
    Goal("rnd", 22, "rnd", rest_days=(10, 400), may_land_early=True),
    Goal("pilot", 24, "pilot", rest_days=(10, 200), may_land_early=True),
    Goal("pilot_lapsed", 8, "pilot", landing_end="lapsed", rest_days=(5, 300)),
    Goal("industrialisation_registered", 6, "industrialisation", rest_days=(5, 60)),
    Goal("industrialisation_started", 12, "started", rest_days=(10, 150)),
    Goal("industrialisation_producing", 12, "producing", rest_days=(10, 240), may_land_early=True),
    Goal("completed", 20, "completed", may_land_early=True),
    Goal("rejected", 14, "screening", exit="rejected"),
    Goal("withdrawn_from_reserve", 6, "reserve", exit="withdrawn"),
    Goal("withdrawn_from_incubation", 6, "incubation", exit="withdrawn"),
    Goal("failed_in_acceleration", 8, "acceleration", exit="failed"),
    Goal("failed_in_rnd", 10, "rnd", exit="failed"),
    Goal("landed_elsewhere", 10, "rnd", exit="landed_elsewhere"),
    Goal("terminated_breached", 5, "producing", landing_end="breached", exit="terminated"),
    Goal("terminated_moved_away", 5, "producing", landing_end="moved_away", exit="terminated"),
)

_START = (
    ("lead", 0, 0),
    ("screening", 5, 30),
    ("reserve", 10, 45),
    ("admitted", 30, 120),
    ("incubation", 7, 30),
)
_USUAL = (
    *_START,
    ("acceleration", 90, 240),
    ("intent", 20, 60),
    ("rnd", 60, 150),
    ("signed", 30, 90),
    ("pilot", 60, 150),
    ("registered", 40, 160),
    ("industrialisation", 60, 160),
    ("started", 20, 90),
    ("producing", 90, 240),
    ("honoured", 90, 240),
    ("completed", 10, 30),
)
_EARLY_LANDING = (
    *_START,
    ("intent", 30, 90),
    ("signed", 20, 90),
    ("acceleration", 60, 120),
    ("registered", 30, 120),
    ("rnd", 60, 150),
    ("started", 30, 90),
    ("pilot", 90, 180),
    ("industrialisation", 120, 240),
    ("producing", 60, 150),
    ("honoured", 90, 240),
    ("completed", 10, 30),
)
_TAIL_DAYS = (60, 120)


def goals_in_order(total: int, rng: random.Random) -> list[Goal]:
    """Goals in proportion to their counts, and nearly so in every beginning of the list."""
    rounds = math.ceil(total / sum(goal.count for goal in GOALS))
    placed = [
        ((number + rng.random()) / goal.count, goal)
        for goal in GOALS
        for number in range(goal.count * rounds)
    ]
    return [goal for _, goal in sorted(placed, key=lambda item: item[0])[:total]]


def milestone_days(goal: Goal, earliest: date, today: date, rng: random.Random) -> dict[str, date]:
    """The date of every milestone up to the goal, in order; the usual lengths shrink if time is short."""
    early = goal.may_land_early and rng.random() < 0.35
    offsets: dict[str, float] = {}
    at = 0.0
    for name, low, high in _EARLY_LANDING if early else _USUAL:
        at += rng.randint(low, high)
        offsets[name] = at
        if name == goal.last:
            break
    for name in ("landing_end" if goal.landing_end else "", "exit" if goal.exit else ""):
        if name:
            at += rng.randint(*_TAIL_DAYS)
            offsets[name] = at
    available = (today - earliest).days - 10
    scale = min(1.0, available / at) if at else 1.0
    spare = max(5, available - math.ceil(at * scale))
    low, high = goal.rest_days or (5, spare)
    rest = rng.randint(min(low, spare), min(high, spare))
    opened = today - timedelta(days=math.ceil(at * scale) + rest)
    return {name: workday(opened + timedelta(days=int(days * scale))) for name, days in offsets.items()}


def workday(day: date) -> date:
    """The day itself, or the Monday after a weekend."""
    return day + timedelta(days=7 - day.weekday()) if day.weekday() > 4 else day
