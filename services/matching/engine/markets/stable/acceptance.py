"""Deferred acceptance: the state of asking, and its one entry for compiled code and plain Python alike."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.market import NONE
from services.matching.engine.markets.stable.family import Family
from services.matching.engine.markets.stable.lists import Lists

Ints = NDArray[np.int64]
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
    heap_keys: Ints
    heap_owners: Ints
    asks: Ints
    lifted: Ints

    def copy(self) -> "State":
        """Return a state that can go on without touching this one."""
        return State(*(value.copy() for value in vars(self).values()))


def accept(lists: Lists, family: Family, promotion: bool = False) -> Outcome:
    """Return the project-optimal stable assignment of strict lists and priorities."""
    keys = lists.keys(promotion)
    lift = lists.span if promotion else 0
    if compiled() is None:
        from services.matching.engine.markets.stable import fallback

        columns = fallback.Columns(lists.starts, lists.ends, lists.homes, keys, lists.column, family)
        asks, lifted = (np.array(one, np.int64) for one in fallback.propose(columns, lift))
    else:
        state = fresh_state(asking(lists, family), family, lists.starts.copy())
        free = np.arange(len(lists.starts))
        run(state, free, (lists.starts, lists.ends, lists.homes, keys, lists.column), lift, family)
        asks, lifted = state.asks, state.lifted
    return Outcome(assigned(lists, asks), lifted)


def assigned(lists: Lists, asks: Ints) -> Ints:
    """Return the home unit of each project from the entry it holds."""
    homes = np.append(lists.homes, NONE)
    return np.where(asks < lists.ends, homes[np.minimum(asks, len(lists.homes))], NONE)


def run(state: State, free: Ints, columns: tuple[NDArray[Any], ...], lift: int, family: Family) -> None:
    """Let the free projects ask, compiled; ``columns`` are starts, ends, homes, keys and industry columns.

    Leaves the state as it is when nobody asks any more; ``free`` is overwritten.
    """
    propose = compiled()
    assert propose is not None
    if len(columns[2]):
        propose(free, *columns, lift, *vars(family).values(), *vars(state).values())


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
        heap_keys=np.empty(total, np.int64),
        heap_owners=np.empty(total, np.int64),
        asks=asks,
        lifted=np.zeros(len(asks), np.int64),
    )


class Trial:
    """One project with a list of one entry, tried with several classes against the same others."""

    def __init__(self, lists: Lists, family: Family, project: int) -> None:
        self.lists, self.family, self.project = lists, family, project
        self.entry = int(lists.starts[project])
        self.keys = lists.keys()
        if compiled():
            self.state = fresh_state(asking(lists, family), family, lists.starts.copy())
            others = np.delete(np.arange(len(lists.starts)), project)
            run(self.state, others, self._columns(), 0, family)

    def _columns(self) -> tuple[NDArray[Any], ...]:
        lists = self.lists
        return lists.starts, lists.ends, lists.homes, self.keys, lists.column

    def matched(self, level: int) -> bool:
        """Return whether the project is matched if its class is ``level``."""
        if not compiled():
            classes = self.lists.classes.copy()
            classes[self.entry] = level
            found = accept(replace(self.lists, classes=classes), self.family)
            return int(found.assignment[self.project]) != NONE
        self.keys[self.entry] = level * self.lists.span + self.lists.number[self.project]
        state = self.state.copy()
        run(state, np.array([self.project]), self._columns(), 0, self.family)
        return int(state.asks[self.project]) == self.entry


def compiled() -> Callable[..., Any] | None:
    """Return the compiled kernel, or None where there is none or the environment asks for plain Python."""
    return None if os.environ.get(KERNELS) == "python" else _kernel()


@cache
def _kernel() -> Callable[..., Any] | None:
    try:
        from services.matching.engine.markets.stable.kernel import propose
    except ImportError:
        return None
    kernel: Callable[..., Any] = propose
    return kernel
