"""What is asked: as of when, with which knowledge, of which slice, by whom."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from services.metrics.ledger.vocabulary import STAGES, day_number
from shared.clock import CHINA, civil_date, to_rfc3339, today
from shared.db.keyset import Condition, Filter, ListQuery, ListSpec, bad_parameter
from shared.identity import Principal

DIMENSIONS = {
    "enclave_id": Filter(description="Projects of this enclave.", min_length=1),
    "home_unit_id": Filter(
        description="Projects of this home unit's enclaves, or proposed to it before admission.",
        min_length=1,
    ),
    "host_city_adcode": Filter(description="Projects of enclaves in this host city.", min_length=1),
    "operator_id": Filter(description="Projects run by this operator.", min_length=1),
    "operating_mode": Filter(choices=("self_operated", "commissioned")),
    "carrier_type": Filter(
        choices=("offshore_incubator", "offshore_innovation_centre", "workstation", "cloud")
    ),
    "siting_pattern": Filter(choices=("intra_cluster", "inter_cluster")),
    "section": Filter(choices=tuple("ABCDEFGHIJKLMNOPQRST"), description="Section of GB/T 4754."),
    "industry": Filter(
        operators=("eq",),
        description="Industry code of GB/T 4754: 2 to 4 digits, as a prefix.",
        schema={"type": "string", "pattern": "^[0-9]{2,4}$"},
    ),
    "strategic_field": Filter(description="Strategic emerging industry.", min_length=1),
    "cohort": Filter(
        int,
        ("eq",),
        description="Civil year of admission.",
        schema={"type": "integer", "minimum": 1900, "maximum": 2999},
    ),
}
GROUPINGS = tuple(name for name in DIMENSIONS if name != "industry")
MONTHS = ("24", "36")
TIERS = ("registered", "started", "producing")

_YEARS = "^(19|2[0-9])[0-9]{2}-"
_INSTANT_SCHEMA = {"type": "string", "format": "date-time", "pattern": _YEARS}
_TIMES = {
    "as_of": Filter(
        operators=("eq",),
        description="What was true then: a date in China (its end) or an instant. Today.",
        schema={"anyOf": [{"type": "string", "format": "date", "pattern": _YEARS}, _INSTANT_SCHEMA]},
    ),
    "known_at": Filter(
        operators=("eq",),
        description="What was known then: an instant. Everything known now.",
        schema=_INSTANT_SCHEMA,
    ),
}
_LANDING = {
    "months": Filter(int, ("eq",), MONTHS, "Horizon of the landing rate. 24."),
    "tier": Filter(str, ("eq",), TIERS, "Which step of landing counts. `registered`."),
}
_SHARED = {**DIMENSIONS, **_TIMES, **_LANDING}
FIGURE_SPEC = ListSpec(
    {**_SHARED, "group_by": Filter(str, ("eq",), GROUPINGS, "One row for each value of this dimension.")},
    ("id",),
    "id",
)
SETS = (
    "numerator",
    "denominator",
    "censored",
    "stale",
    "never_contacted",
    "contact_too_old",
    "not_feasible",
    "registered",
    "started",
    "producing",
)
RECORDS_SPEC = ListSpec(
    {
        **_SHARED,
        "set": Filter(str, ("eq",), SETS, "Which of the counted records. `numerator`."),
        "group_by": Filter(
            str,
            ("eq",),
            GROUPINGS,
            "Only one group of this dimension; without `group` what has no value there.",
        ),
        "group": Filter(
            operators=("eq",), description="The key of the group; needs `group_by`.", min_length=1
        ),
    },
    (),
    "id",
)

INCUBATING_STAGES = STAGES[STAGES.index("incubation") : STAGES.index("pilot") + 1]
CONTACT_DAYS = 90

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True)
class Question:
    """A slice at a time with a knowledge, for a viewer. ``known_at`` None is all that is known now.

    ``group`` is the one group whose records are listed; None those without a value.
    """

    as_of: date | datetime
    known_at: datetime | None
    slices: tuple[Condition, ...]
    viewer: Principal
    months: int = 24
    tier: str = "registered"
    group_by: str | None = None
    group: str | None = None

    @property
    def instant(self) -> datetime:
        """The last instant that counts: the end of a date."""
        if isinstance(self.as_of, datetime):
            return self.as_of
        midnight = datetime.combine(self.as_of + timedelta(days=1), time(), CHINA)
        return midnight.astimezone(UTC) - timedelta(microseconds=1)

    @property
    def date(self) -> date:
        """The civil date asked about."""
        return civil_date(self.as_of) if isinstance(self.as_of, datetime) else self.as_of

    @property
    def complete_day(self) -> int:
        """The last civil date that was over."""
        whole = not isinstance(self.as_of, datetime)
        return day_number(self.date if whole else self.date - timedelta(days=1))

    @property
    def contact_cutoff(self) -> int:
        """The earliest day on which a contact still keeps a reserve project fresh."""
        return day_number(self.date - timedelta(days=CONTACT_DAYS))

    @property
    def in_the_future(self) -> bool:
        """Whether nothing can be known yet of the time asked about."""
        return self.date > today()

    def slice_texts(self) -> dict[str, str]:
        """Return the slice as the query parameters that ask for it."""
        return {
            c.field if c.operator == "eq" else f"{c.field}[{c.operator}]": ",".join(map(str, values_of(c)))
            for c in self.slices
        }

    def parameters(self) -> dict[str, str]:
        """Return the query parameters that ask this question again, without the grouping."""
        asked = {**self.slice_texts(), "as_of": text_of(self.as_of)}
        return asked if self.known_at is None else {**asked, "known_at": text_of(self.known_at)}


def values_of(condition: Condition) -> tuple[object, ...]:
    """Return the values a condition allows."""
    return tuple(condition.value) if condition.operator == "in" else (condition.value,)


def text_of(moment: date | datetime) -> str:
    """Return a date or an instant as text."""
    return to_rfc3339(moment) if isinstance(moment, datetime) else moment.isoformat()


def read_question(query: ListQuery, viewer: Principal) -> Question:
    """Read a question from parsed query parameters."""
    given = {c.field: c.value for c in query.conditions if c.field not in DIMENSIONS}
    slices = tuple(c for c in query.conditions if c.field in DIMENSIONS)
    for condition in slices:
        _check_slice(condition)
    group_by, group = given.get("group_by"), given.get("group")
    if group is not None:
        slices += (_of_group(group_by, group),)
    return Question(
        as_of=_moment("as_of", given["as_of"]) if "as_of" in given else today(),
        known_at=_instant("known_at", given["known_at"]) if "known_at" in given else None,
        slices=slices,
        viewer=viewer,
        months=given.get("months", 24),
        tier=given.get("tier", "registered"),
        group_by=group_by,
        group=group,
    )


def refuse_paging(names: Mapping[str, str]) -> None:
    """Raise for the parameters of a list where a figure is asked."""
    for name in ("limit", "cursor", "sort", "include_total"):
        if name in names:
            raise bad_parameter(name, "unknown_parameter", "is not known here", "未知")


def _check_slice(condition: Condition) -> None:
    if condition.field == "industry" and not re.fullmatch(r"[0-9]{2,4}", condition.value, re.ASCII):
        raise bad_parameter("industry", "invalid_value", "must be 2 to 4 digits", "应为 2 至 4 位数字")
    if condition.field == "cohort" and not 1900 <= condition.value <= 2999:
        raise bad_parameter("cohort", "invalid_value", "must be a year", "应为年份")


def _of_group(group_by: str | None, group: str) -> Condition:
    """The condition by which the records of a group are found without passing over all others."""
    if group_by is None:
        raise bad_parameter("group", "unknown_group", "needs group_by", "须与 group_by 同用")
    if group_by != "cohort":
        return Condition(group_by, "eq", group)
    if not re.fullmatch(r"[0-9]{4}", group, re.ASCII):
        raise bad_parameter("group", "unknown_group", "must be a year", "应为年份")
    return Condition(group_by, "eq", int(group))


def _moment(name: str, text: str) -> date | datetime:
    if not _DATE.fullmatch(text):
        return _instant(name, text)
    try:
        return _bounded(date.fromisoformat(text))
    except ValueError:
        raise _bad_time(name) from None


def _instant(name: str, text: str) -> datetime:
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError
        instant = datetime.fromisoformat(text.upper()).astimezone(UTC)
        _bounded(instant.date())
    except (ValueError, OverflowError):
        raise _bad_time(name) from None
    return instant


def _bounded(day: date) -> date:
    if not 1900 <= day.year <= 2999:
        raise ValueError
    return day


def _bad_time(name: str) -> Exception:
    wanted = (
        ("a date or an RFC 3339 instant", "日期或 RFC 3339 时刻")
        if name == "as_of"
        else ("an RFC 3339 instant", "RFC 3339 时刻")
    )
    return bad_parameter(
        name,
        "invalid_value",
        f"must be {wanted[0]} from 1900 to 2999",
        f"应为 1900 至 2999 年间的{wanted[1]}",
    )
