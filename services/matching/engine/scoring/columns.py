"""Integer columns of home units and projects, in rows that can be replaced one at a time."""

from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Column = Any
"""An integer for one record, or an integer array for many; every formula takes either."""

NONE = -1
SMALL_MAX = 2**31 - 1
LARGE_MAX = 2**62


@dataclass(frozen=True, slots=True)
class HomeColumns:
    """``*_sure``: what certainly is there, −1 if not known; ``*_at_most``: what may be, huge if not known."""

    code: Column
    accepted_stages: Column
    stage_refusal: Column
    accepted_plants: Column
    plant_refusal: Column
    space_sure_m2: Column
    space_at_most_m2: Column
    fund_sure_cny: Column
    fund_at_most_cny: Column
    policy_refusal: Column
    clusters: Column
    clusters_known: Column
    gram_count: Column
    track_record: Column
    talent_count: Column
    talent: Column
    has_industries: Column


@dataclass(frozen=True, slots=True)
class ProjectColumns:
    """``*_at_most`` is the need in the worst case, ``*_at_least`` in the best; −1 for no need at all."""

    stage_bit: Column
    plant_bit: Column
    plant_refusal: Column
    space_at_most_m2: Column
    space_at_least_m2: Column
    fund_at_most_cny: Column
    fund_at_least_cny: Column
    policy_refusal: Column
    max_distance_m: Column
    clusters: Column
    lock_code: Column
    enclave_code: Column
    gram_count: Column
    pattern: Column
    host: Column


_WIDE = {"fund_sure_cny", "fund_at_most_cny", "fund_at_least_cny", "clusters"}
_NARROW = {"stage_refusal", "plant_refusal", "policy_refusal", "clusters_known", "has_industries"}


def _dtype(name: str) -> type[np.signedinteger[Any]]:
    return np.int64 if name in _WIDE else np.int8 if name in _NARROW else np.int32


C = TypeVar("C", HomeColumns, ProjectColumns)


class Table(Generic[C]):
    """Rows are dense: removing one moves the last into its place."""

    def __init__(self, kind: type[C]) -> None:
        self._kind: type[C] = kind
        self._names = [f.name for f in fields(kind)]
        self._arrays = {name: np.zeros(16, _dtype(name)) for name in self._names}
        self._view: C | None = None
        self.ids: list[str] = []
        self.rows: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def put(self, record_id: str, record: C) -> int:
        row = self.rows.get(record_id)
        if row is None:
            row = self.rows[record_id] = len(self.ids)
            self.ids.append(record_id)
            self._view = None
        for name in self._names:
            self._arrays[name] = array = grown(self._arrays[name], row + 1)
            array[row] = getattr(record, name)
        return row

    def drop(self, record_id: str) -> tuple[int, int]:
        """The freed row and the last row, which moved there."""
        row, last = self.rows.pop(record_id), len(self.ids) - 1
        for array in self._arrays.values():
            array[row] = array[last]
        self.ids[row] = self.ids[last]
        self.ids.pop()
        if row != last:
            self.rows[self.ids[row]] = row
        self._view = None
        return row, last

    @property
    def view(self) -> C:
        if self._view is None:
            self._view = self._kind(**{name: self._arrays[name][: len(self.ids)] for name in self._names})
        return self._view


def grown(array: NDArray[Any], length: int) -> NDArray[Any]:
    """The array itself, or a copy of at least this length on its last axis with room to spare."""
    if length <= array.shape[-1]:
        return array
    bigger = np.zeros((*array.shape[:-1], max(length, 2 * array.shape[-1])), array.dtype)
    bigger[..., : array.shape[-1]] = array
    return bigger
