"""Pages of a list by keyset: their cost is flat in the size of the table and in depth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Select,
    String,
    Table,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from shared.db.engine import Database, ReadSession, Row
from shared.db.hot import HotQuery
from shared.db.keyset import Condition, CursorSigner, ListQuery
from shared.db.visibility import Viewer

TOTAL_CEILING = 10_000

Columns = Mapping[str, ColumnElement[Any] | Column[Any]] | ReadOnlyColumnCollection[str, Column[Any]]
"""The columns behind the fields of a list, by the fields' names; among them ``id``."""

_COMPARISONS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": lambda left, right: left == right,
    "gte": lambda left, right: left >= right,
    "lte": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "lt": lambda left, right: left < right,
}


@dataclass(frozen=True)
class Total:
    """How many records match: exact up to the ceiling, else a lower bound."""

    count: int
    relation: Literal["eq", "gte"]


@dataclass(frozen=True)
class Page:
    """One page of rows and the cursor of the next."""

    rows: Sequence[Row]
    next_cursor: str | None
    total: Total | None = None


async def fetch_page(
    session: ReadSession, statement: Select[Any], columns: Columns, query: ListQuery, signer: CursorSigner
) -> Page:
    """Run one page of ``statement``.

    The sorted columns must not be null. The statement must select the sort column and id under those names.
    """
    filtered = _filtered(statement, columns, query)
    params = _params(query, signer)
    total = await _total(session, filtered, params) if query.include_total else None
    return _page(await session.rows(_ordered(filtered, columns, query), params), query, signer, total)


class HotPages:
    """The pages of one list on the driver itself, compiled once for each way of asking.

    ``root`` is the column that tells whose a record is, ``parties`` who sees it.
    """

    def __init__(
        self, selected: Sequence[Column[Any]], columns: Columns, root: Column[Any], parties: Table
    ) -> None:
        self._columns = columns
        self._all = select(*selected)
        mine = parties.c.organisation_id == bindparam("organisation_id")
        self._own = self._all.where(root.in_(select(parties.c.record_id).where(mine)))
        self._compiled: dict[tuple[Any, ...], HotQuery] = {}

    def takes(self, database: Database, viewer: Viewer, query: ListQuery) -> bool:
        """Tell whether the driver should run this page.

        On SQLite it would do so on the event loop, so only where an index gives the rows one by one.
        """
        compiled = all(c.operator in _COMPARISONS and c.field in self._columns for c in query.conditions)
        if query.include_total or not compiled:
            return False
        return database.dialect != "sqlite" or (viewer.sees_network and not query.conditions)

    async def fetch(self, database: Database, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
        """Run one page."""
        params = _params(query, signer)
        if not viewer.sees_network:
            params["organisation_id"] = viewer.organisation_id or ""
        rows = await self._query(viewer.sees_network, query).rows(database, params)
        return _page(rows, query, signer, None)

    def _query(self, sees_network: bool, query: ListQuery) -> HotQuery:
        asked = tuple((condition.field, condition.operator) for condition in query.conditions)
        shape = (sees_network, query.sort, query.cursor is None, asked)
        found = self._compiled.get(shape)
        if found is None:
            statement = _filtered(self._all if sees_network else self._own, self._columns, query)
            found = self._compiled[shape] = HotQuery(_ordered(statement, self._columns, query))
        return found


def _page(rows: Sequence[Row], query: ListQuery, signer: CursorSigner, total: Total | None) -> Page:
    if len(rows) <= query.limit:
        return Page(rows, None, total)
    last = rows[query.limit - 1]
    return Page(rows[: query.limit], signer.sign(query, (last[query.sort_field], last["id"])), total)


def _params(query: ListQuery, signer: CursorSigner) -> dict[str, Any]:
    params: dict[str, Any] = {"limit": query.limit + 1}
    if query.cursor is not None:
        params["after"], params["after_id"] = signer.read(query)
        if query.sort_field == "id":
            del params["after"]
    for number, condition in enumerate(query.conditions):
        if condition.operator != "contains":
            params[f"value_{number}"] = condition.value
    return params


def _filtered(statement: Select[Any], columns: Columns, query: ListQuery) -> Select[Any]:
    criteria = [
        _criterion(columns[condition.field], condition, f"value_{number}")
        for number, condition in enumerate(query.conditions)
    ]
    return statement.where(*criteria)


def _criterion(
    column: ColumnElement[Any] | Column[Any], condition: Condition, name: str
) -> ColumnElement[bool]:
    if condition.operator == "contains":
        folded = condition.value.encode().lower().decode()  # Of bytes, only A to Z are lowered.
        return _Lowered(column).contains(folded, autoescape=True)
    if condition.operator == "in":
        return column.in_(bindparam(name, expanding=True, type_=column.type))
    return _COMPARISONS[condition.operator](column, _typed(name, column))


class _Lowered(FunctionElement[str]):
    """A text with A to Z in lower case and everything else as it is, on both databases."""

    type = String()
    inherit_cache = True


@compiles(_Lowered)
def _lower(element: _Lowered, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(_Lowered, "postgresql")
def _lower_on_postgresql(element: _Lowered, compiler: SQLCompiler, **options: Any) -> str:
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "C")'


def _ordered(statement: Select[Any], columns: Columns, query: ListQuery) -> Select[Any]:
    column, identifier = columns[query.sort_field], columns["id"]
    keys = [identifier] if query.sort_field == "id" else [column, identifier]
    if query.cursor is not None:
        statement = statement.where(_beyond(keys, query.descending))
    ordered = statement.order_by(*[key.desc() if query.descending else key.asc() for key in keys])
    return ordered.limit(bindparam("limit"))


def _beyond(keys: Sequence[ColumnElement[Any] | Column[Any]], descending: bool) -> ColumnElement[bool]:
    """Return that a row stands after the cursor; the first comparison alone bounds the range of the index."""
    strictly, bounding = ("lt", "lte") if descending else ("gt", "gte")
    after_id = _COMPARISONS[strictly](keys[-1], _typed("after_id", keys[-1]))
    if len(keys) == 1:
        return after_id
    after = _typed("after", keys[0])
    return and_(_COMPARISONS[bounding](keys[0], after), or_(_COMPARISONS[strictly](keys[0], after), after_id))


def _typed(name: str, column: ColumnElement[Any] | Column[Any]) -> BindParameter[Any]:
    return bindparam(name, type_=column.type)


async def _total(session: ReadSession, statement: Select[Any], params: Mapping[str, Any]) -> Total:
    bounded = statement.with_only_columns(literal(1), maintain_column_froms=True).limit(TOTAL_CEILING + 1)
    count = await session.scalar(select(func.count()).select_from(bounded.subquery()), params)
    return Total(min(count, TOTAL_CEILING), "gte" if count > TOTAL_CEILING else "eq")
