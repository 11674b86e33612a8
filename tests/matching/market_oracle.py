"""Lists and priorities of a whole market as the terms define them, a table of every pair: slow and plain."""

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import FULL, NONE, Market
from services.matching.engine.markets.terms import adjusted_scores, project_list


def project_lists(market: Market, configuration: Configuration) -> list[NDArray[np.int64]]:
    return [project_list(market, configuration, project) for project in range(market.shape[0])]


def priority_keys(
    market: Market, configuration: Configuration, lottery: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Class × P + lottery number, lower is better, −1 where not permitted.

    The class is (1,000,000 − v) ÷ ``priority_step``, rounded down, plus 1; that of a fixed pair is 0.
    """
    v = adjusted_scores(market).v.astype(np.int64)
    classes = np.where(v == NONE, NONE, (FULL - v) // configuration.priority_step + 1)
    for one in market.commitments:
        if one.kind == "fixed":
            classes[one.project, one.home] = 0
    return np.where(classes == NONE, NONE, classes * market.shape[0] + lottery[:, None])
