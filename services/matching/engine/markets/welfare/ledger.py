"""An assignment on its way: who is where, how much of every limit is used, and what putting one more does."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.welfare.compiling import kernel
from services.matching.engine.markets.welfare.problem import Ints, Problem
from services.matching.engine.markets.welfare.relaxation import Lists, Multipliers, no_multipliers


class Ledger(NamedTuple):
    """``home`` per project, −1 for none; ``used`` in the shapes of the limits.

    ``wishing[start[h]:start[h + 1]]`` are the projects that list h, ``gains`` what each gains at its listed
    home units after prices; ``members`` of h stand from ``start[h]``, ``seat`` says where a project stands.
    ``total`` holds the welfare and ``bonus`` what a place below a lower quota counts.
    """

    home: Ints
    used: Multipliers
    lists: Lists
    gains: Ints
    start: Ints
    wishing: Ints
    members: Ints
    seat: Ints
    total: Ints
    bonus: int


def ledger_of(problem: Problem, lists: Lists, gains: Ints, bonus: int) -> Ledger:
    """Return an empty assignment over listed home units."""
    projects, homes = problem.weights.shape
    at, place = np.nonzero(lists >= 0)
    named = lists[at, place]
    # The best first: their gains decide, then the number of the project.
    order = np.lexsort((at, -gains[at, place], named))
    start = np.concatenate(([0], np.cumsum(np.bincount(named, minlength=homes))))
    return Ledger(
        home=np.full(projects, -1, np.int64),
        used=no_multipliers(problem),
        lists=lists,
        gains=gains,
        start=start.astype(np.int64),
        wishing=at[order].astype(np.int64),
        members=np.empty(len(at), np.int64),
        seat=np.full(projects, -1, np.int64),
        total=np.zeros(1, np.int64),
        bonus=bonus,
    )


@kernel
def fits(problem: Problem, ledger: Ledger, project: int, home: int) -> bool:
    """Tell whether no rule is broken if a project joins a home unit."""
    industry, region = problem.industry[project], problem.region[home]
    if (
        ledger.used.quota[home] >= problem.quotas[home]
        or ledger.used.industry[industry, home] >= problem.industry_limit[industry, home]
        or ledger.used.region[region] >= problem.region_limit[region]
    ):
        return False
    for kind in range(len(problem.demands)):
        if ledger.used.resource[kind, home] > problem.capacity[kind, home] - problem.demands[kind, project]:
            return False
    return True


@kernel
def put(problem: Problem, ledger: Ledger, project: int, home: int) -> None:
    """Let a project join a home unit that it lists and where it fits."""
    if ledger.used.quota[home] < problem.lower[home]:
        ledger.total[0] += ledger.bonus
    seat = ledger.start[home] + ledger.used.quota[home]
    ledger.members[seat] = project
    ledger.seat[project] = seat
    ledger.home[project] = home
    ledger.total[0] += problem.weights[project, home]
    ledger.used.quota[home] += 1
    ledger.used.industry[problem.industry[project], home] += 1
    ledger.used.region[problem.region[home]] += 1
    for kind in range(len(problem.demands)):
        ledger.used.resource[kind, home] += problem.demands[kind, project]


@kernel
def take(problem: Problem, ledger: Ledger, project: int) -> None:
    """Let a project leave its home unit."""
    home, seat = ledger.home[project], ledger.seat[project]
    ledger.used.quota[home] -= 1
    last = ledger.members[ledger.start[home] + ledger.used.quota[home]]
    ledger.members[seat] = last
    ledger.seat[last] = seat
    ledger.home[project], ledger.seat[project] = -1, -1
    if ledger.used.quota[home] < problem.lower[home]:
        ledger.total[0] -= ledger.bonus
    ledger.total[0] -= problem.weights[project, home]
    ledger.used.industry[problem.industry[project], home] -= 1
    ledger.used.region[problem.region[home]] -= 1
    for kind in range(len(problem.demands)):
        ledger.used.resource[kind, home] -= problem.demands[kind, project]


@kernel
def settle(problem: Problem, ledger: Ledger, pool: NDArray[np.int64], noise: NDArray[np.int64]) -> None:
    """Let projects join, those first that gain most, each where it gains most of where it fits.

    ``noise`` is added to what each would gain at all its home units alike and so changes the turn only.
    """
    keys = np.empty(len(pool), np.int64)
    for at in range(len(pool)):
        keys[at] = -(wish(problem, ledger, pool[at]) + noise[at])
    for at in np.argsort(keys, kind="mergesort"):
        project = pool[at]
        best, gain = -1, np.int64(0)
        for place in range(ledger.lists.shape[1]):
            home = ledger.lists[project, place]
            if home < 0:
                break
            value = ledger.gains[project, place]
            if ledger.used.quota[home] < problem.lower[home]:
                value += ledger.bonus * 1_000_000
            if (best < 0 or value > gain) and fits(problem, ledger, project, home):
                best, gain = home, value
        if best >= 0:
            put(problem, ledger, project, best)


@kernel
def wish(problem: Problem, ledger: Ledger, project: int) -> int:
    """Return the most a project could gain now, or what it gains at its best if it fits nowhere."""
    for place in range(ledger.lists.shape[1]):
        home = ledger.lists[project, place]
        if home < 0:
            break
        if fits(problem, ledger, project, home):
            return ledger.gains[project, place]
    return ledger.gains[project, 0]
