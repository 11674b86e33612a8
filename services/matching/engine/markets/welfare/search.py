"""Large rounds under every rule: a greedy choice at good prices, then parts of it done again and again.

The number of steps and the seed decide what is found, never the clock.
"""

from typing import NamedTuple

import numpy as np

from services.matching.engine.markets.welfare.ledger import begin, improve, ledger_of, settle
from services.matching.engine.markets.welfare.problem import Ints, Problem
from services.matching.engine.markets.welfare.relaxation import Lists, Multipliers, gains_of, tolls_of

REPAIRS = 100
"""How many parts one step of a search does again."""
_COOL = 5


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
    """Return the best assignment found in ``steps`` steps, begun with ``start`` where that keeps rules."""
    gains = gains_of(problem.weights, problem.industry, problem.demands, tolls_of(problem, prices), lists)
    ledger = ledger_of(problem, lists, gains, bonus)
    everybody = np.flatnonzero((problem.place < 0) & (lists >= 0).any(axis=1))
    if start is not None:
        begin(problem, ledger, start)
        everybody = everybody[ledger.home[everybody] < 0]
    chance = np.array([int(seed[:16], 16) | 1], np.uint64)
    settle(problem, ledger, everybody[np.argsort(-gains[everybody, 0], kind="stable")], False, chance)
    positive = problem.weights[problem.weights > 0]
    typical = sum(positive.tolist()) // max(positive.size, 1)
    best, total = ledger.home.copy(), int(ledger.total[0])
    for step in range(steps if everybody.size or start is not None else 0):
        heat = max(typical // _COOL * (steps * 7 // 10 - step) // max(steps, 1), 0)
        improve(problem, ledger, chance, REPAIRS, heat, typical)
        if ledger.total[0] > total:
            best[:], total = ledger.home, int(ledger.total[0])
    return Found(best, total)
