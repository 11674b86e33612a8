"""An assignment on its way: who is where, how much of every limit is used, and what putting one more does."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.welfare.compiling import kernel, part
from services.matching.engine.markets.welfare.problem import Ints, Problem
from services.matching.engine.markets.welfare.relaxation import Lists, Multipliers, no_multipliers

_OVERLOOKED, _NOISE, _PART, _LOOKED_AT, _POOL = 10, 200_000, 12, 24, 256


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


@part
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


@part
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


@part
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


@part
def draw(chance: NDArray[np.uint64], end: int) -> int:
    """Return a whole number from 0 to end − 1, the next of the seed's."""
    x = chance[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    chance[0] = x
    drawn: int = np.int64((x >> np.uint64(11)) % np.uint64(end))  # type: ignore[assignment]
    return drawn


@kernel
def settle(problem: Problem, ledger: Ledger, pool: Ints, overlook: bool, chance: NDArray[np.uint64]) -> None:
    """Let projects join in their turn, each where it gains most of where it fits.

    ``overlook``: now and then a place is not seen.
    """
    for project in pool:
        best, gain = -1, np.int64(0)
        for place in range(ledger.lists.shape[1]):
            home = ledger.lists[project, place]
            if home < 0:
                break
            if overlook and draw(chance, _OVERLOOKED) == 0:
                continue
            value = ledger.gains[project, place]
            if ledger.used.quota[home] < problem.lower[home]:
                value += ledger.bonus * 1_000_000
            if (best < 0 or value > gain) and fits(problem, ledger, project, home):
                best, gain = home, value
        if best >= 0:
            put(problem, ledger, project, best)


@part
def line_up(
    problem: Problem,
    ledger: Ledger,
    pool: Ints,
    was: Ints,
    keys: Ints,
    noise: int,
    chance: NDArray[np.uint64],
) -> None:
    """Sort a pool, those first that gain most by up to ``noise``; ``was`` goes with it, ``keys`` is room."""
    for at in range(len(pool)):
        project, home = pool[at], was[at]
        key = wish(problem, ledger, project) + draw(chance, noise)
        place = at
        while place > 0 and key > keys[place - 1]:
            keys[place], pool[place], was[place] = keys[place - 1], pool[place - 1], was[place - 1]
            place -= 1
        keys[place], pool[place], was[place] = key, project, home


@part
def wish(problem: Problem, ledger: Ledger, project: int) -> int:
    """Return the most a project could gain now, or what it gains at its best if it fits nowhere."""
    best = 0
    for place in range(ledger.lists.shape[1]):
        home = ledger.lists[project, place]
        if home < 0:
            break
        if fits(problem, ledger, project, home):
            best = place
            break
    gain: int = ledger.gains[project, best]
    return gain


@kernel
def begin(problem: Problem, ledger: Ledger, start: Ints) -> None:
    """Put every project where it was, if it lists that home unit and fits."""
    for project in range(len(start)):
        home = start[project]
        if home >= 0 and (ledger.lists[project] == home).any() and fits(problem, ledger, project, home):
            put(problem, ledger, project, home)


@kernel
def improve(
    problem: Problem, ledger: Ledger, chance: NDArray[np.uint64], times: int, heat: int, typical: int
) -> None:
    """Take apart a few home units that share candidates, fill them anew, keep what is not much worse."""
    pool, was, keys = np.empty(_POOL, np.int64), np.empty(_POOL, np.int64), np.empty(_POOL, np.int64)
    for _ in range(times):
        before = ledger.total[0]
        size = gather(problem, ledger, chance, pool, was)
        if size == 0:
            continue
        noise = 1 + draw(chance, typical * _NOISE + 1)
        line_up(problem, ledger, pool[:size], was[:size], keys, noise, chance)
        settle(problem, ledger, pool[:size], draw(chance, 2) == 0, chance)
        loss = before - ledger.total[0]
        if loss > 0 and (heat == 0 or loss > draw(chance, heat)):
            for at in range(size):
                if ledger.home[pool[at]] >= 0:
                    take(problem, ledger, pool[at])
            for at in range(size):
                if was[at] >= 0:
                    put(problem, ledger, pool[at], was[at])


@part
def gather(problem: Problem, ledger: Ledger, chance: NDArray[np.uint64], pool: Ints, was: Ints) -> int:
    """Take projects out of two to four home units, add some that wish to be there; return how many."""
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


@part
def listed(pool: Ints, size: int, project: int) -> bool:
    """Tell whether a project is among the first of a pool."""
    found = False
    for at in range(size):
        found = found or pool[at] == project
    return found
