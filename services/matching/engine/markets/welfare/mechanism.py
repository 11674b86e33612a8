"""Welfare rounds: the greatest sum of pair weights that every rule allows."""

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import Market
from services.matching.engine.markets.result import Result


def solve_welfare(market: Market, configuration: Configuration, seed: str) -> Result:
    """Return the best assignment found with a bound on what any could reach."""
    raise NotImplementedError
