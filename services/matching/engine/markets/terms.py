"""What the numbers mean in a round: whom a project asks first, who is taken first, what a pair is worth."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import FULL, NONE, Ints, Market
from services.matching.engine.reciprocal import reciprocal


class Scores(NamedTuple):
    """``u`` and ``v`` with commitments of kind ``weight`` added, within 0…1,000,000; P × H, −1 as before."""

    u: NDArray[np.int32]
    v: NDArray[np.int32]


def adjusted_scores(market: Market) -> Scores:
    """Return what each side thinks of the other, commitments included."""
    weights = [one for one in market.commitments if one.kind == "weight"]
    if not weights:
        return Scores(market.u, market.v)
    u, v = market.u.copy(), market.v.copy()
    for one in weights:
        for side in (u, v):
            if side[one.project, one.home] != NONE:
                side[one.project, one.home] = min(max(int(side[one.project, one.home]) + one.value, 0), FULL)
    return Scores(u, v)


def worth(configuration: Configuration, sides: Scores, was: Ints | None, homes: Ints) -> Ints:
    """Return what assigning pairs adds to the welfare; 0 where they are not permitted.

    Reciprocal mean + ``match_bonus`` − ``move_penalty`` for a project that ``was`` somewhere else before. All
    arrays fit the shape of the pairs asked for.
    """
    weights: Ints = reciprocal(sides.u, sides.v) + configuration.match_bonus
    if was is not None and configuration.move_penalty:
        weights -= np.where((was != NONE) & (was != homes), configuration.move_penalty, 0)
    return np.where(sides.u == NONE, 0, weights)


def weights_of(market: Market, configuration: Configuration, scores: Scores, rows: slice) -> Ints:
    """Return the weights of all pairs of some projects: the whole of a large market is large in 64 bits."""
    was = None if market.previous is None else market.previous[rows, None]
    return worth(configuration, Scores(scores.u[rows], scores.v[rows]), was, np.arange(market.shape[1]))


def pair_weights(market: Market, configuration: Configuration) -> Ints:
    """Return the weights of all pairs, P × H."""
    return weights_of(market, configuration, adjusted_scores(market), slice(None))


def weights_at(market: Market, configuration: Configuration, projects: Ints, homes: Ints) -> Ints:
    """Return the weights of the pairs (projects[i], homes[i]) only."""
    u, v = adjusted_scores(market)
    was = None if market.previous is None else market.previous[projects]
    return worth(configuration, Scores(u[projects, homes], v[projects, homes]), was, homes)


def project_list(market: Market, configuration: Configuration, project: int) -> Ints:
    """Return the home units that a project asks, best first.

    By ``u`` descending, then by home unit; a home unit with the first refusal stands before all others; a
    fixed project asks its home unit only; cut to ``list_length``. ``stable.lists`` has those of all projects.
    """
    mine = [one for one in market.commitments if one.project == project]
    for one in mine:
        if one.kind == "fixed":
            return np.array([one.home], np.int64)
    count = int(market.permitted[project].sum())
    homes = np.argsort(-adjusted_scores(market).u[project], kind="stable")[:count]
    for one in mine:
        if one.kind == "first_refusal" and market.u[project, one.home] != NONE:
            homes = np.append(np.int64(one.home), homes[homes != one.home])
    return homes[: configuration.list_length or None]
