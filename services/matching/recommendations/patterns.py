"""Projects share few sets of industries and few host sites: each is worked out once per home unit."""

import numpy as np
from numpy.typing import NDArray

from services.matching.recommendations import industries
from services.matching.recommendations.columns import grown
from services.matching.recommendations.compilation import Codes, Place
from services.matching.recommendations.geography import distances_m, unit_vector


class Patterns:
    def __init__(self) -> None:
        self._patterns: dict[tuple[str, ...], int] = {}
        self._hosts: dict[Place, int] = {}
        self._keys = Codes()
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
        """Per pattern the best similarity with a home unit's industries; −1 if those are not known."""
        if not nodes:
            return np.full(len(self._patterns), -1, np.int32)
        return self._best([industries.fit((name,), nodes) for name in self._names])

    def supports(self, policy_nodes: frozenset[str]) -> NDArray[np.bool_]:
        return self._best([industries.supported((name,), policy_nodes) for name in self._names]) > 0

    def _best(self, by_key: list[int] | list[bool]) -> NDArray[np.int32]:
        if not self._used:
            return np.zeros(0, np.int32)
        values = np.array(by_key, np.int32)[self._items[: self._used]]
        return np.maximum.reduceat(values, self._starts[: len(self._patterns)])

    def distances(self, place: Place) -> NDArray[np.int32]:
        origin = None if place is None else unit_vector(*place)
        return distances_m(self._vectors[:, : len(self._hosts)], origin)
