"""The space of one enclave: what its tenants hold of it, checked while the enclave is locked."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from services.registry.enclaves.schemas import CarrierType
from services.registry.enclaves.service import lock_enclave
from services.registry.projects.errors import InvalidTransition
from services.registry.residencies import repository
from services.registry.residencies.errors import CapacityBelowLet
from services.registry.residencies.occupancy import Capacity, Fit, Holding, fit, peak
from services.registry.residencies.state import STAYING
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.errors import FieldError

_DAY = timedelta(days=1)

Measure = int | Decimal


@dataclass(frozen=True)
class CapacityCheck:
    """Whether the space of a residency is free for its whole term.

    ``fit`` is None for a cloud enclave, which lets no space. ``failures`` are the guards that did not hold.
    """

    enclave_id: str
    fit: Fit | None
    failures: list[FieldError]

    @property
    def free(self) -> bool:
        """Whether nothing stands against it."""
        return not self.failures

    @property
    def virtual(self) -> bool:
        """Whether this is a stay without space."""
        return self.fit is None

    def details(self) -> dict[str, Any]:
        """Return what was compared, for the log."""
        if self.fit is None:
            return {"virtual": True}
        check = self.fit
        return {
            "seats": {
                "requested": check.requested.seats,
                "peak": check.peak.seats,
                "capacity": check.capacity.seats,
            },
            "area_m2": {
                "requested": float(check.requested.area_m2),
                "peak": float(check.peak.area_m2),
                "capacity": None if check.capacity.area_m2 is None else float(check.capacity.area_m2),
            },
        }


def is_cloud(enclave: Row) -> bool:
    """Tell whether an enclave lets no space of its own; its part in a network says nothing about that."""
    return bool(enclave["carrier_type"] == CarrierType.CLOUD)


def capacity_of(enclave: Row) -> Capacity:
    """Return what an enclave lets in all."""
    if is_cloud(enclave):
        return Capacity(0, Decimal(0))
    return Capacity(enclave["seat_capacity"], _area(enclave["area_capacity_m2"]))


async def check_still_fits(tx: WriteSession, before: Row, after: Row) -> None:
    """Raise when a locked enclave would let less than what is held of it on some day from today on."""
    old, new = capacity_of(before), capacity_of(after)
    if old == new:
        return
    today = clock.today()
    held = peak(await holdings(tx, after["id"], today, date.max), today, date.max)
    measures = (
        ("seats", held.seats, old.seats, new.seats),
        ("area_m2", held.area_m2, old.area_m2, new.area_m2),
    )
    lacking = [name for name, taken, was, limit in measures if _falls_below(taken, was, limit)]
    if lacking:
        raise CapacityBelowLet(
            errors=[_measured("let_already", "is let already", "已租出", name) for name in lacking]
        )


async def check_space(tx: WriteSession, residency: Row, on: date | None = None) -> CapacityCheck:
    """Check the space of a residency for its whole term, with its enclave locked.

    ``on`` is the day on which the space is taken, which the term must not be over by.
    """
    enclave = await lock_enclave(tx, residency["enclave_id"])
    first, last = residency["starts_on"], residency["ends_on"]
    closed = _outside(enclave, first, last, on)
    if is_cloud(enclave):
        return CapacityCheck(enclave["id"], None, closed)
    others = await holdings(tx, enclave["id"], first, last, without=residency["id"])
    request = Holding(first, last, residency["seats"], _area(residency["area_m2"]) or Decimal(0))
    checked = fit(request, others, capacity_of(enclave))
    return CapacityCheck(enclave["id"], checked, closed + _failures(request, checked))


async def require_space(tx: WriteSession, residency: Row, on: date) -> CapacityCheck:
    """Like ``check_space``, and raise when the space is not free."""
    check = await check_space(tx, residency, on)
    if not check.free:
        raise InvalidTransition(errors=check.failures)
    return check


async def holdings(
    session: ReadSession, enclave_id: str, first: date, last: date, *, without: str | None = None
) -> list[Holding]:
    """Return what is held of an enclave on any day of a term."""
    today = clock.today()
    rows = await repository.holding(session, enclave_id, first, last, without=without)
    return [
        Holding(row["starts_on"], _last_day(row, today), row["seats"], _area(row["area_m2"]) or Decimal(0))
        for row in rows
    ]


def _last_day(row: Row, today: date) -> date:
    """A tenant who stays on after the term holds the space on every day until it is known to have left."""
    if row["left_on"] is not None:
        left_on: date = row["left_on"]
        return left_on - _DAY if left_on > date.min else date.min
    ends_on: date = row["ends_on"]
    return date.max if row["state"] in STAYING and ends_on < today else ends_on


def _outside(enclave: Row, first: date, last: date, on: date | None) -> list[FieldError]:
    """Return what stands against a term: the enclave's first and last day, and the day it is taken."""
    opened_on, closed_on = enclave["opened_on"], enclave["closed_on"]
    failures = []
    if on is not None and last < on:
        failures.append(FieldError("term_over", "is over before it is taken", "租期在取得前已届满"))
    if opened_on is not None and first < opened_on:
        failures.append(FieldError("enclave_not_open", "begins before the enclave opens", "早于飞地开放日期"))
    if closed_on is not None and last > closed_on:
        failures.append(FieldError("enclave_closed", "ends after the enclave closes", "晚于飞地关闭日期"))
    return failures


def _falls_below(taken: Measure, was: Measure | None, limit: Measure | None) -> bool:
    return limit is not None and taken > limit and (was is None or limit < was)


def _failures(request: Holding, checked: Fit) -> list[FieldError]:
    if request.seats == 0 and request.area_m2 == 0:
        return [FieldError("space_unstated", "asks for neither seats nor area", "未申请工位或面积")]
    unknown = [
        _measured("capacity_unknown", "is of unknown capacity", "容量未知", name) for name in checked.unknown
    ]
    return unknown + [
        _measured("space_not_free", "is not free for the whole term", "全租期内空间不足", name)
        for name in checked.lacking
    ]


def _measured(code: str, detail_en: str, detail_zh: str, measure: str) -> FieldError:
    return FieldError(code, detail_en, detail_zh, params={"measure": measure})


def _area(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))
