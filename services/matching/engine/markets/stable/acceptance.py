"""Deferred acceptance: the state of asking, and its one entry for compiled code and plain Python alike."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.market import NONE
from services.matching.engine.markets.stable.family import Family
from services.matching.engine.markets.stable.lists import Lists, bits_of

Ints = NDArray[np.int64]
CROWD = 1_000
"""As long as more projects ask, sets choose among many at once; the results are the same."""
KERNELS = "FEIDI_ENGINE_KERNELS"
"""Set to ``python`` in the environment, nothing is compiled; the results are the same."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """``assignment[p]`` is a home unit or −1; ``lifted[p]`` is 1 for whom promotion let ask once more."""

    assignment: Ints
    lifted: Ints


@dataclass(eq=False)
class State:
    """What the sets hold at any moment, as the compiled code keeps it."""

    leaf_used: Ints
    home_used: Ints
    region_used: Ints
    heap_start: Ints
    heap: Ints
    asks: Ints
    lifted: Ints

    def copy(self) -> "State":
        """Return a state that can go on without touching this one."""
        return State(*(value.copy() for value in vars(self).values()))


@dataclass(frozen=True, eq=False)
class Columns:
    """What the projects ask, as both kernels read it; wishes as ``Lists.wishes`` packs them."""

    starts: Ints
    wishes: Ints
    column: Ints
    bits: int
    owner_bits: int
    lift: int


def columns_of(lists: Lists, homes: int, promotion: bool = False) -> Columns:
    """Return the columns of lists; ``homes`` is how many home units there are."""
    bits = bits_of(homes)
    wishes, lift = lists.wishes(homes, promotion), lists.span if promotion else 0
    return Columns(lists.starts, wishes, lists.column, bits, bits_of(len(lists.starts)), lift)


def accept(lists: Lists, family: Family, promotion: bool = False) -> Outcome:
    """Return the project-optimal stable assignment of strict lists and priorities."""
    state = fresh_state(asking(lists, family), family, lists.starts.copy())
    columns = columns_of(lists, len(family.home_limit), promotion)
    run(state, np.flatnonzero(lists.starts < lists.ends), columns, family)
    return Outcome(assigned(lists, state.asks), state.lifted)


def assigned(lists: Lists, asks: Ints) -> Ints:
    """Return the home unit of each project from the entry it holds."""
    homes = np.append(lists.homes, NONE)
    return np.where(asks < lists.ends, homes[np.minimum(asks, len(lists.homes))], NONE)


def run(state: State, free: Ints, columns: Columns, family: Family) -> None:
    """Let the free projects, none with an empty list, ask until nobody does; ``free`` is overwritten.

    In plain Python the state has to be fresh, and only ``asks`` and ``lifted`` are kept.
    """
    kernels = compiled()
    if kernels is not None:
        choose, propose = kernels
        rest = (*vars(columns).values(), *vars(family).values(), *vars(state).values())
        few = max(CROWD, len(state.asks) >> 6)
        waiting = len(free) if columns.lift else choose(few, free, *rest)[0]
        propose(free[:waiting], *rest)
        return
    from services.matching.engine.markets.stable import fallback

    asks, lifted = fallback.propose(free, columns, family)
    state.asks[: len(asks)], state.lifted[: len(lifted)] = asks, lifted


def asking(lists: Lists, family: Family) -> Ints:
    """Return how many projects list each leaf."""
    leaf = family.leaf_of[lists.homes, lists.column[lists.owners()]]
    return np.bincount(leaf, minlength=len(family.leaf_home))


def fresh_state(asking: Ints, family: Family, asks: Ints) -> State:
    """Return the state in which nobody has been taken yet; ``asking`` is how many may ask each leaf."""
    room = np.minimum(np.minimum(family.leaf_limit, family.home_limit[family.leaf_home]), asking)
    ends = np.cumsum(room)
    total = int(ends[-1]) if len(ends) else 0
    return State(
        leaf_used=np.zeros(len(room), np.int64),
        home_used=np.zeros(len(family.home_limit), np.int64),
        region_used=np.zeros(len(family.region_limit), np.int64),
        heap_start=ends - room,
        heap=np.empty(total, np.int64),
        asks=asks,
        lifted=np.zeros(len(asks), np.int64),
    )


class Trial:
    """One project with a list of one entry, tried with several classes against the same others."""

    def __init__(self, lists: Lists, family: Family, project: int) -> None:
        self.lists, self.family, self.project = lists, family, project
        self.entry = int(lists.starts[project])
        self.columns = columns_of(lists, len(family.home_limit))
        self.state = self._fresh()
        if compiled():
            free = np.flatnonzero(lists.starts < lists.ends)
            run(self.state, free[free != project], self.columns, family)

    def _fresh(self) -> State:
        return fresh_state(asking(self.lists, self.family), self.family, self.lists.starts.copy())

    def matched(self, level: int) -> bool:
        """Return whether the project is matched if its class is ``level``."""
        lists, bits = self.lists, self.columns.bits
        below = int(self.columns.wishes[self.entry]) & ((1 << (bits + 1)) - 1)
        key = level * lists.span + int(lists.number[self.project])
        self.columns.wishes[self.entry] = (key << (bits + 1)) | below
        if compiled():
            state, free = self.state.copy(), np.array([self.project])
        else:
            state, free = self._fresh(), np.flatnonzero(lists.starts < lists.ends)
        run(state, free, self.columns, self.family)
        return int(state.asks[self.project]) == self.entry


def compiled() -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """Return the kernels for crowds and for the rest, or None where the results come from plain Python."""
    return None if os.environ.get(KERNELS) == "python" else _kernels()


@cache
def _kernels() -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    try:
        from services.matching.engine.markets.stable.crowd import choose
        from services.matching.engine.markets.stable.kernel import propose
    except ImportError:
        return None
    return choose, propose
