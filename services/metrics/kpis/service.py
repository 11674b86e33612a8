"""Use cases of KPIs: figures that say what they are made of, or why there is none."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import urlencode

from services.metrics.kpis import reasons, repository
from services.metrics.kpis.counts import Counts, Groups
from services.metrics.kpis.definitions import Definition, definitions
from services.metrics.kpis.errors import UnknownKpi
from services.metrics.kpis.estimate import landed_share
from services.metrics.kpis.questions import Question, text_of
from services.metrics.kpis.schemas import (
    CountedRecord,
    Estimate,
    Figure,
    Freshness,
    GroupFigure,
    KpiAnswer,
    Reason,
    Yardsticks,
)
from services.metrics.ledger.vocabulary import to_date
from shared import clock
from shared.db.engine import ReadSession
from shared.db.keyset import CursorSigner, ListQuery, bad_parameter
from shared.db.pages import Page

_NAMED = ("enclave_id", "home_unit_id", "operator_id")


def definition_of(kpi: str) -> Definition:
    """Return a KPI's definition; 404 when there is none of this name."""
    try:
        return definitions()[kpi]
    except KeyError:
        raise UnknownKpi() from None


async def answer(session: ReadSession, question: Question, kpi: str) -> KpiAnswer:
    """Return a KPI for a slice as of a time."""
    definition = definition_of(kpi)
    return await _answer(session, question, definition, await _freshness(session))


async def _answer(
    session: ReadSession, question: Question, definition: Definition, freshness: Freshness
) -> KpiAnswer:
    kpi = definition.id
    unknown = _unknown(question, freshness)
    total, rows = Counts(), None
    if unknown is None:
        groups = await repository.count(session, question, kpi)
        total = await _total(session, question, kpi, groups)
        if question.group_by is not None:
            rows = await _rows(session, question, definition, groups)
    landing = kpi == "landing_rate"
    return KpiAnswer(
        kpi=kpi,
        name_zh=definition.name_zh,
        name_en=definition.name_en,
        unit=definition.unit,
        as_of=text_of(question.as_of),
        known_at=None if question.known_at is None else text_of(question.known_at),
        months=question.months if landing else None,
        tier=question.tier if definition.unit == "share" else None,
        slice=question.slice_texts(),
        figure=_figure(question, definition, total, unknown),
        group_by=question.group_by,
        groups=rows,
        freshness=freshness,
    )


async def yardsticks(session: ReadSession, question: Question) -> Yardsticks:
    """Return the three yardsticks for a slice as of a time."""
    freshness = await _freshness(session)

    async def ask(kpi: str, months: int = 24) -> KpiAnswer:
        return await _answer(session, replace(question, months=months), definition_of(kpi), freshness)

    return Yardsticks(
        incubating=await ask("incubating"),
        reserve=await ask("reserve"),
        landing_rate_24=await ask("landing_rate", 24),
        landing_rate_36=await ask("landing_rate", 36),
    )


async def counted_records(
    session: ReadSession, question: Question, kpi: str, set_name: str, query: ListQuery, signer: CursorSigner
) -> tuple[list[CountedRecord], Page]:
    """Return one page of exactly the records a figure counted."""
    definition = definition_of(kpi)
    if set_name not in definition.sets:
        raise bad_parameter("set", "unknown_set", "names a set this KPI does not have", "该指标没有此集合")
    bound = replace(query, conditions=(), caller=f"{query.caller} {query.fingerprint()} {kpi}")
    if _unknown(question, await _freshness(session)) is not None:
        return [], Page([], None)
    page = await repository.records(session, question, kpi, set_name, bound, signer)
    return [_record(row) for row in page.rows], page


async def _freshness(session: ReadSession) -> Freshness:
    lag, unapplied = await repository.freshness(session)
    return Freshness(data_as_of=lag.as_of, lag_seconds=lag.seconds(clock.now()), unapplied_events=unapplied)


def _unknown(question: Question, freshness: Freshness) -> Reason | None:
    if question.in_the_future:
        return reasons.in_the_future(question)
    return reasons.not_loaded() if freshness.data_as_of is None else None


async def _total(session: ReadSession, question: Question, kpi: str, groups: Groups) -> Counts:
    """The figure over all groups: not their sum, because a project may be in several industries."""
    if question.group_by is None:
        return next(iter(groups.values()), Counts())
    if not groups:
        return Counts()
    whole = await repository.count(session, replace(question, group_by=None), kpi)
    return next(iter(whole.values()), Counts())


async def _rows(
    session: ReadSession, question: Question, definition: Definition, groups: Groups
) -> list[GroupFigure]:
    dimension = question.group_by or ""
    names = await repository.names(session, question, groups) if dimension in _NAMED else {}
    return [
        GroupFigure(
            key=key,
            name=names.get(key or ""),
            figure=_figure(question, definition, groups[key], None, _group(dimension, key)),
        )
        for key in sorted(groups, key=lambda key: (key is None, key or ""))
    ]


def _group(dimension: str, key: str | None) -> dict[str, str]:
    """The parameters that ask for the records of one group beside those of the slice."""
    return {"group_by": dimension} if key is None else {"group_by": dimension, "group": key}


def _figure(
    question: Question,
    definition: Definition,
    counts: Counts,
    unknown: Reason | None,
    group: Mapping[str, str] = MappingProxyType({}),
) -> Figure:
    reason = unknown or _empty(question, definition, counts)
    counted = {name: None if unknown else counts.sets.get(name, 0) for name in definition.sets}
    main = ("numerator", "denominator", "censored")
    return Figure(
        value=_value(counts, definition) if reason is None else None,
        reason=reason,
        numerator=counted["numerator"],
        denominator=counted.get("denominator"),
        n=None if unknown else counts.n,
        censored=counted.get("censored"),
        estimate=_estimate(question, counts, unknown) if definition.id == "landing_rate" else None,
        beside={name: count for name, count in counted.items() if name not in main},
        links=_links(question, definition, group),
    )


def _value(counts: Counts, definition: Definition) -> int | float:
    numerator = counts.sets.get("numerator", 0)
    return numerator / counts.sets["denominator"] if definition.unit == "share" else numerator


def _empty(question: Question, definition: Definition, counts: Counts) -> Reason | None:
    if definition.unit != "share":
        return None if counts.n else reasons.nothing_on_file(question)
    if counts.sets.get("denominator", 0):
        return None
    landing = definition.id == "landing_rate"
    return reasons.nobody_mature(question) if landing else reasons.nobody_admitted(question)


def _estimate(question: Question, counts: Counts, unknown: Reason | None) -> Estimate:
    if unknown is not None:
        return Estimate(value=None, reason=unknown)
    share = landed_share(counts.durations)
    return Estimate(value=share, reason=reasons.nobody_admitted(question) if share is None else None)


def _links(question: Question, definition: Definition, group: Mapping[str, str]) -> dict[str, str]:
    """Link each count to its records."""
    asked = {**question.parameters(), **group}
    if definition.id == "landing_rate":
        asked["months"] = str(question.months)
    if definition.unit == "share":
        asked["tier"] = question.tier
    base = f"/v1/kpis/{definition.id}/records"
    return {name: f"{base}?{urlencode({**asked, 'set': name})}" for name in definition.sets}


def _record(row: Mapping[str, object]) -> CountedRecord:
    days = {
        f"{name}_on": to_date(number) if isinstance(number := row[f"{name}_day"], int) else None
        for name in ("admitted", "registered", "started", "producing")
    }
    contact = row["contact_day"]
    kept = {name: row[name] for name in ("id", "title", "enclave_id", "stage", "feasible")}
    url = f"/v1/projects/{row['id']}"
    last = to_date(contact) if isinstance(contact, int) and contact else None
    return CountedRecord.of({**kept, **days, "url": url, "last_contact_on": last})
