"""Projects that arrive one after the other and are answered at once, by prices learnt from those before.

A project goes where it is worth most above the price of what it takes; the prices say what others, still to
come, would make of it. They are learnt anew after every so many arrivals, from history and from those seen.
"""

from typing import NamedTuple

import numpy as np

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidMarket
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.welfare.plans import has_other_rules, quotas_only
from services.matching.engine.markets.welfare.problem import Ints, Problem, problem_of
from services.matching.engine.markets.welfare.relaxation import (
    HIGHEST,
    Multipliers,
    learn_prices,
    no_multipliers,
    share_of,
)

_STEPS = 200
_SEEN = 2_000


class Rolled(NamedTuple):
    """``assignment`` per project, −1 for none; its ``welfare``, what is fixed included."""

    assignment: Ints
    welfare: int


def assign_arrivals(
    market: Market,
    configuration: Configuration,
    order: Ints,
    *,
    history: Market | None = None,
    every: int = 250,
) -> Rolled:
    """Return where each project goes if all arrive in this order and none is moved afterwards.

    ``order`` names every project once. ``history`` is a market of earlier arrivals at the same home units,
    asked while few have arrived; without it the first ``every`` are answered at no price. Raises
    ``InvalidMarket`` if the order or the history does not fit.
    """
    problem = problem_of(market, configuration)
    _check(market, order, history)
    past = None if history is None else problem_of(history, configuration)
    home, used = problem.place.copy(), no_multipliers(problem)
    prices = no_multipliers(problem)
    for number, project in enumerate(order.tolist()):
        if number % every == 0:
            prices = _learn(_rest(problem, used), past, order[:number], len(order) - number)
        if problem.place[project] == NONE:
            home[project] = _answer(problem, used, prices, project)
            if home[project] != NONE:
                _take(problem, used, project, int(home[project]))
    taken = np.flatnonzero((problem.place == NONE) & (home != NONE))
    welfare = int(problem.weights[taken, home[taken]].sum(dtype=np.int64)) + problem.fixed_value
    return Rolled(home, welfare)


def _check(market: Market, order: Ints, history: Market | None) -> None:
    if not np.array_equal(np.sort(order), np.arange(market.shape[0])):
        raise InvalidMarket(
            "the order of arrivals does not name every project once", "到达次序未将每个项目恰好列出一次"
        )
    if history is not None and (
        history.home_unit_ids != market.home_unit_ids
        or history.industries != market.industries
        or history.demand_names != market.demand_names
    ):
        raise InvalidMarket("the history is not one of the same home units", "历史数据与本轮的飞出地不一致")


def _rest(problem: Problem, used: Multipliers) -> Problem:
    """Return the problem with what is left of every limit."""
    return problem._replace(
        quotas=problem.quotas - used.quota,
        industry_limit=problem.industry_limit - used.industry,
        region_limit=problem.region_limit - used.region,
        capacity=problem.capacity - used.resource,
    )


def _learn(rest: Problem, past: Problem | None, seen: Ints, coming: int) -> Multipliers:
    """Return prices at which those still to come share what is left, if they are like those seen."""
    if past is not None and len(seen) < len(past.weights):
        source, sample = past, np.arange(len(past.weights))
    else:
        source, sample = rest, seen
    sample = sample[-_SEEN:]
    if not sample.size:
        return no_multipliers(rest)
    limits = source._replace(
        quotas=rest.quotas,
        industry_limit=rest.industry_limit,
        region_limit=rest.region_limit,
        capacity=rest.capacity,
    )
    share = share_of(limits, sample, len(sample), coming)
    return learn_prices(share, _STEPS)[0] if has_other_rules(share) else quotas_only(share).prices


def _answer(problem: Problem, used: Multipliers, prices: Multipliers, project: int) -> int:
    """Return the home unit where a project fits and is worth most above the price, −1 if nowhere."""
    weights, industry = problem.weights[project].astype(np.int64), problem.industry[project]
    value = weights * 1_000_000 - prices.quota - prices.industry[industry] - prices.region[problem.region]
    free = (weights > 0) & (used.quota < problem.quotas)
    free &= used.industry[industry] < problem.industry_limit[industry]
    free &= (used.region < problem.region_limit)[problem.region]
    for kind, demand in enumerate(problem.demands[:, project].tolist()):
        dear = HIGHEST // max(demand, 1)
        free &= (used.resource[kind] <= problem.capacity[kind] - demand) & (prices.resource[kind] <= dear)
        value -= np.minimum(prices.resource[kind], dear) * demand
    value = np.where(free, value, -1)
    best = int(np.argmax(value)) if value.size else NONE
    return best if best != NONE and value[best] >= 0 and free[best] else NONE


def _take(problem: Problem, used: Multipliers, project: int, home: int) -> None:
    used.quota[home] += 1
    used.industry[problem.industry[project], home] += 1
    used.region[problem.region[home]] += 1
    used.resource[:, home] += problem.demands[:, project]


def greedy_arrivals(market: Market, configuration: Configuration, order: Ints) -> Rolled:
    """Return what answering each arrival by weight alone comes to: the comparison, not a policy."""
    return assign_arrivals(market, configuration, order, every=len(order) + 1)
