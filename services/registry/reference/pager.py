"""Keyset pages over records in memory, with the same cursors and filters as pages over tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from shared.db.keyset import Condition, CursorSigner, ListQuery
from shared.db.pages import TOTAL_CEILING, Page, Total
from shared.errors import InvalidCursor

Record = TypeVar("Record", bound=BaseModel)
Matcher = Callable[[Any, Any], bool]
"""Tells whether a record satisfies a filter that is not one of its fields: (record, value)."""


def fetch_from_memory(
    records: Sequence[Record],
    query: ListQuery,
    signer: CursorSigner,
    *,
    identifier: str,
    matchers: Mapping[str, Matcher] | None = None,
) -> tuple[list[Record], Page]:
    """Return one page of records and its cursor. ``identifier`` is the field that breaks ties."""

    def key(record: Record) -> tuple[Any, str]:
        own = str(getattr(record, identifier))
        return (own if query.sort_field == "id" else getattr(record, query.sort_field)), own

    found = [record for record in records if _satisfies(record, query.conditions, matchers or {})]
    total = Total(min(len(found), TOTAL_CEILING), "gte" if len(found) > TOTAL_CEILING else "eq")
    found.sort(key=key, reverse=query.descending)
    if query.cursor is not None:
        after = signer.read(query)
        found = [record for record in found if _is_beyond(key(record), after, query.descending)]
    shown = found[: query.limit]
    cursor = signer.sign(query, key(shown[-1])) if len(found) > query.limit else None
    return shown, Page([], cursor, total if query.include_total else None)


def _is_beyond(key: tuple[Any, str], after: tuple[Any, str], descending: bool) -> bool:
    try:
        return key < after if descending else key > after
    except TypeError:
        raise InvalidCursor() from None


def _satisfies(record: BaseModel, conditions: Sequence[Condition], matchers: Mapping[str, Matcher]) -> bool:
    return all(_holds(record, condition, matchers) for condition in conditions)


def _holds(record: BaseModel, condition: Condition, matchers: Mapping[str, Matcher]) -> bool:
    if condition.field in matchers:
        values = condition.value if condition.operator == "in" else (condition.value,)
        return any(matchers[condition.field](record, value) for value in values)
    actual = getattr(record, condition.field)
    if condition.operator == "in":
        return actual in condition.value
    if condition.operator == "contains":
        return condition.value in (actual or "")
    return bool(actual == condition.value)
