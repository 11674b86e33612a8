"""Projects share few sets of industries and few host sites: each is worked out once per home unit."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import industries
from services.matching.engine.scoring.columns import grown
from services.matching.engine.scoring.compilation import Codes, Place
from services.matching.engine.scoring.geography import distances_m, unit_vector

_DEEPEST = 4
"""Section, division, group and class."""
_FEW = 4
SUPPORTED = 128
_MARKS = {level: 1 << place >> 1 for place, level in enumerate(industries.LEVELS)}
_ANY_FIT = sum(_MARKS.values())
FITS = np.array([industries.LEVELS[(mark & _ANY_FIT).bit_length()] for mark in range(256)], np.int32)
"""By the marks of some industries their best similarity."""


class Patterns:
    def __init__(self) -> None:
        self._patterns: dict[tuple[str, ...], int] = {}
        self._hosts: dict[Place, int] = {}
        self._keys, self._nodes = Codes(), Codes()
        self._steps = np.zeros((_DEEPEST, 64), np.int32)
        self._names: list[str] = []
        self._items = np.zeros(64, np.int32)
        self._starts = np.zeros(64, np.int64)
        self._used = 0
        self._few, self._long = np.zeros((_FEW, 64), np.int32), list[int]()
        self._vectors = np.zeros((3, 16))

    def __len__(self) -> int:
        return len(self._patterns)

    def industry(self, keys: tuple[str, ...]) -> int:
        """The number of a set of industries; a set without any holds one that nobody has."""
        known = self._patterns.get(keys)
        if known is not None:
            return known
        number = self._patterns[keys] = len(self._patterns)
        codes = [self._key(key) for key in keys or ("",)]
        self._starts, self._items = (
            grown(self._starts, number + 2),
            grown(self._items, self._used + len(codes)),
        )
        self._items[self._used : self._used + len(codes)] = codes
        self._used += len(codes)
        self._starts[number + 1] = self._used
        self._few = grown(self._few, number + 1)
        self._few[:, number] = (codes * _FEW)[:_FEW]
        if len(codes) > _FEW:
            self._long.append(number)
        return number

    def _key(self, key: str) -> int:
        code = self._keys(key)
        if code == len(self._names):
            self._names.append(key)
            self._steps = grown(self._steps, code + 1)
            steps = [1 + self._nodes(step) for step in industries.path(key)]
            self._steps[: len(steps), code] = steps
        return code

    def host(self, place: Place) -> int:
        known = self._hosts.get(place)
        if known is not None:
            return known
        number = self._hosts[place] = len(self._hosts)
        self._vectors = grown(self._vectors, number + 1)
        self._vectors[:, number] = np.nan if place is None else unit_vector(*place)
        return number

    def marks(self, nodes: frozenset[str], policy_nodes: frozenset[str]) -> NDArray[np.uint8]:
        """Per industry a bit for its similarity with a home unit's industries, and one for its support.

        The marks of several industries together are those of each: ``FITS`` tells the best similarity among
        them, and ``SUPPORTED`` is set if one of them is, or lies under, a supported node.
        """
        by_node = np.zeros(len(self._nodes) + 1, np.uint8)
        for name in nodes:
            if (code := self._nodes.get(name)) is not None:
                by_node[code + 1] = _MARKS[industries.node_score(name)]
        for name in policy_nodes:
            if (code := self._nodes.get(name)) is not None:
                by_node[code + 1] |= SUPPORTED
        marks: NDArray[np.uint8] = np.bitwise_or.reduce(by_node[self._steps[:, : len(self._names)]], axis=0)
        return marks

    def marked(self, marks: NDArray[np.uint8], patterns: NDArray[np.integer]) -> NDArray[np.uint8]:
        """The marks of each of these patterns."""
        starts = self._starts[patterns]
        lengths = self._starts[patterns + 1] - starts
        ends = np.cumsum(lengths)
        take = np.repeat(starts - (ends - lengths), lengths) + np.arange(int(lengths.sum()))
        return (
            np.bitwise_or.reduceat(marks[self._items[take]], ends - lengths) if len(patterns) else marks[:0]
        )

    def all_marked(self, marks: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The marks of every pattern."""
        first, *others = self.first_few[:, : len(self)]
        seen = marks.take(first)
        for more in others:
            seen |= marks.take(more)
        return self.with_long(marks, seen)

    def with_long(self, marks: NDArray[np.uint8], seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Put right the marks of those patterns that have more industries than ``first_few`` holds."""
        long = np.array(self._long, np.int64)
        seen[long] = self.marked(marks, long)
        return seen

    @property
    def first_few(self) -> NDArray[np.int32]:
        """Up to four industries of each pattern, repeated where there are fewer: 4 × patterns or more."""
        return self._few

    @property
    def names(self) -> Sequence[str]:
        """Return every industry, by its number; the empty one stands for none."""
        return self._names

    @property
    def segments(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the industries of all patterns, and where each begins, with the end of the last."""
        return self._items[: self._used], self._starts[: len(self._patterns) + 1]

    @property
    def places(self) -> Sequence[Place]:
        """Return every host's place, by its number."""
        return list(self._hosts)

    def distances(self, place: Place) -> NDArray[np.int32]:
        origin = None if place is None else unit_vector(*place)
        return distances_m(self._vectors[:, : len(self._hosts)], origin)
