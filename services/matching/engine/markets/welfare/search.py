"""Large rounds under every rule: a greedy choice at good prices, then parts of it done again and again.

The number of steps and the seed decide what is found, never the clock.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.welfare.compiling import kernel
from services.matching.engine.markets.welfare.ledger import Ledger, fits, ledger_of, put, settle, take
from services.matching.engine.markets.welfare.problem import Ints, Problem
from services.matching.engine.markets.welfare.relaxation import (
    Lists,
    Multipliers,
    Tolls,
    reduced,
    tolls_of,
)

REPAIRS = 100
"""How many parts one step of a search does again."""
_PART = 12
_LOOKED_AT = 24


class Found(NamedTuple):
    """``home`` per project, −1 for none and for those that are fixed; ``total`` with lower quotas' bonus."""

    home: Ints
    total: int


def search(
    problem: Problem,
    prices: Multipliers,
    lists: Lists,
    *,
    steps: int,
    seed: str,
    bonus: int,
    start: Ints | None = None,
) -> Found:
    """Return the best assignment found in ``steps`` steps, at least as good as ``start`` if that keeps all rules."""
    gains = gains_of(problem.weights, problem.industry, problem.demands, tolls_of(problem, prices), lists)
    ledger = ledger_of(problem, lists, gains, bonus)
    everybody = np.flatnonzero((problem.place < 0) & (lists[:, 0] >= 0))
    if start is not None:
        begin(problem, ledger, start)
        everybody = everybody[ledger.home[everybody] < 0]
    settle(problem, ledger, everybody, np.zeros(len(everybody), np.int64))
    chance = np.array([int(seed[:16], 16) | 1], np.uint64)
    positive = problem.weights[problem.weights > 0]
    typical = sum(positive.tolist()) // max(positive.size, 1)
    best, total = ledger.home.copy(), int(ledger.total[0])
    for step in range(steps if everybody.size or start is not None else 0):
        heat = max(typical // _COOL * (steps * 7 // 10 - step) // max(steps, 1), 0)
        improve(problem, ledger, chance, REPAIRS, heat, typical)
        if ledger.total[0] > total:
            best[:], total = ledger.home, int(ledger.total[0])
    return Found(best, total)


_COOL = 20


@kernel
def gains_of(weights: NDArray[np.int32], industry: Ints, demands: Ints, tolls: Tolls, lists: Lists) -> Ints:
    """Return what each project gains at its listed home units after prices, in the shape of the lists."""
    gains = np.zeros(lists.shape, np.int64)
    for project in range(len(lists)):
        for place in range(lists.shape[1]):
            if lists[project, place] < 0:
                break
            gains[project, place] = reduced(
                weights, industry, demands, tolls, project, lists[project, place]
            )
    return gains


@kernel
def begin(problem: Problem, ledger: Ledger, start: Ints) -> None:
    """Put every project where it was, if it lists that home unit and fits."""
    for project in range(len(start)):
        home = start[project]
        if home >= 0 and (ledger.lists[project] == home).any() and fits(problem, ledger, project, home):
            put(problem, ledger, project, home)


@kernel
def draw(chance: NDArray[np.uint64], end: int) -> int:
    """Return a whole number from 0 to end − 1, the next of the seed's."""
    x = chance[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    chance[0] = x
    return np.int64((x >> np.uint64(11)) % np.uint64(end))


@kernel
def improve(
    problem: Problem, ledger: Ledger, chance: NDArray[np.uint64], times: int, heat: int, typical: int
) -> None:
    """Take apart a few home units that share candidates, fill them anew, and keep it if it is not much worse."""
    pool, was = np.empty(256, np.int64), np.empty(256, np.int64)
    noise = np.empty(256, np.int64)
    for _ in range(times):
        before = ledger.total[0]
        size = gather(problem, ledger, chance, pool, was)
        if size == 0:
            continue
        for at in range(size):
            noise[at] = draw(chance, typical * 200_000 + 1)
        settle(problem, ledger, pool[:size], noise[:size])
        loss = before - ledger.total[0]
        if loss > 0 and (heat == 0 or loss > draw(chance, heat)):
            for at in range(size):
                if ledger.home[pool[at]] >= 0:
                    take(problem, ledger, pool[at])
            for at in range(size):
                if was[at] >= 0:
                    put(problem, ledger, pool[at], was[at])


@kernel
def gather(problem: Problem, ledger: Ledger, chance: NDArray[np.uint64], pool: Ints, was: Ints) -> int:
    """Take some projects out of two to four home units and add some that wish to be there; return how many."""
    homes = len(problem.quotas)
    home, size = draw(chance, homes), 0
    for _ in range(2 + draw(chance, 3)):
        wishing = ledger.start[home + 1] - ledger.start[home]
        if wishing == 0:
            break
        for _ in range(min(_PART, ledger.used.quota[home])):
            if draw(chance, 3) > 0:
                project = ledger.members[ledger.start[home] + draw(chance, ledger.used.quota[home])]
                pool[size], was[size] = project, home
                size += 1
                take(problem, ledger, project)
        first = draw(chance, wishing)
        for at in range(min(_LOOKED_AT, wishing - first)):
            project = ledger.wishing[ledger.start[home] + first + at]
            if ledger.home[project] < 0 and problem.place[project] < 0 and not listed(pool, size, project):
                pool[size], was[size] = project, -1
                size += 1
        other = ledger.wishing[ledger.start[home] + draw(chance, wishing)]
        following = ledger.lists[other, draw(chance, min(8, ledger.lists.shape[1]))]
        home = following if following >= 0 else home
    return size


@kernel
def listed(pool: Ints, size: int, project: int) -> bool:
    """Tell whether a project is among the first of a pool."""
    for at in range(size):
        if pool[at] == project:
            return True
    return False
