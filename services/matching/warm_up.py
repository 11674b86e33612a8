"""Compile what rounds and bulk scoring run as machine code, so that nobody waits for it later.

``python -m services.matching.warm_up`` when an image is built or after an upgrade. The code is kept beside
its source, or where ``NUMBA_CACHE_DIR`` says; a process that finds it there starts working at once.
"""

import sys
import time
from typing import Any

import numpy as np

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import Market
from services.matching.engine.markets.solving import solve
from services.matching.engine.scoring.bulk import warm
from services.matching.rounds.documents import Stored, packed, without_snapshot
from services.matching.rounds.solving import propensities

_SEED = "5e" * 32
_PROJECTS, _HOMES = 24, 6
_STABLE = Configuration("stable", priority_step=100_000, ties="promotion")
_WELFARE = (
    Configuration("welfare", iterations=50),
    Configuration("welfare", iterations=50, fairness="max_min"),
    Configuration("welfare", iterations=50, fairness="alpha", move_penalty=1, match_bonus=1),
)


def warm_up() -> None:
    """Run every kernel once on a market of 24 projects; takes half a minute where none is compiled yet."""
    warm()
    loose = _market(with_rules=False)
    lottery = Configuration("stable", priority_step=100_000)
    result = solve(loose, lottery, _SEED)
    propensities(Stored(packed(loose.document()), packed(without_snapshot(result)), _SEED), 2)
    solve(loose, _STABLE, _SEED)
    for market in (loose, _market(with_rules=True)):
        for configuration in _WELFARE:
            solve(market, configuration, _SEED)


def _market(*, with_rules: bool) -> Market:
    """A market in which every limit bites, with ties, least numbers and places of before."""
    grid = np.arange(_PROJECTS * _HOMES).reshape(_PROJECTS, _HOMES)
    projects, homes = np.arange(_PROJECTS), range(_HOMES)
    rules: dict[str, Any] = {
        "industries": ["27", "36"],
        "project_industry": projects % 3 - 1,
        "regions": ["330000", "510000"],
        "home_region": [home % 2 for home in homes],
        "industry_caps": [(home, home % 2, 2) for home in homes],
        "region_caps": [(0, 6)],
        "demand_names": ["space_m2"],
        "demands": [100 + projects * 37 % 400],
        "resources": [(home, 0, 700) for home in homes],
        "previous": projects % _HOMES,
    }
    return market_of(
        project_ids=[f"project {number:02}" for number in range(_PROJECTS)],
        home_unit_ids=[f"home unit {number}" for number in homes],
        u=grid * 7_919 % 1_000_000,
        v=grid * 104_729 % 1_000_000,
        quotas=[4] * _HOMES,
        lower_quotas=[1] * _HOMES,
        **(rules if with_rules else {}),
    )


if __name__ == "__main__":
    started = time.perf_counter()
    warm_up()
    sys.stdout.write(f"compiled in {time.perf_counter() - started:.1f} s\n")
