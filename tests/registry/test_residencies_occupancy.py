"""Space by day against the plainest possible count: one day at a time."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.registry.residencies.occupancy import Capacity, Holding, Load, by_day, fit, peak

START = date(2026, 1, 1)
DAYS = st.integers(0, 40).map(lambda offset: START + timedelta(days=offset))
AREAS = st.integers(0, 5000).map(lambda tenths: Decimal(tenths) / 10)
HOLDINGS = st.lists(
    st.builds(lambda a, b, seats, area: Holding(a, b, seats, area), DAYS, DAYS, st.integers(0, 9), AREAS),
    max_size=12,
)
TERMS = st.tuples(DAYS, DAYS).map(lambda pair: (min(pair), max(pair)))


def held_on(holdings: list[Holding], day: date) -> Load:
    here = [holding for holding in holdings if holding.first <= day <= holding.last]
    return Load(sum(h.seats for h in here), sum((h.area_m2 for h in here), Decimal(0)))


def days_of(term: tuple[date, date]) -> list[date]:
    return [term[0] + timedelta(days=offset) for offset in range((term[1] - term[0]).days + 1)]


@given(HOLDINGS, TERMS)
def test_each_day_holds_what_is_held_on_it(holdings: list[Holding], term: tuple[date, date]) -> None:
    assert by_day(holdings, *term) == [(day, held_on(holdings, day)) for day in days_of(term)]


@given(HOLDINGS, TERMS)
def test_peak_is_the_fullest_day(holdings: list[Holding], term: tuple[date, date]) -> None:
    loads = [held_on(holdings, day) for day in days_of(term)]
    assert peak(holdings, *term) == Load(max(x.seats for x in loads), max(x.area_m2 for x in loads))


@given(HOLDINGS, TERMS, st.integers(1, 9), st.integers(0, 40))
def test_what_fits_never_overfills_a_day(
    holdings: list[Holding], term: tuple[date, date], seats: int, capacity: int
) -> None:
    request = Holding(*term, seats)
    fits = fit(request, holdings, Capacity(capacity, None)).free
    assert fits == all(held_on([*holdings, request], day).seats <= capacity for day in days_of(term))


@given(HOLDINGS, TERMS)
def test_unknown_capacity_is_not_a_pass(holdings: list[Holding], term: tuple[date, date]) -> None:
    check = fit(Holding(*term, 1, Decimal(1)), holdings, Capacity(None, Decimal(10**9)))
    assert (check.free, check.unknown, check.lacking) == (False, ("seats",), ())


def test_a_seat_is_free_again_the_day_after_the_last() -> None:
    first = Holding(START, START + timedelta(days=9), 1)
    after = Holding(START + timedelta(days=10), START + timedelta(days=19), 1)
    same_day = Holding(START + timedelta(days=9), START + timedelta(days=19), 1)
    assert fit(after, [first], Capacity(1, None)).free
    assert not fit(same_day, [first], Capacity(1, None)).free


def test_the_last_day_of_the_calendar_is_a_day() -> None:
    forever = Holding(date.min, date.max, 2)
    assert peak([forever], date.min, date.max) == Load(2)
    assert by_day([forever], date.max, date.max) == [(date.max, Load(2))]
