"""Figures from the rollup: of everything known now, on a date, for whoever sees the network.

Slices by enclave, home unit, operator, industry code or cohort are left to the scan: they are narrow, or
rarely asked.
"""

from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, cast, func, literal, null, or_, select

from services.metrics.kpis.counts import Counts, Duration, Groups
from services.metrics.kpis.questions import TIERS, Question, values_of
from services.metrics.kpis.rollup import facet_of
from services.metrics.kpis.tables import EVERYTHING, kpi_cells, landing_spans
from services.metrics.ledger.histories import PLACE
from services.metrics.ledger.tables import project_tags, project_versions
from services.metrics.ledger.vocabulary import day_number, to_date
from shared.db.engine import ReadSession

FACETS = {"section": "section", "strategic_field": "field"}
_RESERVE = ("numerator", "stale", "never_contacted", "contact_too_old", "not_feasible")


def answers(question: Question) -> bool:
    """Tell whether the rollup knows the answer."""
    whole_knowledge = question.known_at is None and question.viewer.sees_network
    tags = [c for c in question.slices if c.field in FACETS]
    if not whole_knowledge or hasattr(question.as_of, "hour") or len(tags) > 1:
        return False
    if any(
        (c.field not in PLACE and c.field not in FACETS) or (c in tags and c.operator == "in")
        for c in question.slices
    ):
        return False
    return question.group_by in (None, *PLACE) or (question.group_by in FACETS and not tags)


async def count(session: ReadSession, question: Question, kpi: str) -> Groups:
    """Count from the cells, and from the spans for how long landings took."""
    measures = _measures(question, kpi)
    key, criteria = _slice(question)
    cells = kpi_cells.c
    sums = [func.sum(cells[measure]).label(name) for name, measure in measures.items()]
    statement = (
        select(key.label("key"), *sums).where(*criteria, _until(day_number(question.date))).group_by(key)
    )
    groups: Groups = {}
    for row in await session.rows(statement):
        if row["n"]:
            sets = {name: int(row[name]) for name in measures if name != "n"}
            groups[_key(question, row["key"])] = Counts(int(row["n"]), sets)
    if kpi == "landing_rate":
        for row in await session.rows(_durations(question)):
            duration = Duration(_days(question, row), row["landed"] is not None, row["n"])
            groups[_key(question, row["key"])].durations.append(duration)
    return groups


def _key(question: Question, key: str) -> str | None:
    if question.group_by is None:
        return ""
    return (key.partition("=")[2] if question.group_by in FACETS else key) or None


def _measures(question: Question, kpi: str) -> dict[str, str]:
    if kpi == "incubating":
        return {"n": "on_file", "numerator": "incubating"}
    if kpi == "reserve":
        return {"n": "on_file", **{name: f"reserve_{name}" for name in _RESERVE}}
    if kpi == "press_rate":
        return {"n": "admitted", "numerator": f"landed_{question.tier}", "denominator": "admitted"}
    rate = f"landing_rate_{question.months}"
    return {
        "n": "admitted",
        "numerator": f"{rate}_{question.tier}",
        "denominator": f"{rate}_denominator",
        "censored": f"{rate}_censored",
        **{tier: f"{rate}_{tier}" for tier in TIERS},
    }


def _slice(question: Question) -> tuple[ColumnElement[Any], list[ColumnElement[bool]]]:
    cells = kpi_cells.c
    tag = next((c for c in question.slices if c.field in FACETS), None)
    criteria = [cells[c.field].in_(values_of(c)) for c in question.slices if c.field in PLACE]
    if question.group_by in FACETS:
        prefix = facet_of(FACETS[question.group_by], "")
        return cells.facet, [*criteria, cells.facet.startswith(prefix, autoescape=True)]
    facet = EVERYTHING if tag is None else facet_of(FACETS[tag.field], tag.value)
    key: ColumnElement[Any] = cells[question.group_by] if question.group_by else cells.facet
    return key, [*criteria, cells.facet == facet]


def _until(day: int) -> ColumnElement[bool]:
    """The whole years before, the whole months of the year, the days of the month."""
    period, year, month = kpi_cells.c.period, day // 10_000, day // 100
    return or_(
        period.between(0, year - 1), period.between(year * 100, month - 1), period.between(month * 100, day)
    )


def _durations(question: Question) -> Any:
    """Landings in time by days after admission; of the others, the young by day of admission."""
    span, day = landing_spans.c, day_number(question.date)
    horizon = question.months // 12 * 10_000
    landed = span[f"{question.tier}_day"]
    in_time = and_(landed <= day, landed <= span.admitted_day + horizon)
    young = span.admitted_day + horizon > day
    after = case((in_time, span[f"{question.tier}_after"]), else_=null()).label("landed")
    since = case((in_time, null()), (young, span.admitted_day), else_=null()).label("since")
    source, key, criteria = _tagged(question)
    criteria += [span.from_day <= day, span.to_day > day, span.admitted_day <= day]
    criteria += [span[c.field].in_(values_of(c)) for c in question.slices if c.field in PLACE]
    inner = select(key.label("key"), after, since).select_from(source).where(*criteria).subquery()
    group = (inner.c.key, inner.c.landed, inner.c.since)
    return select(*group, func.count().label("n")).group_by(*group)


def _tagged(question: Question) -> tuple[Any, ColumnElement[Any], list[ColumnElement[bool]]]:
    span, tag, version = landing_spans.c, project_tags.c, project_versions.c
    condition = next((c for c in question.slices if c.field in FACETS), None)
    if condition is None and question.group_by not in FACETS:
        key: ColumnElement[Any] = span[question.group_by] if question.group_by else cast(literal(""), String)
        return landing_spans, key, []
    kind = FACETS[condition.field if condition is not None else str(question.group_by)]
    newest = and_(version.project_id == span.project_id, version.superseded_at.is_(None))
    mine = and_(tag.project_id == span.project_id, tag.version == version.version, tag.kind == kind)
    source = landing_spans.join(project_versions, newest).outerjoin(project_tags, mine)
    if condition is None:
        return source, literal(f"{kind}=") + func.coalesce(tag.value, ""), []
    key = span[question.group_by] if question.group_by else cast(literal(""), String)
    return source, key, [tag.value == condition.value]


def _days(question: Question, row: Any) -> int | None:
    if row["landed"] is not None:
        return int(row["landed"])
    return None if row["since"] is None else (question.date - to_date(row["since"])).days
