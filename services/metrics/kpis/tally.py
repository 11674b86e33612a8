"""Adding histories up to cells before they are written: what goes out and comes in again cancels here."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ARRAY, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from services.metrics.kpis.standing import LANDING_MEASURES, MEASURES, NOTHING, landing_counts, standings
from services.metrics.kpis.tables import EVERYTHING, FIRST_YEAR, kpi_cells, landing_cells
from services.metrics.ledger.histories import History
from shared.db.driver import execute_rows
from shared.db.engine import WriteSession

Place = tuple[str, ...]
Where = tuple[Place, tuple[str, ...]]
"""A place and the facets of who is there."""
Spot = tuple[str, int, Place]
"""A facet, whether the place is told apart, and the place."""
Changes = dict[tuple[Where, int, int], list[int]]
"""By how much measures change where, on a day, at a moment."""

ALL_PLACES: Place = ("", "", "", "")
_ROWS = 2_000


class Tally:
    """By how much the cells change."""

    def __init__(self) -> None:
        self._counts: Changes = {}
        self._landings: Changes = {}

    def __len__(self) -> int:
        return len(self._counts) + len(self._landings)

    def add(self, history: History, sign: int) -> None:
        """Count a project in (1) or out (-1)."""
        where = (history.place, _facets(history))
        before = NOTHING
        for now in standings(history):
            if now.counts != before.counts:
                change = self._counts.setdefault((where, now.day, 0), [0] * len(MEASURES))
                for index, (new, old) in enumerate(zip(now.counts, before.counts, strict=True)):
                    if new != old:
                        change[index] += sign * (new - old)
            if (now.admitted, now.landed) != (before.admitted, before.landed):
                for standing, direction in ((before, -sign), (now, sign)):
                    for moment, index in landing_counts(standing):
                        key = (where, now.day, moment)
                        self._landings.setdefault(key, [0] * len(LANDING_MEASURES))[index] += direction
            before = now

    async def write(self, tx: WriteSession) -> None:
        """Add the changes to the cells, and forget them."""
        for table, changes in ((kpi_cells, self._counts), (landing_cells, self._landings)):
            rows = _rows(table, changes)
            while part := list(islice(rows, _ROWS)):
                await _add(tx, table, part)
            changes.clear()


def facet_of(kind: str, value: str) -> str:
    """Return the facet of the projects with a tag."""
    return f"{kind}={value}"


def _facets(history: History) -> tuple[str, ...]:
    kinds = {kind for kind, _ in history.tags}
    bare = [facet_of(kind, "") for kind in ("section", "field") if kind not in kinds]
    return (EVERYTHING, *(facet_of(kind, value) for kind, value in history.tags), *bare)


def _rows(table: Table, changes: Changes) -> Iterator[tuple[Any, ...]]:
    """Spread the changes over facets, places and periods, and yield one row for each cell."""
    real = {key: vector for key, vector in changes.items() if any(vector)}
    if not real:
        return
    spots: dict[Spot, int] = {}
    wheres: dict[Where, NDArray[np.int64]] = {}
    for where, _, _ in real:
        if where not in wheres:
            wheres[where] = _spots(where, spots)
    reach = [wheres[where] for where, _, _ in real]
    source = np.repeat(np.arange(len(real)), [len(entry) for entry in reach])
    days = np.array([day for _, day, _ in real])[source]
    moments = np.array([moment for _, _, moment in real])[source]
    spot_of, vectors, names = np.concatenate(reach), np.array(list(real.values()), np.int32), list(spots)
    with_moment = "moment" in table.c
    years = np.maximum(days // 10_000, FIRST_YEAR - 1)
    for periods in (years, days // 100, days):
        keys = np.stack([spot_of, periods, moments])
        for (spot, period, moment), counts in _added_up(keys, source, vectors):
            facet, placed, place = names[spot]
            yield (facet, placed, period, *((moment,) if with_moment else ()), *place, *counts)


def _added_up(
    keys: NDArray[np.int64], source: NDArray[np.int64], vectors: NDArray[np.int32]
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield each key once, with the sum of its vectors, unless that is nothing."""
    order = np.lexsort(keys[::-1])
    keys = keys[:, order]
    starts = np.flatnonzero(np.r_[True, (np.diff(keys) != 0).any(axis=0)])
    sums = np.add.reduceat(vectors[source[order]], starts)
    kept = sums.any(axis=1)
    return zip(keys[:, starts[kept]].T.tolist(), sums[kept].tolist(), strict=True)


def _spots(where: Where, spots: dict[Spot, int]) -> NDArray[np.int64]:
    place, facets = where
    mine = [spot for facet in facets for spot in ((facet, 0, ALL_PLACES), (facet, 1, place))]
    return np.array([spots.setdefault(spot, len(spots)) for spot in mine])


async def _add(tx: WriteSession, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Straight on the driver where SQLAlchemy would spend more on a row than the database."""
    statement = _STATEMENTS[tx.dialect, table.name]
    if tx.dialect == "postgresql":
        columns = map(list, zip(*rows, strict=True))
        await tx.execute(statement, dict(zip(table.columns.keys(), columns, strict=True)))
    else:
        await execute_rows(await tx.driver_connection(), tx.dialect, statement, rows)


def _statement(table: Table, dialect: str) -> Any:
    """An insertion that adds to what is there: of whole columns on PostgreSQL, of single rows on SQLite."""
    statement: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    if dialect == "postgresql":
        arrays = [func.unnest(bindparam(column.name, type_=ARRAY(column.type))) for column in table.columns]
        statement = statement.from_select(table.columns.keys(), select(*arrays))
    key = list(table.primary_key.columns)
    counted = [column for column in table.columns if not column.primary_key]
    added = {column.name: column + statement.excluded[column.name] for column in counted}
    statement = statement.on_conflict_do_update(index_elements=key, set_=added)
    return statement if dialect == "postgresql" else str(statement.compile(dialect=sqlite.dialect()))


_STATEMENTS = {
    (dialect, table.name): _statement(table, dialect)
    for dialect in ("postgresql", "sqlite")
    for table in (kpi_cells, landing_cells)
}
