"""What one project counts for on any day, as a function of its history: the unit the rollup adds up.

It says for one project in Python what the scan says for all of them in SQL.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from services.metrics.kpis.questions import CONTACT_DAYS, INCUBATING_STAGES, TIERS
from services.metrics.ledger.histories import Fact, History
from services.metrics.ledger.vocabulary import ADMITTED, LANDING_RANK, day_number, to_date

HORIZONS = (24, 36)


def measure_names() -> tuple[str, ...]:
    """Return the names of what is counted, in the order of a standing's vector."""
    reserve = ("numerator", "stale", "never_contacted", "contact_too_old", "not_feasible")
    rates = (
        f"landing_rate_{months}_{name}" for months in HORIZONS for name in ("denominator", "censored", *TIERS)
    )
    press = ("admitted", *(f"landed_{tier}" for tier in TIERS))
    return ("on_file", "incubating", *(f"reserve_{name}" for name in reserve), *rates, *press)


MEASURES = measure_names()
LANDING_MEASURES = (
    *(f"waiting_{tier}" for tier in TIERS),
    *(f"landed_{months}_{tier}" for months in HORIZONS for tier in TIERS),
)
Vector = tuple[int, ...]
Landing = tuple[int | None, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a project counts for from a day on: a number per measure, and when it was admitted and landed."""

    day: int
    counts: Vector
    admitted: int | None
    landed: Landing


NOTHING = Standing(0, (0,) * len(MEASURES), None, (None, None, None))


def standings(history: History) -> Iterator[Standing]:
    """Yield each standing that differs from the one before, in order of days."""
    before = NOTHING
    for day in sorted(_turning_days(history)):
        now = _standing_on(history, day)
        if (now.counts, now.admitted, now.landed) != (before.counts, before.admitted, before.landed):
            yield now
            before = now


def _turning_days(history: History) -> set[int]:
    """The days on which anything may change."""
    facts = [*history.stages, *(fact for facts in history.landings.values() for fact in facts)]
    days = {fact.day for fact in facts}
    for contact in history.contact_days:
        days |= {contact, day_number(to_date(contact) + timedelta(days=CONTACT_DAYS + 1))}
    for fact in history.stages:
        if fact.rank is not None and fact.rank >= ADMITTED:
            days |= {_first_day_from(fact.day + months // 12 * 10_000) for months in HORIZONS}
    return days


def _first_day_from(number: int) -> int:
    """The first date whose number is not below: of a 29 February that does not exist, the 1 March."""
    try:
        return day_number(to_date(number))
    except ValueError:
        return day_number(date(number // 10_000, 3, 1))


def _standing_on(history: History, day: int) -> Standing:
    known = [fact for fact in history.stages if fact.day <= day]
    if not known:
        return NOTHING
    stage = next((fact for fact in reversed(known) if not fact.initial), known[-1]).state
    admitted = _reached(known, ADMITTED, day)
    first, second, third = (_landed(history, LANDING_RANK[tier], day) for tier in TIERS)
    landed = (first, second, third) if admitted is not None else (None, None, None)
    counts = (
        1,
        int(stage in INCUBATING_STAGES),
        *_reserve(history, stage, day),
        *(count for months in HORIZONS for count in _rate(admitted, landed, months, day)),
        int(admitted is not None),
        *(int(moment is not None) for moment in landed),
    )
    return Standing(day, counts, admitted, landed)


def _reserve(history: History, stage: str, day: int) -> Vector:
    if stage != "reserve":
        return (0, 0, 0, 0, 0)
    contact = _contact(history, day)
    fresh = contact >= day_number(to_date(day) - timedelta(days=CONTACT_DAYS))
    good = fresh and history.feasible
    never = contact == 0
    return (int(good), int(not good), int(never), int(not never and not fresh), int(not history.feasible))


def _contact(history: History, day: int) -> int:
    last = history.last_contact_day
    if last is None or last <= day:
        return last or 0
    return max((contact for contact in history.contact_days if contact <= day), default=0)


def _rate(admitted: int | None, landed: Landing, months: int, day: int) -> Vector:
    if admitted is None:
        return (0, 0, 0, 0, 0)
    end = admitted + months // 12 * 10_000
    if end > day:
        return (0, 1, 0, 0, 0)
    return (1, 0, *(int(moment is not None and moment <= end) for moment in landed))


def _landed(history: History, rank: int, day: int) -> int | None:
    reached = (_reached(facts, rank, day) for facts in history.landings.values())
    return min((moment for moment in reached if moment is not None), default=None)


def _reached(facts: list[Fact], rank: int, day: int) -> int | None:
    """The first day at ``rank`` or beyond that no later fact took back."""
    since: list[int] = []
    for fact in facts:
        if fact.day > day or fact.rank is None:
            continue
        if fact.rank >= rank:
            since.append(fact.day)
        elif not fact.initial:
            since = []
    return min(since, default=None)


def landing_counts(standing: Standing) -> Iterator[tuple[int, int]]:
    """Yield what an admitted project counts for in the estimate: a moment, and the measure it adds one to.

    A project waits from its day of admission; once landed it counts by the days since, within each horizon
    that it kept.
    """
    admitted = standing.admitted
    if admitted is None:
        return
    for tier, day in enumerate(standing.landed):
        if day is None:
            yield admitted, tier
            continue
        after = max(0, (to_date(day) - to_date(admitted)).days)
        for place, months in enumerate(HORIZONS, 1):
            if day <= admitted + months // 12 * 10_000:
                yield after, place * len(TIERS) + tier
