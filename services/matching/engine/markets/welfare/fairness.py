"""Welfare that is shared: the least among home units first, or more for those that have little."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import Market
from services.matching.engine.markets.welfare.exact import Program
from services.matching.engine.markets.welfare.plans import (
    SMALL_PAIRS,
    SMALL_PROJECTS,
    Plan,
    best_plan,
    keeps,
    meet_lower_quotas,
)
from services.matching.engine.markets.welfare.problem import Ints, Problem

SEGMENTS = 16
_ROUNDS = 12
_EVEN = 1_000
_LIGHTEST, _HEAVIEST = 50, 20_000
_GREATEST = 1 << 30


class Measure(NamedTuple):
    """How fair an assignment is: per home unit its places, and the welfare of what is fixed there.

    ``counts`` are the home units that can get something; ``slopes`` are what a millionth counts in
    thousandths, by how much welfare per place there is already, in ``SEGMENTS`` steps of ``unit``.
    """

    kind: str
    places: Ints
    fixed: Ints
    counts: Ints
    slopes: tuple[int, ...]
    unit: int


def measure_of(market: Market, configuration: Configuration, problem: Problem, fixed: Ints) -> Measure:
    """Return the measure of a configuration on a market; ``fixed`` is the welfare of fixed pairs."""
    can = (market.quotas > 0) & ((problem.weights > 0).any(axis=0) | (fixed > 0))
    unit = max(-(-int(problem.weights.max(initial=0)) // SEGMENTS), 1)
    slopes = tuple(_slopes(configuration.alpha_permille))
    return Measure(configuration.fairness, market.quotas, fixed, np.flatnonzero(can), slopes, unit)


def _slopes(alpha_permille: int) -> Iterator[int]:
    """Yield (1 / x) to the power of α at the middle of each step, in thousandths, x = 1 at the greatest."""
    for step in range(SEGMENTS):
        share = Decimal(2 * SEGMENTS) / Decimal(2 * step + 1)
        yield int(1_000 * share ** (Decimal(alpha_permille) / 1_000))


def home_welfare(problem: Problem, measure: Measure, home: Ints) -> Ints:
    """Return each home unit's welfare, fixed pairs included."""
    found, taken = measure.fixed.copy(), np.flatnonzero(home >= 0)
    np.add.at(found, home[taken], problem.weights[taken, home[taken]])
    return found


def least(measure: Measure, welfare: Ints) -> int:
    """Return the least welfare per place among those that can get something, rounded down; 0 if none can."""
    counts = measure.counts
    return int((welfare[counts] // measure.places[counts]).min(initial=_GREATEST)) if counts.size else 0


def score(problem: Problem, measure: Measure, home: Ints) -> tuple[int, int]:
    """Return what is to be greatest, as whole numbers to be compared in turn."""
    welfare = home_welfare(problem, measure, home)
    if measure.kind == "max_min":
        return least(measure, welfare), int(welfare.sum())
    total = 0
    for at in measure.counts.tolist():
        left, step = int(welfare[at]), int(measure.places[at]) * measure.unit
        for number, slope in enumerate(measure.slopes):
            part = left if number == SEGMENTS - 1 else min(left, step)
            total, left = total + part * slope, left - part
    return total, int(welfare.sum())


def fair_plan(problem: Problem, measure: Measure, plain: Plan, iterations: int, seed: str) -> Plan:
    """Return the fairest plan found; its prices are those of the plain plan, which bound every welfare."""
    small = len(problem.weights) <= SMALL_PROJECTS and np.count_nonzero(problem.weights > 0) <= SMALL_PAIRS
    best = plain._replace(proven=False, claimed=False, method="search")
    exact = _exact(problem, measure) if small else None
    # The solver stops at a number of nodes, and what it has then may be less fair than what nobody asked for.
    if exact is not None and not _less(problem, measure, exact, plain.home):
        return plain._replace(home=exact, proven=False, claimed=False, method="milp")
    factors = np.full(len(problem.quotas), _EVEN, np.int64)
    for _ in range(_ROUNDS):
        factors = _reweighted(problem, measure, best.home, factors)
        weights = np.minimum(problem.weights.astype(np.int64) * factors // _EVEN, _GREATEST).astype(np.int32)
        weights = np.maximum(weights, problem.weights > 0).astype(np.int32)
        tried = best_plan(problem._replace(weights=weights), iterations // _ROUNDS, seed)
        if score(problem, measure, tried.home) > score(problem, measure, best.home):
            best = best._replace(home=tried.home)
    return best


def _less(problem: Problem, measure: Measure, home: Ints, than: Ints) -> bool:
    """Tell whether an assignment is worse than another: lower quotas come first, then fairness."""
    places = [np.bincount(one[one >= 0], minlength=len(problem.lower)) for one in (home, than)]
    met, before = (int(np.minimum(filled, problem.lower).sum()) for filled in places)
    return (met, score(problem, measure, home)) < (before, score(problem, measure, than))


def _reweighted(problem: Problem, measure: Measure, home: Ints, factors: Ints) -> Ints:
    """Return new factors of weights: more for home units that have little per place."""
    per_place = home_welfare(problem, measure, home) // np.maximum(measure.places, 1)
    if measure.kind == "alpha":
        step = np.minimum(per_place // measure.unit, SEGMENTS - 1)
        slopes = np.minimum(np.array(measure.slopes, np.int64)[step], _HEAVIEST)
        return np.maximum((factors + slopes) // 2, _LIGHTEST)
    counted = per_place[measure.counts]
    middle = int(np.sort(counted)[len(counted) // 4]) if counted.size else 0
    changed = np.where(per_place <= middle, factors * 13 // 10, factors * 19 // 20)
    return np.minimum(np.maximum(changed, _LIGHTEST), _HEAVIEST)


def _exact(problem: Problem, measure: Measure) -> Ints | None:
    """Return the fairest assignment by programs in whole numbers, None if the solver has none."""
    program = Program(problem)
    if problem.lower.any():
        meet_lower_quotas(program)
    home = _most_for_least(program, measure) if measure.kind == "max_min" else _alpha(program, measure)
    without_lower = problem._replace(lower=np.zeros_like(problem.lower))
    return home if home is not None and keeps(without_lower, home) else None


def _most_for_least(program: Program, measure: Measure) -> Ints | None:
    level = program.add_columns(1)
    for at in measure.counts.tolist():
        mine = program.at(program.home == at)
        columns, factors = (
            np.append(mine, level),
            np.append(program.weights[mine], -float(measure.places[at])),
        )
        program.limit(columns, factors, -float(measure.fixed[at]), None)
    objective = np.zeros(program.columns)
    objective[level] = 1.0
    ends = np.full(program.columns - program.pairs, np.inf)
    ends[-1] = 0.0 if not measure.counts.size else np.inf
    first = program.homes_of(program.maximise(objective, ends))
    if first is None:
        return None
    reached = least(measure, home_welfare(program.problem, measure, first))
    for at in measure.counts.tolist():
        mine = program.at(program.home == at)
        wanted = reached * int(measure.places[at]) - int(measure.fixed[at])
        program.limit(mine, program.weights[mine], float(wanted), None)
    objective = np.zeros(program.columns)
    objective[: program.pairs] = program.weights
    ends[-1] = 0.0
    second = program.homes_of(program.maximise(objective, ends))
    return first if second is None else second


def _alpha(program: Program, measure: Measure) -> Ints | None:
    ends = [np.full(program.columns - program.pairs, np.inf)]
    objective = [np.zeros(program.columns)]
    for at in measure.counts.tolist():
        mine, parts = program.at(program.home == at), program.add_columns(SEGMENTS)
        columns = np.append(mine, parts)
        factors = np.append(program.weights[mine], np.full(SEGMENTS, -1.0))
        program.limit(columns, factors, -float(measure.fixed[at]), -float(measure.fixed[at]))
        end = np.full(SEGMENTS, float(measure.unit * int(measure.places[at])))
        end[-1] = np.inf
        ends.append(end)
        objective.append(np.array(measure.slopes, np.float64) / _EVEN)
    return program.homes_of(program.maximise(np.concatenate(objective), np.concatenate(ends)))
