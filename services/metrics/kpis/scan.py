"""The bitemporal scan: the records a figure counts, from the facts alone.

Of everything effective at the time asked about and recorded at the time of knowledge, the state of a track is
the latest by effective time, then by sequence. A step of a track counts as reached from the first fact at it
or beyond that no later fact took back; exits and failures take nothing back.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    Subquery,
    Table,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
)

from services.metrics.base import parties
from services.metrics.kpis.questions import INCUBATING_STAGES, Question, values_of
from services.metrics.ledger.tables import (
    enclave_versions,
    landing_facts,
    project_tags,
    project_versions,
    stage_facts,
)
from services.metrics.ledger.vocabulary import ADMITTED, LANDING_RANK, day_number
from shared.db.keyset import Condition
from shared.db.visibility import visible

Expression = ColumnElement[Any]
_NARROW = ("enclave_id", "home_unit_id", "operator_id", "industry")
_TAG_KINDS = {"section": "section", "strategic_field": "field"}


def members(question: Question, kpi: str) -> Subquery:
    """Return the records a KPI looks at, one row each (each group), with what its sets are made of."""
    scope = _scope(question)
    columns: list[Expression] = [scope.c.id, scope.c.title, scope.c.enclave_id, scope.c.feasible]
    within = scope if _is_narrow(question) else None
    stage = _state_at(stage_facts, question, within)
    source = scope.join(stage, stage.c.subject == scope.c.id)
    columns += [stage.c.state.label("stage"), _contact_day(scope, question).label("contact_day")]
    admitted = _reached(stage_facts, ADMITTED, question, within)
    needs_admission = kpi in ("landing_rate", "press_rate")
    if needs_admission or _uses_cohort(question):
        source = source.join(admitted, admitted.c.subject == scope.c.id, isouter=not needs_admission)
        columns.append(admitted.c.day.label("admitted_day"))
    else:
        columns.append(cast(null(), Integer).label("admitted_day"))
    for tier in ("registered", "started", "producing"):
        if needs_admission:
            landed = _reached(landing_facts, LANDING_RANK[tier], question, within)
            source = source.outerjoin(landed, landed.c.subject == scope.c.id)
            columns.append(landed.c.day.label(f"{tier}_day"))
        else:
            columns.append(cast(null(), Integer).label(f"{tier}_day"))
    key: Expression = admitted.c.day // 10_000 if question.group_by == "cohort" else scope.c.key
    columns.append(cast(key, String).label("key"))
    statement = select(*columns).select_from(source)
    for condition in question.slices:
        if condition.field == "cohort":
            first = int(condition.value) * 10_000
            statement = statement.where(admitted.c.day.between(first, first + 9_999))
    return statement.subquery("members")


def sets_of(kpi: str, question: Question, rows: Subquery) -> Mapping[str, Expression]:
    """Return the named sets of records behind a KPI's figure, each as a condition on ``members``."""
    return _SETS[kpi](question, rows.c)


def _incubating(_question: Question, row: Any) -> dict[str, Expression]:
    return {"numerator": row.stage.in_(INCUBATING_STAGES)}


def _reserve(question: Question, row: Any) -> dict[str, Expression]:
    in_reserve = row.stage == "reserve"
    fresh = row.contact_day >= question.contact_cutoff
    return {
        "numerator": and_(in_reserve, fresh, row.feasible),
        "stale": and_(in_reserve, or_(not_(fresh), not_(row.feasible))),
        "never_contacted": and_(in_reserve, row.contact_day == 0),
        "contact_too_old": and_(in_reserve, row.contact_day > 0, not_(fresh)),
        "not_feasible": and_(in_reserve, not_(row.feasible)),
    }


def _landing_rate(question: Question, row: Any) -> dict[str, Expression]:
    horizon = question.months // 12 * 10_000
    mature = row.admitted_day + horizon <= question.complete_day

    def landed(tier: str) -> Expression:
        return and_(mature, row[f"{tier}_day"] <= row.admitted_day + horizon)

    tiers = {tier: landed(tier) for tier in ("registered", "started", "producing")}
    return {"numerator": tiers[question.tier], "denominator": mature, "censored": not_(mature), **tiers}


def _press_rate(question: Question, row: Any) -> dict[str, Expression]:
    return {
        "numerator": row[f"{question.tier}_day"].is_not(None),
        "denominator": row.admitted_day.is_not(None),
    }


_SETS: dict[str, Callable[[Question, Any], dict[str, Expression]]] = {
    "incubating": _incubating,
    "reserve": _reserve,
    "landing_rate": _landing_rate,
    "press_rate": _press_rate,
}


def _uses_cohort(question: Question) -> bool:
    return question.group_by == "cohort" or any(c.field == "cohort" for c in question.slices)


def _scope(question: Question) -> Subquery:
    """The projects of the slice the viewer may see, as they were described at the time of knowledge."""
    project, enclave = project_versions.c, enclave_versions.c
    placed = project_versions.outerjoin(
        enclave_versions,
        and_(enclave.enclave_id == project.enclave_id, _known_version(enclave_versions, question)),
    )
    dimensions: dict[str, Expression] = {
        "enclave_id": project.enclave_id,
        "home_unit_id": enclave.home_unit_id,
        "host_city_adcode": enclave.host_city_adcode,
        "operator_id": func.coalesce(project.operator_id, enclave.operator_id),
        "operating_mode": enclave.operating_mode,
        "carrier_type": enclave.carrier_type,
        "siting_pattern": enclave.siting_pattern,
    }
    source, key = _grouped(question.group_by, placed, dimensions)
    columns = [project.project_id.label("id"), project.title, project.enclave_id, project.feasible]
    criteria = [
        _known_version(project_versions, question),
        visible(parties, project.project_id, question.viewer),
    ]
    criteria += [_criterion(c, dimensions, question) for c in question.slices if c.field != "cohort"]
    return (
        select(*columns, project.last_contact_day, key).select_from(source).where(*criteria).subquery("scope")
    )


def _grouped(
    group_by: str | None, source: Any, dimensions: Mapping[str, Expression]
) -> tuple[Any, Expression]:
    tags, project = project_tags, project_versions.c
    kind = "home" if group_by == "home_unit_id" else _TAG_KINDS.get(group_by or "")
    if kind is None:
        return source, dimensions.get(group_by or "", literal("")).label("key")
    same = and_(
        tags.c.project_id == project.project_id, tags.c.version == project.version, tags.c.kind == kind
    )
    joined = source.outerjoin(tags, same)
    value: Expression = tags.c.value
    if kind == "home":
        value = func.coalesce(dimensions["home_unit_id"], value)
    return joined, value.label("key")


def _criterion(condition: Condition, dimensions: Mapping[str, Expression], question: Question) -> Expression:
    name, values = condition.field, values_of(condition)
    if name == "industry":
        return _tagged("industry", project_tags.c.value.startswith(str(values[0]), autoescape=True))
    if name in _TAG_KINDS:
        return _tagged(_TAG_KINDS[name], project_tags.c.value.in_(values))
    project = project_versions.c
    if name == "home_unit_id":
        proposed = select(project_tags.c.project_id).where(
            project_tags.c.kind == "home", project_tags.c.value.in_(values)
        )
        waiting = and_(project.enclave_id.is_(None), project.project_id.in_(proposed))
        still = _tagged("home", project_tags.c.value.in_(values))
        return or_(_in_enclaves(name, values, question), and_(waiting, still))
    if name == "operator_id":
        by_enclave = and_(project.operator_id.is_(None), _in_enclaves(name, values, question))
        return or_(project.operator_id.in_(values), by_enclave)
    here: Expression = dimensions[name].in_(values)
    return here


def _in_enclaves(name: str, values: tuple[object, ...], question: Question) -> Expression:
    """Written as a list of enclaves, so that an index finds their projects."""
    enclaves = enclave_versions.alias()
    chosen = select(enclaves.c.enclave_id).where(
        enclaves.c[name].in_(values), _known_version(enclaves, question)
    )
    return project_versions.c.enclave_id.in_(chosen)


def _tagged(kind: str, matches: Expression) -> Expression:
    tag, project = project_tags.c, project_versions.c
    mine = and_(tag.project_id == project.project_id, tag.version == project.version)
    return exists(select(tag.value).where(mine, tag.kind == kind, matches).correlate(project_versions))


def _known_version(table: Any, question: Question) -> Expression:
    if question.known_at is None:
        current: Expression = table.c.superseded_at.is_(None)
        return current
    still = or_(table.c.superseded_at.is_(None), table.c.superseded_at > question.known_at)
    return and_(table.c.recorded_at <= question.known_at, still)


def _known_fact(facts: Any, question: Question) -> Expression:
    known = true() if question.known_at is None else facts.c.recorded_at <= question.known_at
    return and_(facts.c.effective_at <= question.instant, known)


def _is_narrow(question: Question) -> bool:
    """Whether the slice is so narrow that its facts are better looked up than passed over."""
    return not question.viewer.sees_network or any(c.field in _NARROW for c in question.slices)


def _of(facts: Any, scope: Subquery | None) -> Expression:
    return true() if scope is None else facts.c.project_id.in_(select(scope.c.id))


def _state_at(table: Table, question: Question, scope: Subquery | None) -> Subquery:
    """The state of each project's stage."""
    facts = table.alias()
    latest = (facts.c.initial, facts.c.effective_at.desc(), facts.c.sequence.desc())
    nth = func.row_number().over(partition_by=facts.c.project_id, order_by=latest)
    columns = [facts.c.project_id.label("subject"), facts.c.state, nth.label("nth")]
    ranked = select(*columns).where(_known_fact(facts, question), _of(facts, scope)).subquery()
    return select(ranked.c.subject, ranked.c.state).where(ranked.c.nth == 1).subquery("stage")


def _reached(table: Table, rank: int, question: Question, scope: Subquery | None) -> Subquery:
    """The first day on which each project had reached ``rank`` for good, by any of its subjects."""
    fact, later = table.alias(), table.alias()
    subject = next(iter(table.primary_key.columns)).name
    after = or_(
        later.c.effective_at > fact.c.effective_at,
        and_(later.c.effective_at == fact.c.effective_at, later.c.sequence > fact.c.sequence),
    )
    undone = select(later.c.version).where(
        later.c[subject] == fact.c[subject],
        later.c.rank < rank,
        not_(later.c.initial),
        after,
        _known_fact(later, question),
    )
    project = fact.c.project_id
    return (
        select(project.label("subject"), func.min(fact.c.effective_day).label("day"))
        .where(fact.c.rank >= rank, _known_fact(fact, question), not_(exists(undone)), _of(fact, scope))
        .group_by(project)
        .subquery()
    )


def _contact_day(scope: Subquery, question: Question) -> Expression:
    """The last contact by the day asked about, 0 when there was none.

    What the newest known version says is right; of an earlier day, older versions tell, except where a newer
    one has taken a later contact back.
    """
    day, last, version = day_number(question.date), scope.c.last_contact_day, project_versions.alias()
    known = true() if question.known_at is None else version.c.recorded_at <= question.known_at
    earlier = select(func.max(version.c.last_contact_day)).where(
        version.c.project_id == scope.c.id, version.c.last_contact_day <= day, known
    )
    return case((last.is_(None), 0), (last <= day, last), else_=func.coalesce(earlier.scalar_subquery(), 0))


def counts_statement(rows: Subquery, sets: Mapping[str, Expression]) -> Select[Any]:
    """Count the records of each set, and all, by group."""
    counted = [func.sum(case((matches, 1), else_=0)).label(name) for name, matches in sets.items()]
    return select(rows.c.key, func.count().label("n"), *counted).group_by(rows.c.key)


def durations_statement(rows: Subquery, tier: str) -> Select[Any]:
    """Count the admitted by group, day of admission and day of landing."""
    landed = rows.c[f"{tier}_day"]
    return select(
        rows.c.key, rows.c.admitted_day, landed.label("landed_day"), func.count().label("n")
    ).group_by(rows.c.key, rows.c.admitted_day, landed)
