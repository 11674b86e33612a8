"""How often each project ends where, over many lotteries."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets import lottery
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidConfiguration
from services.matching.engine.markets.market import Market
from services.matching.engine.markets.stable.acceptance import accept
from services.matching.engine.markets.stable.family import family_of
from services.matching.engine.markets.stable.lists import lists_of
from services.matching.engine.markets.stable.mechanism import check, solve_stable


def propensities(market: Market, configuration: Configuration, seeds: Sequence[str]) -> NDArray[np.int64]:
    """Return the assignments under each seed, seeds × projects: everything but the lottery stays.

    Raises what ``solve`` raises.
    """
    if configuration.mechanism != "stable":
        raise InvalidConfiguration("only stable rounds have a lottery", "仅 stable 机制的轮次有抽签")
    if configuration.lower_quotas != "report":
        found = [solve_stable(market, configuration, seed).assignment for seed in seeds]
        return np.array(found, np.int64).reshape(len(seeds), market.shape[0])
    check(market, configuration)
    family = family_of(market)
    none = np.zeros(market.shape[0], np.int64)
    lists, promotion = lists_of(market, configuration, none), configuration.ties == "promotion"
    replays = np.empty((len(seeds), market.shape[0]), np.int64)
    for row, seed in zip(replays, seeds, strict=True):
        drawn = replace(lists, number=lottery.numbers(seed, market.project_ids))
        row[:] = accept(drawn, family, promotion).assignment
    return replays
