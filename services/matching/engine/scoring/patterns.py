"""Projects share few sets of industries and few host sites: each is worked out once per home unit."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import industries
from services.matching.engine.scoring.columns import grown
from services.matching.engine.scoring.compilation import Codes, Place
from services.matching.engine.scoring.geography import distances_m, unit_vector


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

    def fits(self, nodes: frozenset[str], first: int = 0) -> NDArray[np.int32]:
        """Per pattern from the first on, the best similarity with a home unit's industries."""
        return self._best(lambda name: industries.fit((name,), nodes), first)

    def supports(self, policy_nodes: frozenset[str], first: int = 0) -> NDArray[np.int32]:
        return self._best(lambda name: industries.supported((name,), policy_nodes), first)

    def _best(self, value_of: Callable[[str], int], first: int) -> NDArray[np.int32]:
        count = len(self._patterns)
        if first == count:
            return np.zeros(0, np.int32)
        begin = int(self._starts[first])
        keys, places = np.unique(self._items[begin : self._used], return_inverse=True)
        values = np.array([value_of(self._names[key]) for key in keys.tolist()], np.int32)
        return np.maximum.reduceat(values[places], self._starts[first:count] - begin)

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
