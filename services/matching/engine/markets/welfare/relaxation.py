"""What every rule would cost if it had a price: the bound that no assignment exceeds, and who would go where.

A price per rule turns the round into a choice of each project for itself. The sum of what they gain, and of
all limits at their prices, is at least what any assignment reaches, whatever the prices; good prices make it
small. All in whole numbers, in millionths of the weights.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.welfare.compiling import kernel, part
from services.matching.engine.markets.welfare.problem import UNLIMITED, Ints, Problem

SCALE = 1_000_000
HIGHEST = 1 << 42
"""No price of a place and no price of a whole demand is above this: more than any weight in ``SCALE``."""
LISTED = 32
"""Home units a project is looked up at, once prices say which can matter."""
_OPENING, _LOOKS, _PACE, _SEEKING, _SETTLING, _NEAR, _HALVINGS = 12, 6, 30, 65, 12, 50, 6
_MANY, _PARTS, _SCATTER = 16_000, 8, 2_654_435_761
_FINE = 1 << 12
_NEVER = -(1 << 62)


Lists = NDArray[np.int32]


class Multipliers(NamedTuple):
    """A price per rule, 0 or more, in the shapes of the limits of ``Problem``; 0 where there is no rule."""

    quota: Ints
    industry: Ints
    region: Ints
    resource: Ints


class Course(NamedTuple):
    """Prices on their way: their direction so far, and how far each goes at once."""

    prices: Multipliers
    momentum: Multipliers
    pace: Multipliers


class Tolls(NamedTuple):
    """Multipliers as a pass reads them: ``toll`` (J + 1) × H for a place, ``rate`` D × H per unit of demand.

    A demand above ``most`` costs more than any weight.
    """

    toll: Ints
    rate: Ints
    most: Ints


def no_multipliers(problem: Problem) -> Multipliers:
    """Return prices of nothing."""
    limits = (problem.quotas, problem.industry_limit, problem.region_limit, problem.capacity)
    return Multipliers(*(np.zeros_like(limit) for limit in limits))


def tolls_of(problem: Problem, multipliers: Multipliers) -> Tolls:
    """Return the multipliers as a pass reads them."""
    place = multipliers.quota + multipliers.region[problem.region]
    most = np.where(multipliers.resource > 0, HIGHEST // np.maximum(multipliers.resource, 1), UNLIMITED)
    return Tolls(np.ascontiguousarray(multipliers.industry + place), multipliers.resource, most)


@part
def reduced(
    weights: NDArray[np.int32], industry: Ints, demands: Ints, tolls: Tolls, project: int, home: int
) -> int:
    """Return what a project gains at a home unit after it has paid for all it takes there."""
    value: int = np.int64(weights[project, home]) * SCALE - tolls.toll[industry[project], home]
    for kind in range(len(demands)):
        demand = demands[kind, project]
        if demand > tolls.most[kind, home]:
            return _NEVER
        value -= tolls.rate[kind, home] * demand
    return value


@kernel
def choose_all(weights: NDArray[np.int32], industry: Ints, demands: Ints, tolls: Tolls, choice: Ints) -> int:
    """Write each project's best home unit (−1: none gains) and return the sum of the gains."""
    total = 0
    projects, homes = weights.shape
    for project in range(projects):
        best, gain = -1, 0
        for home in range(homes):
            if weights[project, home] > 0:
                value = reduced(weights, industry, demands, tolls, project, home)
                if value > gain:
                    best, gain = home, value
        choice[project] = best
        total += gain
    return total


@kernel
def choose_listed(
    weights: NDArray[np.int32], industry: Ints, demands: Ints, tolls: Tolls, lists: Lists, choice: Ints
) -> int:
    """As ``choose_all``, among the listed home units only: not a bound, but quick."""
    total = 0
    for project in range(len(lists)):
        best, gain = -1, 0
        for home in lists[project]:
            if home < 0:
                break
            value = reduced(weights, industry, demands, tolls, project, home)
            if value > gain:
                best, gain = home, value
        choice[project] = best
        total += gain
    return total


@kernel
def candidates(weights: NDArray[np.int32], industry: Ints, demands: Ints, tolls: Tolls, lists: Lists) -> None:
    """List each project's best home units by what it gains there, gain or loss; −1 behind them."""
    length = lists.shape[1]
    values = np.empty(length, np.int64)
    for project in range(len(weights)):
        held = 0
        for home in range(weights.shape[1]):
            if weights[project, home] <= 0:
                continue
            value = reduced(weights, industry, demands, tolls, project, home)
            if held == length and value <= values[held - 1]:
                continue
            place = held if held < length else length - 1
            while place > 0 and value > values[place - 1]:
                values[place], lists[project, place] = values[place - 1], lists[project, place - 1]
                place -= 1
            values[place], lists[project, place] = value, home
            held = min(held + 1, length)
        lists[project, held:] = -1


@kernel
def gains_of(weights: NDArray[np.int32], industry: Ints, demands: Ints, tolls: Tolls, lists: Lists) -> Ints:
    """Return what each project gains at its listed home units after prices, in the shape of the lists."""
    gains = np.zeros(lists.shape, np.int64)
    for project in range(len(lists)):
        for place in range(lists.shape[1]):
            if lists[project, place] < 0:
                break
            gains[project, place] = reduced(weights, industry, demands, tolls, project, lists[project, place])
    return gains


def worth(problem: Problem, multipliers: Multipliers) -> int:
    """Return the sum of every limit at its price."""
    limits = (problem.quotas, problem.industry_limit, problem.region_limit, problem.capacity)
    total = 0
    for limit, price in zip(limits, multipliers, strict=True):
        where = np.nonzero(price)
        total += sum(a * b for a, b in zip(limit[where].tolist(), price[where].tolist(), strict=True))
    return total


def bound(problem: Problem, multipliers: Multipliers, choice: Ints | None = None) -> int:
    """Return what no assignment exceeds, in ``SCALE`` of a weight, without what is fixed."""
    choice = np.empty(len(problem.weights), np.int64) if choice is None else choice
    tolls = tolls_of(problem, multipliers)
    gained = choose_all(problem.weights, problem.industry, problem.demands, tolls, choice)
    return int(gained) + worth(problem, multipliers)


def learn_prices(problem: Problem, steps: int, length: int = LISTED) -> tuple[Multipliers, Lists]:
    """Return good prices after ``steps`` steps, and per project the home units that can matter then.

    Of very many projects a part with its share of every limit is asked first.
    """
    start = None
    if len(problem.weights) > _MANY:
        start, _ = learn_prices(sample_of(problem, len(problem.weights) // _PARTS), steps, length)
        steps = steps // _PARTS + _OPENING
    lists = np.full((len(problem.weights), max(min(length, len(problem.quotas)), 1)), -1, np.int32)
    best, least = no_multipliers(problem), bound(problem, no_multipliers(problem))
    prices = _descend(problem, steps, lists, start)
    if bound(problem, prices) < least:
        best = prices
    candidates(problem.weights, problem.industry, problem.demands, tolls_of(problem, best), lists)
    return best, lists


def _descend(problem: Problem, steps: int, lists: Lists, start: Multipliers | None) -> Multipliers:
    """Return the prices after all steps: first towards everything at once, then ever finer."""
    prices, momentum, pace = no_multipliers(problem), no_multipliers(problem), no_multipliers(problem)
    choice = np.empty(len(problem.weights), np.int64)
    positive = problem.weights[problem.weights > 0]
    typical = int(positive.sum(dtype=np.int64)) // max(positive.size, 1) * SCALE
    for rules in pace:
        rules[:] = typical // _PACE
    opening, seeking = (_OPENING, steps * _SEEKING // 100) if start is None else (0, 0)
    prices, units = start or prices, _typical(problem.demands)
    for number in range(steps):
        tolls = tolls_of(problem, prices)
        if number >= opening and (number - opening) % max((steps - opening) // _LOOKS, 1) == 0:
            candidates(problem.weights, problem.industry, problem.demands, tolls, lists)
        if number < opening:
            choose_all(problem.weights, problem.industry, problem.demands, tolls, choice)
        else:
            choose_listed(problem.weights, problem.industry, problem.demands, tolls, lists, choice)
        step = _step(typical // (_SETTLING if start is None else _NEAR), number - seeking, steps - seeking)
        prices = adjusted(problem, choice, Course(prices, momentum, pace), units, step)
    return prices


def sample_of(problem: Problem, size: int) -> Problem:
    """Return some projects, scattered, with their share of every limit."""
    projects = len(problem.weights)
    scattered = np.arange(projects, dtype=np.int64) * _SCATTER % (1 << 32)
    sample = np.sort(np.argsort(scattered, kind="stable")[:size])
    return share_of(problem, sample, size, projects)


def share_of(problem: Problem, sample: Ints, part: int, whole: int) -> Problem:
    """Return some projects with ``part`` of ``whole`` of every limit, at least one of what there is."""

    def share(limit: Ints) -> Ints:
        scaled = limit // whole * part + limit % whole * part // whole
        return np.where(limit >= UNLIMITED // 2, UNLIMITED, np.maximum(scaled, np.minimum(limit, 1)))

    return problem._replace(
        weights=np.ascontiguousarray(problem.weights[sample]),
        quotas=share(problem.quotas),
        lower=np.zeros_like(problem.lower),
        industry=problem.industry[sample],
        industry_limit=share(problem.industry_limit),
        region_limit=share(problem.region_limit),
        demands=np.ascontiguousarray(problem.demands[:, sample]),
        capacity=share(problem.capacity),
        place=problem.place[sample],
    )


def _step(first: int, number: int, steps: int) -> int:
    """Return a step that halves eight times on the way, 0 before the way begins."""
    if number < 0:
        return 0
    halvings, rest = divmod(_HALVINGS * number, max(steps, 1))
    return (first >> halvings) - (first >> (halvings + 1)) * rest // max(steps, 1)


def _typical(demands: Ints) -> Ints:
    """Return per kind of demand what a project that has one has of it on average, at least 1."""
    found = [sum(row.tolist()) // max(int(np.count_nonzero(row)), 1) for row in demands]
    return np.maximum(np.array(found, np.int64), 1)


def adjusted(problem: Problem, choice: Ints, course: Course, units: Ints, step: int) -> Multipliers:
    """Return prices moved up where a choice exceeds a limit and down where there is room.

    By up to ``step``, or, if that is 0, by a pace of each rule's own that grows while its direction lasts.
    """
    used = no_multipliers(problem)
    count(choice, problem, used)
    found = Multipliers(*(price.copy() for price in course.prices))
    limits = (problem.quotas, problem.industry_limit, problem.region_limit)
    for limit, use, price, slow, pace in zip(limits, used, found, course.momentum, course.pace, strict=False):
        adjust(limit.ravel(), use.ravel(), price.ravel(), slow.ravel(), pace.ravel(), 1, step)
    ways = (course.momentum.resource, course.pace.resource)
    for kind, unit in enumerate(units.tolist()):
        slow, pace = (way[kind] for way in ways)
        adjust(problem.capacity[kind], used.resource[kind], found.resource[kind], slow, pace, unit, step)
    return found


@kernel
def count(choice: Ints, problem: Problem, used: Multipliers) -> None:
    """Add up what a choice takes of every limit; what is far beyond one is not counted to the end."""
    for project in range(len(choice)):
        home = choice[project]
        if home >= 0:
            used.quota[home] += 1
            used.industry[problem.industry[project], home] += 1
            used.region[problem.region[home]] += 1
            for kind in range(len(problem.demands)):
                if used.resource[kind, home] <= 2 * problem.capacity[kind, home]:
                    used.resource[kind, home] += problem.demands[kind, project]


@kernel
def adjust(limit: Ints, used: Ints, price: Ints, slow: Ints, pace: Ints, unit: int, step: int) -> None:
    """Move one kind of prices by the share of its limit that is exceeded or left, at most the whole."""
    for at in range(len(limit)):
        most = limit[at]
        if most >= UNLIMITED // 2:
            continue
        share = _FINE if used[at] > 0 else 0
        if most > 0:
            share = (min(used[at], 2 * most) - most) * _FINE // most
        if step == 0 and share != 0:
            same = (share > 0) == (slow[at] > 0)
            pace[at] = min(pace[at] * 6 // 5, HIGHEST // 2) if same else pace[at] * 7 // 10
        slow[at] = (slow[at] + share) >> 1
        change = slow[at] * (step if step > 0 else pace[at]) // _FINE
        price[at] = min(max(price[at] + change // unit, 0), HIGHEST)
