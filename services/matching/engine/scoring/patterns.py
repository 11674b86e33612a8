"""Projects share few sets of industries and few host sites: each is worked out once per home unit."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import industries
from services.matching.engine.scoring.columns import grown
from services.matching.engine.scoring.compilation import Codes, Place
from services.matching.engine.scoring.geography import distances_m, unit_vector

_DEEPEST = 4
"""Section, division, group and class."""


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
        self._vectors = np.zeros((3, 16))

    def industry(self, keys: tuple[str, ...]) -> int:
        """The number of a set of industries; a set without any holds one that nobody has."""
        known = self._patterns.get(keys)
        if known is not None:
            return known
        number = self._patterns[keys] = len(self._patterns)
        codes = [self._key(key) for key in keys or ("",)]
        self._starts, self._items = (
            grown(self._starts, number + 1),
            grown(self._items, self._used + len(codes)),
        )
        self._starts[number] = self._used
        self._items[self._used : self._used + len(codes)] = codes
        self._used += len(codes)
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

    def fits(self, nodes: frozenset[str]) -> NDArray[np.int32]:
        """Per industry its similarity with a home unit's industries."""
        return self._best({node: industries.node_score(node) for node in nodes})

    def supports(self, policy_nodes: frozenset[str]) -> NDArray[np.int32]:
        """Per industry whether it is, or lies under, a supported node: 1 or 0."""
        return self._best(dict.fromkeys(policy_nodes, 1))

    def _best(self, values: Mapping[str, int]) -> NDArray[np.int32]:
        by_node = np.zeros(len(self._nodes) + 1, np.int32)
        for node, value in values.items():
            code = self._nodes.get(node)
            if code is not None:
                by_node[code + 1] = value
        best: NDArray[np.int32] = by_node[self._steps[:, : len(self._names)]].max(axis=0)
        return best

    def over(self, values: NDArray[np.int32], patterns: NDArray[np.int32]) -> NDArray[np.int32]:
        """The greatest of the values of a pattern's industries, for each of these patterns."""
        items, starts = self.segments
        if 4 * len(patterns) > len(starts):
            return np.maximum.reduceat(values[items], starts[:-1])[patterns]
        first, lengths = starts[patterns], np.diff(starts)[patterns]
        ends = np.cumsum(lengths)
        take = np.repeat(first - (ends - lengths), lengths) + np.arange(int(lengths.sum()))
        return np.maximum.reduceat(values[items[take]], ends - lengths) if len(patterns) else values[:0]

    @property
    def names(self) -> Sequence[str]:
        """Return every industry, by its number; the empty one stands for none."""
        return self._names

    @property
    def segments(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the industries of all patterns, and where each begins, with the end of the last."""
        starts = np.append(self._starts[: len(self._patterns)], self._used)
        return self._items[: self._used], starts

    @property
    def places(self) -> Sequence[Place]:
        """Return every host's place, by its number."""
        return list(self._hosts)

    def distances(self, place: Place) -> NDArray[np.int32]:
        origin = None if place is None else unit_vector(*place)
        return distances_m(self._vectors[:, : len(self._hosts)], origin)
