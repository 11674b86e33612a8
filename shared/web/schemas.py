"""The envelope of lists."""

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

Item = TypeVar("Item", bound=BaseModel)


class ListTotal(BaseModel):
    """How many records match: exact, or at least the ceiling."""

    count: int
    relation: Literal["eq", "gte"]


class PageOf(BaseModel, Generic[Item]):
    """One page of a list. ``total`` is there only when it was asked for."""

    items: list[Item]
    next_cursor: str | None
    has_more: bool
    total: ListTotal | None = None
