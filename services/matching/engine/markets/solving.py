"""The one door to every mechanism."""

import re

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidConfiguration
from services.matching.engine.markets.market import Market
from services.matching.engine.markets.result import Result

_SEED = re.compile(r"[0-9a-f]{64}")


def solve(market: Market, configuration: Configuration, seed: str) -> Result:
    """Return what the configured mechanism finds; ``seed`` is 32 bytes in hexadecimal digits.

    Raises ``InvalidConfiguration`` for what the mechanism does not do on this market and ``Infeasible`` if
    fixed commitments already break a rule.
    """
    if not _SEED.fullmatch(seed):
        raise InvalidConfiguration("the seed is 64 hexadecimal digits", "种子须为 64 位十六进制数字")
    # The mechanisms bring compilers and solvers, which nobody needs who only reads.
    if configuration.mechanism == "stable":
        from services.matching.engine.markets.stable.mechanism import solve_stable

        return solve_stable(market, configuration, seed)
    from services.matching.engine.markets.welfare.mechanism import solve_welfare

    return solve_welfare(market, configuration, seed)
