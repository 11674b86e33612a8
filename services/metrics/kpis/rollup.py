"""Keeping the rollup equal to the ledger: what an event changes is taken out as it was, put in as it is."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.dialects import postgresql, sqlite

from services.metrics.kpis.questions import TIERS
from services.metrics.kpis.standing import MEASURES, NOTHING, Standing, standings
from services.metrics.kpis.tables import EVERYTHING, FOREVER, kpi_cells, landing_spans
from services.metrics.ledger import service as ledger
from services.metrics.ledger.histories import (
    PLACE,
    History,
    place_of_enclave,
    project_page,
    projects_of_enclave,
    read_histories,
)
from services.metrics.ledger.vocabulary import to_date
from shared.db.engine import WriteSession
from shared.messaging.received import Event

Key = tuple[str, int, tuple[str, ...]]
Cells = dict[Key, list[int]]

_CHUNK = 500


async def apply_events(tx: WriteSession, events: Sequence[Event]) -> None:
    """Take events into the ledger and their effect into the rollup."""
    for event in events:
        await _apply_event(tx, event)


async def _apply_event(tx: WriteSession, event: Event) -> None:
    kind = event.type.partition(".")[0]
    if kind == "enclave":
        await _apply_to_enclave(tx, event)
    elif kind in ("project", "landing"):
        project_id = event.subject_id if kind == "project" else event.object["project_id"]
        before = await read_histories(tx, [project_id])
        await ledger.apply_event(tx, event)
        await _replace(tx, before, await read_histories(tx, [project_id]))
    else:
        await ledger.apply_event(tx, event)


async def reset(tx: WriteSession) -> None:
    """Empty the ledger and the rollup, to be read again from the start of the feed."""
    await ledger.reset_ledger(tx)
    await _clear(tx)


async def rebuild(tx: WriteSession) -> int:
    """Add the rollup up anew from the ledger; return how many projects it holds."""
    await _clear(tx)
    done, after = 0, ""
    cells: Cells = {}
    while page := await project_page(tx, after, _CHUNK):
        histories = await read_histories(tx, page)
        for history in histories:
            _add(cells, history, 1)
        await _insert_spans(tx, histories)
        done, after = done + len(page), page[-1]
    await _write_cells(tx, cells)
    return done


async def _clear(tx: WriteSession) -> None:
    await tx.execute(delete(kpi_cells))
    await tx.execute(delete(landing_spans))


async def _apply_to_enclave(tx: WriteSession, event: Event) -> None:
    """An enclave's projects move only when what the rollup tells apart has changed."""
    before = await place_of_enclave(tx, event.subject_id)
    projects = await projects_of_enclave(tx, event.subject_id)
    held = await _read_all(tx, projects)
    await ledger.apply_event(tx, event)
    if await place_of_enclave(tx, event.subject_id) != before:
        await _replace(tx, held, await _read_all(tx, projects))


async def _read_all(tx: WriteSession, projects: Sequence[str]) -> list[History]:
    found = []
    for start in range(0, len(projects), _CHUNK):
        found += await read_histories(tx, projects[start : start + _CHUNK])
    return found


async def _replace(tx: WriteSession, before: Sequence[History], after: Sequence[History]) -> None:
    cells: Cells = {}
    for history in before:
        _add(cells, history, -1)
    for history in after:
        _add(cells, history, 1)
    await _write_cells(tx, {key: counts for key, counts in cells.items() if any(counts)})
    for start in range(0, len(before), _CHUNK):
        ids = [history.project_id for history in before[start : start + _CHUNK]]
        await tx.execute(delete(landing_spans).where(landing_spans.c.project_id.in_(ids)))
    await _insert_spans(tx, after)


def _add(cells: Cells, history: History, sign: int) -> None:
    facets = [EVERYTHING, *(facet_of(kind, value) for kind, value in history.tags)]
    facets += [facet_of(kind, "") for kind in ("section", "field") if kind not in dict(history.tags)]
    before = NOTHING
    for now in standings(history):
        change = [sign * (new - old) for new, old in zip(now.counts, before.counts, strict=True)]
        before = now
        if not any(change):
            continue
        for facet in facets:
            for period in (now.day // 10_000, now.day // 100, now.day):
                cell = cells.setdefault((facet, period, history.place), [0] * len(MEASURES))
                for index, amount in enumerate(change):
                    cell[index] += amount


def facet_of(kind: str, value: str) -> str:
    """Return the facet of the projects with a tag."""
    return f"{kind}={value}"


async def _write_cells(tx: WriteSession, cells: Cells) -> None:
    if not cells:
        return
    dialect: Any = postgresql if tx.dialect == "postgresql" else sqlite
    statement = dialect.insert(kpi_cells)
    added = {name: kpi_cells.c[name] + statement.excluded[name] for name in MEASURES}
    statement = statement.on_conflict_do_update(
        index_elements=list(kpi_cells.primary_key.columns), set_=added
    )
    rows = [
        {"facet": facet, "period": period, **dict(zip(PLACE, place, strict=True)), **_named(counts)}
        for (facet, period, place), counts in sorted(cells.items())
    ]
    for start in range(0, len(rows), _CHUNK):
        await tx.execute(statement, rows[start : start + _CHUNK])


def _named(counts: Iterable[int]) -> dict[str, int]:
    return dict(zip(MEASURES, counts, strict=True))


async def _insert_spans(tx: WriteSession, histories: Iterable[History]) -> None:
    rows = [span for history in histories for span in spans(history)]
    if rows:
        await tx.execute(insert(landing_spans), rows)


def spans(history: History) -> list[dict[str, Any]]:
    """Return the spans of an admitted project: one, unless a step was ever taken back."""
    kept: list[tuple[int, Standing]] = []
    for now in standings(history):
        if kept and _before(now, now.day) == _before(kept[-1][1], now.day):
            kept[-1] = (kept[-1][0], now)
        elif now.admitted is not None or kept:
            kept.append((now.day, now))
    ends = [*(start for start, _ in kept[1:]), FOREVER]
    return [
        _span(history, start, end, now)
        for (start, now), end in zip(kept, ends, strict=False)
        if now.admitted is not None
    ]


def _before(standing: Standing, day: int) -> tuple[int | None, ...]:
    """What a standing says of earlier days: if it says the same as its predecessor, it can stand for both."""
    moments = (standing.admitted, *standing.landed)
    return tuple(moment if moment is not None and moment < day else None for moment in moments)


def _span(history: History, start: int, end: int, standing: Standing) -> dict[str, Any]:
    assert standing.admitted is not None
    admitted = to_date(standing.admitted)
    after = [None if day is None else max(0, (to_date(day) - admitted).days) for day in standing.landed]
    return {
        "project_id": history.project_id,
        "from_day": start,
        "to_day": end,
        **dict(zip(PLACE, history.place, strict=True)),
        "admitted_day": standing.admitted,
        **{f"{tier}_day": day for tier, day in zip(TIERS, standing.landed, strict=True)},
        **{f"{tier}_after": days for tier, days in zip(TIERS, after, strict=True)},
    }
