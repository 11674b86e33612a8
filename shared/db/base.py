"""Metadata with constraint names that are the same on both databases, and errors told apart by them."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import MetaData, Table, UniqueConstraint
from sqlalchemy.exc import IntegrityError

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
_SQLITE = re.compile(r"UNIQUE constraint failed: (.+)")


def new_metadata() -> MetaData:
    """Return an empty MetaData with the naming convention all services share."""
    return MetaData(naming_convention=_NAMING)


@contextlib.contextmanager
def refusing(table: Table, refusals: Mapping[str, Callable[[], Exception]]) -> Iterator[None]:
    """Turn the violation of a named unique key of ``table`` into its refusal.

    The violation of any other constraint is a defect of ours and stays what it is.
    """
    try:
        yield
    except IntegrityError as error:
        refusal = refusals.get(violated_key(error, table) or "")
        if refusal is None:
            raise
        raise refusal() from error


def violated_key(error: IntegrityError, table: Table) -> str | None:
    """Return the name of the unique key of ``table`` that a statement violated; None for anything else."""
    keys, named = unique_keys(table), _postgresql_name(error)
    if named is None and (found := _SQLITE.search(str(error.orig))):
        columns = {name.strip() for name in found[1].split(",")}
        named = next((name for name, key in keys.items() if key == columns), None)
    return named if named in keys else None


def unique_keys(table: Table) -> dict[str, set[str]]:
    """Return the unique keys of a table by name, each with its columns as SQLite tells them."""
    keys: list[Any] = [table.primary_key]
    keys += [key for key in table.constraints if isinstance(key, UniqueConstraint)]
    keys += [index for index in table.indexes if index.unique]
    return {str(key.name): {f"{table.name}.{column.name}" for column in key.columns} for key in keys}


def _postgresql_name(error: BaseException) -> str | None:
    """Return the name asyncpg reports, whichever way its error was wrapped."""
    inner: Any = error
    while inner is not None:
        if isinstance(name := getattr(inner, "constraint_name", None), str):
            return name
        inner = getattr(inner, "orig", None) or inner.__cause__
    return None
