"""Stable rounds: nobody and no home unit would both rather have each other."""

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import Market
from services.matching.engine.markets.result import Result


def solve_stable(market: Market, configuration: Configuration, seed: str) -> Result:
    """Return the project-optimal stable assignment with its cutoffs."""
    raise NotImplementedError
