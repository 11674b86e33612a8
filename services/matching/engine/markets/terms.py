"""What the numbers mean in a round: whom a project asks first, who is taken first, what a pair is worth."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import FULL, NONE, Market


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


def reciprocal(u: NDArray[np.int32], v: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the harmonic mean of two sides, rounded down; 0 if both are 0, −1 where not permitted."""
    ours, theirs = u.astype(np.int64), v.astype(np.int64)
    mean = 2 * ours * theirs // np.maximum(ours + theirs, 1)
    return np.where(u == NONE, NONE, mean)


def pair_weights(market: Market, configuration: Configuration) -> NDArray[np.int64]:
    """Return what assigning each pair adds to the welfare, P × H; 0 where not permitted.

    Reciprocal mean + ``match_bonus`` − ``move_penalty`` for a project that was somewhere else before.
    """
    weights = reciprocal(*adjusted_scores(market)) + configuration.match_bonus
    if market.previous is not None and configuration.move_penalty:
        homes = np.arange(market.shape[1])
        was = market.previous[:, None]
        weights -= np.where((was != NONE) & (was != homes), configuration.move_penalty, 0)
    return np.where(market.permitted, weights, 0)


def weights_at(
    market: Market, configuration: Configuration, projects: NDArray[np.int64], homes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return ``pair_weights`` of the pairs (projects[i], homes[i]) only, without the table of all."""
    u, v = adjusted_scores(market)
    weights = reciprocal(u[projects, homes], v[projects, homes]) + configuration.match_bonus
    if market.previous is not None and configuration.move_penalty:
        was = market.previous[projects]
        weights -= np.where((was != NONE) & (was != homes), configuration.move_penalty, 0)
    return np.where(market.u[projects, homes] == NONE, 0, weights)


def project_lists(market: Market, configuration: Configuration) -> list[NDArray[np.int64]]:
    """Return per project the home units it asks, best first.

    By ``u`` descending, then by home unit; a home unit with the first refusal stands before all others; a
    fixed project asks its home unit only; cut to ``list_length``.
    """
    order = np.argsort(-adjusted_scores(market).u, axis=1, kind="stable")
    counts = market.permitted.sum(axis=1)
    lists = [homes[:count] for homes, count in zip(order, counts.tolist(), strict=True)]
    for one in market.commitments:
        if one.kind == "first_refusal" and market.u[one.project, one.home] != NONE:
            rest = lists[one.project]
            lists[one.project] = np.append(np.int64(one.home), rest[rest != one.home])
    if configuration.list_length:
        lists = [homes[: configuration.list_length] for homes in lists]
    for one in market.commitments:
        if one.kind == "fixed":
            lists[one.project] = np.array([one.home], np.int64)
    return lists


def priority_classes(market: Market, configuration: Configuration) -> NDArray[np.int64]:
    """Return each pair's priority class at the home unit, P × H, lower is better, −1 if not permitted.

    (1,000,000 − v) ÷ ``priority_step``, rounded down, plus 1; a fixed pair has class 0.
    """
    v = adjusted_scores(market).v.astype(np.int64)
    classes = np.where(v == NONE, NONE, (FULL - v) // configuration.priority_step + 1)
    for one in market.commitments:
        if one.kind == "fixed":
            classes[one.project, one.home] = 0
    return classes


def priority_keys(
    market: Market, configuration: Configuration, lottery: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return each pair's priority as one number, P × H, lower is better, all different at one home unit.

    class × P + lottery number; −1 where not permitted.
    """
    classes = priority_classes(market, configuration)
    return np.where(classes == NONE, NONE, classes * market.shape[0] + lottery[:, None])
