"""How many bigrams a text shares with each of many texts, for few long rows and for many short ones."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring.columns import grown

Rows = NDArray[np.int32]
Grams = NDArray[np.int32]
_NO_ROWS: Rows = np.zeros(0, np.int32)


class Postings:
    """For each bigram the rows that have it: cheap to ask, dearer to change. Kept for home units."""

    def __init__(self) -> None:
        self._rows: dict[int, Rows] = {}

    def put(self, row: int, before: Collection[int], after: Collection[int]) -> None:
        for gram in set(before).difference(after):
            rows = self._rows[gram]
            self._rows[gram] = rows[rows != row]
        for gram in set(after).difference(before):
            self._rows[gram] = np.append(self._rows.get(gram, _NO_ROWS), np.int32(row))

    def shared(self, grams: Grams, size: int) -> NDArray[np.int64]:
        get = self._rows.get
        found = [rows for rows in map(get, grams.tolist()) if rows is not None]
        if not found:
            return np.zeros(size, np.int64)
        return np.bincount(np.concatenate(found), minlength=size)


class Segments:
    """Each row's bigrams as a segment of one array; replaced rows leave gaps until half is waste."""

    def __init__(self) -> None:
        self._items = np.zeros(1024, np.int32)
        self._used = 0
        self._live = 0
        self._start = np.zeros(16, np.int64)
        self._length = np.zeros(16, np.int64)

    def put(self, row: int, grams: Grams) -> None:
        size = len(grams)
        self._start, self._length = grown(self._start, row + 1), grown(self._length, row + 1)
        self._live += size - int(self._length[row])
        self._items = grown(self._items, self._used + size)
        self._items[self._used : self._used + size] = grams
        self._start[row], self._length[row] = self._used, size
        self._used += size
        if self._used > 2 * self._live + 4096:
            self._compact()

    def drop(self, row: int, last: int) -> None:
        self._live -= int(self._length[row])
        self._start[row], self._length[row] = self._start[last], self._length[last]
        self._length[last] = 0

    def _compact(self) -> None:
        ends = np.cumsum(self._length)
        starts = ends - self._length
        take = np.repeat(self._start - starts, self._length) + np.arange(int(ends[-1]))
        kept = self._items[take]
        self._start, self._used, self._live = starts, kept.size, kept.size
        self._items = grown(kept, 1024)

    def shared_of(self, rows: NDArray[np.integer], grams: Grams) -> NDArray[np.int32]:
        """How many of these bigrams each of these rows has."""
        lengths = self._length[rows]
        ends = np.cumsum(lengths)
        take = np.repeat(self._start[rows] - (ends - lengths), lengths) + np.arange(int(lengths.sum()))
        items = self._items[take]
        member = np.zeros(max(int(items.max(initial=0)), int(grams.max(initial=0))) + 1, np.int32)
        member[grams] = 1
        running = np.zeros(len(items) + 1, np.int32)
        np.cumsum(member[items], out=running[1:])
        totals: NDArray[np.int32] = running[ends] - running[ends - lengths]
        return totals

    def parts(self, size: int) -> tuple[Grams, NDArray[np.int64], NDArray[np.int64]]:
        """Return the one array, and of each of the first rows where its segment begins and how long it is."""
        return self._items[: self._used], self._start[:size], self._length[:size]


class Indexed(Segments):
    """Segments that also know the rows of each bigram, as they were when last sorted.

    Rows that changed since are looked at one by one; when they are an eighth of all, all are sorted anew.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changed = np.zeros(16, np.bool_)
        self._rows: Rows = _NO_ROWS
        self._first = np.zeros(1, np.int64)
        self._counts = np.zeros(0, np.int16)

    def put(self, row: int, grams: Grams) -> None:
        super().put(row, grams)
        self._touch(row)

    def drop(self, row: int, last: int) -> None:
        super().drop(row, last)
        self._touch(row)

    def _touch(self, row: int) -> None:
        self._changed = grown(self._changed, row + 1)
        self._changed[row] = True

    def shared(self, grams: Grams, size: int, kernel: Any = None) -> NDArray[np.integer]:
        """How many of these bigrams each of the first rows has: valid until the next such call.

        ``kernel``: compiled code to sort and to count with, for fewer than 2¹⁵ bigrams.
        """
        changed = np.flatnonzero(self._changed[:size])
        if 8 * len(changed) > size:
            self._sort(size, kernel)
            changed = changed[:0]
        known = grams[grams < len(self._first) - 1]
        begins, ends = self._first[known], self._first[known + 1]
        if kernel:
            self._counts = grown(self._counts, size)
            counts: NDArray[np.integer] = self._counts[:size]
            kernel.count(self._rows, begins, ends, counts)
        else:
            spans = zip(begins.tolist(), ends.tolist(), strict=True)
            found = [_NO_ROWS, *(self._rows[begin:end] for begin, end in spans)]
            counts = np.bincount(np.concatenate(found), minlength=size)[:size]
        if len(changed):
            counts[changed] = self.shared_of(changed, grams)
        return counts

    def _sort(self, size: int, kernel: Any) -> None:
        starts, lengths = self._start[:size], self._length[:size]
        self._changed = np.zeros(size, np.bool_)
        if kernel:
            items = self._items[: self._used]
            self._rows = np.empty(int(lengths.sum()), np.int32)
            self._first = np.zeros(int(items.max(initial=-1)) + 3, np.int64)
            kernel.sort(items, starts, lengths, self._rows, self._first)
            return
        ends = np.cumsum(lengths)
        items = self._items[np.repeat(starts - (ends - lengths), lengths) + np.arange(int(lengths.sum()))]
        self._rows = np.repeat(np.arange(size, dtype=np.int32), lengths)[_order(items)]
        self._first = np.concatenate(([0], np.cumsum(np.bincount(items))))


def _order(items: Grams) -> NDArray[np.int64]:
    """The order that sorts numbers from 0 on, by their halves: sorting 16 bits takes linear time."""
    order = np.argsort(items.astype(np.uint16), kind="stable")
    upper = (items >> 16).astype(np.uint16)
    return order[np.argsort(upper[order], kind="stable")] if upper.any() else order
