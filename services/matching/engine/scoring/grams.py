"""How many bigrams a text shares with each of many texts, for few long rows and for many short ones."""

from collections.abc import Collection

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

    def shared(self, grams: Grams, size: int) -> NDArray[np.int32]:
        """How many of these bigrams each row has."""
        items = self._items[: self._used]
        member = np.zeros(max(int(items.max(initial=0)), int(grams.max(initial=0))) + 1, np.int32)
        member[grams] = 1
        running = np.zeros(self._used + 1, np.int32)
        np.cumsum(member[items], out=running[1:])
        start = self._start[:size]
        totals: NDArray[np.int32] = running[start + self._length[:size]] - running[start]
        return totals

    def parts(self, size: int) -> tuple[Grams, NDArray[np.int64], NDArray[np.int64]]:
        """Return the one array, and of each of the first rows where its segment begins and how long it is."""
        return self._items[: self._used], self._start[:size], self._length[:size]
