"""What can be said of any assignment, whatever made it; the same words for every mechanism."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.feasibility import short_of_lower_quotas
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.terms import adjusted_scores, weights_at


def figures_of(market: Market, configuration: Configuration, assignment: NDArray[np.int64]) -> dict[str, Any]:
    """Return matched and unmatched projects, the welfare and what each home unit gets of it.

    ``welfare`` is the sum of pair weights; ``home_welfare`` the same per home unit; ``envy`` counts pairs of
    projects of which one prefers the other's home unit and that home unit prefers it as well.
    """
    taken = np.flatnonzero(assignment != NONE)
    homes = assignment[taken]
    weights = weights_at(market, configuration, taken, homes)
    per_home = np.zeros(market.shape[1], np.int64)
    np.add.at(per_home, homes, weights)
    could = market.permitted.any(axis=1)
    moved = [] if market.previous is None else _moved(market.previous, assignment)
    return {
        "projects": market.shape[0],
        "home_units": market.shape[1],
        "matched": len(taken),
        "unmatched": market.shape[0] - len(taken),
        "without_permitted_home_unit": int(np.count_nonzero(~could)),
        "welfare": int(weights.sum()),
        "home_welfare": per_home.tolist(),
        "envy": envy(market, assignment),
        "moved": moved,
        "short_of_lower_quotas": short_of_lower_quotas(market, assignment),
    }


def _moved(previous: NDArray[np.int64], assignment: NDArray[np.int64]) -> list[int]:
    return np.flatnonzero((previous != NONE) & (previous != assignment)).tolist()


def envy(market: Market, assignment: NDArray[np.int64]) -> int:
    """Count justified envy: (p, q), p prefers q's home unit to its own and is preferred there to q."""
    u, v = adjusted_scores(market)
    own, taken = np.full(len(u), NONE), np.flatnonzero(assignment != NONE)
    own[taken] = u[taken, assignment[taken]]
    found = 0
    for home in np.unique(assignment[assignment != NONE]).tolist():
        wishing = v[u[:, home] > own, home]
        there = np.sort(v[assignment == home, home])
        found += int(np.searchsorted(there, wishing, side="left").sum())
    return found
