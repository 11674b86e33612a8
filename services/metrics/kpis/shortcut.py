"""Figures from the rollup: of everything known now, on a date, for whoever sees the network.

Slices by enclave, home unit, operator, industry code or cohort are left to the scan: they are narrow, or
rarely asked.
"""

from typing import Any

from sqlalchemy import ColumnElement, Table, and_, func, not_, or_, select

from services.metrics.kpis.counts import Counts, Duration, Groups
from services.metrics.kpis.questions import TIERS, Question, values_of
from services.metrics.kpis.tables import EVERYTHING, FIRST_DAY, FIRST_YEAR, kpi_cells, landing_cells
from services.metrics.kpis.tally import facet_of
from services.metrics.ledger.histories import PLACE
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
    """Count from the cells, and from those of the estimate for how long landings took."""
    measures = _measures(question, kpi)
    key, criteria = _slice(question, kpi_cells)
    cells = kpi_cells.c
    sums = [func.sum(cells[measure]).label(name) for name, measure in measures.items()]
    statement = (
        select(key.label("key"), *sums)
        .where(*criteria, _until(kpi_cells, day_number(question.date)))
        .group_by(key)
    )
    groups: Groups = {}
    for row in await session.rows(statement):
        if row["n"]:
            sets = {name: int(row[name]) for name in measures if name != "n"}
            groups[_key(question, row["key"])] = Counts(int(row["n"]), sets)
    if kpi == "landing_rate":
        await _add_durations(session, question, groups)
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


def _slice(question: Question, table: Table) -> tuple[ColumnElement[Any], list[ColumnElement[bool]]]:
    cells = table.c
    tag = next((c for c in question.slices if c.field in FACETS), None)
    criteria: list[ColumnElement[bool]] = [
        cells[c.field].in_(values_of(c)) for c in question.slices if c.field in PLACE
    ]
    criteria.append(cells.placed == int(bool(criteria) or question.group_by in PLACE))
    if question.group_by in FACETS:
        prefix = facet_of(FACETS[question.group_by], "")
        return cells.facet, [*criteria, cells.facet.startswith(prefix, autoescape=True)]
    facet = EVERYTHING if tag is None else facet_of(FACETS[tag.field], tag.value)
    key: ColumnElement[Any] = cells[question.group_by] if question.group_by else cells.facet
    return key, [*criteria, cells.facet == facet]


def _until(table: Table, day: int) -> ColumnElement[bool]:
    """The whole years before, the whole months of the year, the days of the month.

    Each by name: SQLite would pass over all periods to find three ranges of them.
    """
    years = range(FIRST_YEAR - 1, day // 10_000)
    months = range(day // 10_000 * 100 + 1, day // 100)
    return table.c.period.in_([*years, *months, *range(day // 100 * 100 + 1, day + 1)])


async def _add_durations(session: ReadSession, question: Question, groups: Groups) -> None:
    """Landings by days after admission, the young by their age, and of the others how many there are."""
    horizon, day = question.months // 12 * 10_000, day_number(question.date)
    for row in await session.rows(_durations(question, day - horizon)):
        durations = groups[_key(question, row["key"])].durations
        if row["moment"] >= FIRST_DAY:
            age = (question.date - to_date(row["moment"])).days
            durations.append(Duration(age, False, int(row["waiting"])))
        else:
            durations.append(Duration(row["moment"], True, int(row["landed"])))
    for counts in groups.values():
        if past := counts.n - sum(duration.projects for duration in counts.durations):
            counts.durations.append(Duration(None, False, past))


def _durations(question: Question, cutoff: int) -> Any:
    cells, tier = landing_cells.c, question.tier
    key, criteria = _slice(question, landing_cells)
    waiting = func.sum(cells[f"waiting_{tier}"])
    landed = func.sum(cells[f"landed_{question.months}_{tier}"])
    young = cells.moment >= FIRST_DAY
    wanted = or_(not_(young), cells.moment > cutoff)
    until = _until(landing_cells, day_number(question.date))
    return (
        select(key.label("key"), cells.moment, waiting.label("waiting"), landed.label("landed"))
        .where(*criteria, until, wanted)
        .group_by(key, cells.moment)
        .having(or_(and_(young, waiting != 0), and_(not_(young), landed != 0)))
    )
