"""The greatest welfare under every rule: which of the ways to find it a round takes, and what each proves."""

from typing import NamedTuple

import numpy as np

from services.matching.engine.markets.welfare.exact import Program
from services.matching.engine.markets.welfare.problem import UNLIMITED, Ints, Problem
from services.matching.engine.markets.welfare.relaxation import (
    SCALE,
    Lists,
    Multipliers,
    bound,
    candidates,
    count,
    gains_of,
    learn_prices,
    no_multipliers,
    tolls_of,
)
from services.matching.engine.markets.welfare.search import search
from services.matching.engine.markets.welfare.transport import assign_under_quotas

SMALL_PROJECTS, SMALL_PAIRS = 1_500, 800
"""Up to here a program in whole numbers is tried, after pairs that cannot matter are left out."""
_TRIED_FIRST = 200_000
_FEWEST, _MOST, _PER = 300, 1_000, 2
_BONUS_CEILING = 1 << 30


class Plan(NamedTuple):
    """``home`` per project, −1 for none and for what is fixed; ``prices`` of every rule in ``SCALE``.

    ``proven``: the prices prove that nothing is better. ``claimed``: the solver says so.
    """

    home: Ints
    prices: Multipliers
    proven: bool
    method: str
    claimed: bool


def best_plan(problem: Problem, iterations: int, seed: str, start: Ints | None = None) -> Plan:
    """Return the plan with the greatest welfare found; lower quotas come first, as far as they can be met."""
    other_rules = has_other_rules(problem)
    tried = not other_rules or problem.weights.size <= _TRIED_FIRST
    if tried:
        plan = quotas_only(problem)
        if keeps(problem, plan.home):
            return plan
        if not other_rules:
            return Plan(_with_lower_quotas(problem), plan.prices, False, "search", True)
    steps = min(max(iterations // _PER, _FEWEST), _MOST)
    prices, lists = learn_prices(problem, steps)
    if not tried and not any(bool(rules.any()) for rules in prices[1:]):
        plan = quotas_only(problem)
        if keeps(problem, plan.home):
            return plan
    bonus = _bonus(problem)
    found = search(problem, prices, lists, steps=iterations, seed=seed, bonus=bonus, start=start)
    plan = Plan(found.home, prices, False, "search", False)
    return _exact(problem, plan, found.total, bonus) or plan


def has_other_rules(problem: Problem) -> bool:
    """Tell whether anything but quotas and lower quotas limits the round."""
    limits = (problem.industry_limit, problem.region_limit, problem.capacity)
    return any(bool((limit < UNLIMITED // 2).any()) for limit in limits)


def keeps(problem: Problem, home: Ints) -> bool:
    """Tell whether an assignment keeps every limit and meets every lower quota."""
    used = no_multipliers(problem)
    count(home, problem, used)
    limits = (problem.quotas, problem.industry_limit, problem.region_limit, problem.capacity)
    within = all(bool((use <= limit).all()) for use, limit in zip(used, limits, strict=True))
    return within and bool((used.quota >= problem.lower).all())


def quotas_only(problem: Problem) -> Plan:
    """Return the greatest welfare if quotas were the only rule, with the prices that prove it."""
    home, prices = assign_under_quotas(problem.weights, problem.quotas)
    return Plan(home, no_multipliers(problem)._replace(quota=prices * SCALE), True, "transport", True)


def _with_lower_quotas(problem: Problem) -> Ints:
    """Return the greatest welfare among the assignments that miss lower quotas by as little as possible.

    The places up to a lower quota are home units of their own at which every project counts for more.
    """
    homes, lower = len(problem.quotas), np.minimum(problem.lower, problem.quotas)
    first = np.where(problem.weights > 0, problem.weights + np.int32(_bonus(problem)), 0)
    weights = np.ascontiguousarray(np.hstack((first, problem.weights)).astype(np.int32))
    home, _ = assign_under_quotas(weights, np.concatenate((lower, problem.quotas - lower)))
    return np.where(home < 0, home, home % homes)


def _bonus(problem: Problem) -> int:
    """Return what a place below a lower quota counts: more than moving one project per home unit can cost."""
    if not problem.lower.any():
        return 0
    greatest = int(problem.weights.max(initial=0)) + 1
    return min((len(problem.quotas) + 2) * greatest, _BONUS_CEILING - greatest)


def _exact(problem: Problem, plan: Plan, total: int, bonus: int) -> Plan | None:
    """Return the plan of a program in whole numbers if the round is small and it is as good or better."""
    if len(problem.weights) > SMALL_PROJECTS:
        return None
    keep = None if bonus else _can_matter(problem, plan.prices, total)
    pairs = np.count_nonzero(problem.weights > 0 if keep is None else keep)
    if pairs > SMALL_PAIRS:
        return None
    program = Program(problem, keep)
    if bonus:
        meet_lower_quotas(program)
    objective = np.zeros(program.columns)
    objective[: program.pairs] = program.weights
    answer = program.maximise(objective)
    home = program.homes_of(answer)
    if home is None or not _better(problem, home, total, bonus):
        return None
    return Plan(home, plan.prices, False, "milp", answer.claimed)


def meet_lower_quotas(program: Program) -> None:
    """Add rows that miss lower quotas by as little as possible in sum."""
    lower = program.problem.lower
    short = program.add_columns(len(lower))
    for home, least in enumerate(lower.tolist()):
        columns = np.append(program.at(program.home == home), short[home])
        program.limit(columns, np.ones(len(columns)), float(least), None)
    objective = np.zeros(program.columns)
    objective[short] = -1.0
    answer = program.maximise(objective)
    missing = lower.sum() if answer.values is None else round(float(answer.values[short].sum()))
    program.limit(short, np.ones(len(short)), None, float(missing))


def _better(problem: Problem, home: Ints, total: int, bonus: int) -> bool:
    used = no_multipliers(problem)
    count(home, problem, used)
    without_lower = problem._replace(lower=np.zeros_like(problem.lower))
    reached = bonus * int(np.minimum(used.quota, problem.lower).sum()) + value_of(problem, home)
    return keeps(without_lower, home) and reached >= total


def value_of(problem: Problem, home: Ints) -> int:
    """Return the welfare of an assignment, without what is fixed."""
    taken = np.flatnonzero(home >= 0)
    return int(problem.weights[taken, home[taken]].sum(dtype=np.int64))


def _can_matter(problem: Problem, prices: Multipliers, total: int) -> np.ndarray:
    """Return the pairs a better assignment could use: each other one costs more than the bound leaves."""
    room = bound(problem, prices) - total * SCALE
    homes = len(problem.quotas)
    lists: Lists = np.full((len(problem.weights), homes), -1, np.int32)
    tolls = tolls_of(problem, prices)
    candidates(problem.weights, problem.industry, problem.demands, tolls, lists)
    gains = gains_of(problem.weights, problem.industry, problem.demands, tolls, lists)
    best = np.maximum(gains[:, :1], 0) if homes else gains
    near = (lists >= 0) & (best - gains <= room)
    keep = np.zeros(problem.weights.shape, np.bool_)
    at, place = np.nonzero(near)
    keep[at, lists[at, place]] = True
    return keep
