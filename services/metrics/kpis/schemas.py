"""KPIs on the wire."""

from datetime import date

from services.metrics.kpis.definitions import Definition
from shared.types import Instant, Output

Number = int | float


class Reason(Output):
    """Why there is no figure: a stable code and the words for it."""

    code: str
    zh: str
    en: str


class Estimate(Output):
    """The Kaplan–Meier estimate of the share landed within the horizon."""

    value: float | None
    reason: Reason | None


class Figure(Output):
    """One figure. ``value`` is null with a reason when it is unknown; ``beside`` counts the other sets.

    ``n`` is the number of records looked at; each count has a link to exactly the records it counted. Counts
    are null where nothing could be counted; a 0 was counted.
    """

    value: Number | None
    reason: Reason | None
    numerator: int | None
    denominator: int | None
    n: int | None
    censored: int | None
    estimate: Estimate | None
    beside: dict[str, int | None]
    links: dict[str, str]


class GroupFigure(Output):
    """The figure of one value of the grouping dimension; null is what has no such value yet.

    ``name`` is null where the caller may not see the enclave.
    """

    key: str | None
    name: str | None
    figure: Figure


class Freshness(Output):
    """How current the ledger is: all that was recorded until ``data_as_of``, except unapplied events."""

    data_as_of: Instant | None
    lag_seconds: float | None
    unapplied_events: int


class KpiAnswer(Output):
    """A KPI for a slice, as of a time, with a knowledge."""

    kpi: str
    name_zh: str
    name_en: str
    unit: str
    as_of: str
    known_at: str | None
    months: int | None
    tier: str | None
    slice: dict[str, str]
    figure: Figure
    group_by: str | None
    groups: list[GroupFigure] | None
    freshness: Freshness


class Yardsticks(Output):
    """The three yardsticks of a network at once; the landing rate at both horizons."""

    incubating: KpiAnswer
    reserve: KpiAnswer
    landing_rate_24: KpiAnswer
    landing_rate_36: KpiAnswer


class CountedRecord(Output):
    """A project that a figure counted, with what it was counted by."""

    id: str
    title: str
    url: str
    enclave_id: str | None
    stage: str
    admitted_on: date | None
    registered_on: date | None
    started_on: date | None
    producing_on: date | None
    last_contact_on: date | None
    feasible: bool


class DefinitionList(Output):
    """The KPIs this service answers."""

    items: list[Definition]
    next_cursor: str | None
    has_more: bool
