"""Stable rounds: nobody and no home unit would both rather have each other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets import lottery
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import Infeasible, InvalidConfiguration
from services.matching.engine.markets.feasibility import broken
from services.matching.engine.markets.figures import figures_of
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.result import Result
from services.matching.engine.markets.room import could_run_out, fixed_places
from services.matching.engine.markets.stable.acceptance import Outcome, accept
from services.matching.engine.markets.stable.certificate import certificate
from services.matching.engine.markets.stable.family import Family, family_of
from services.matching.engine.markets.stable.lists import Lists, lists_of
from services.matching.engine.markets.wording import resource_label, what_is_fixed

Ints = NDArray[np.int64]


def solve_stable(market: Market, configuration: Configuration, seed: str) -> Result:
    """Return the project-optimal stable assignment with its cutoffs.

    Raises ``InvalidConfiguration`` where resources could bind (welfare keeps those) or two policies exclude
    each other, ``Infeasible`` if fixed commitments break a limit or no assignment meets the lower quotas.
    """
    check(market, configuration)
    lists = lists_of(market, configuration, lottery.numbers(seed, market.project_ids))
    family = family_of(market)
    outcome = accept(lists, family, configuration.ties == "promotion")
    proof = _proof(market, configuration, lists, family, outcome)
    if configuration.lower_quotas != "report" and proof["short_of_lower_quotas"]:
        from services.matching.engine.markets.stable import fewest_blocking, lower_quotas

        policy = lower_quotas.soft if configuration.lower_quotas == "soft" else fewest_blocking.assign
        outcome, proof = policy(market, lists, family, outcome)
    return result_of(market, configuration, seed, lists, outcome, proof)


def result_of(
    market: Market,
    configuration: Configuration,
    seed: str,
    lists: Lists,
    outcome: Outcome,
    proof: dict[str, Any] | None = None,
) -> Result:
    """Return the result that belongs to an outcome, however it was come by."""
    family = family_of(market)
    proof = proof or _proof(market, configuration, lists, family, outcome)
    figures = figures_of(market, configuration, outcome.assignment)
    figures |= _policies(market, configuration, lists, family, outcome, proof)
    return Result(market, configuration, seed, outcome.assignment, proof, figures)


def _proof(
    market: Market, configuration: Configuration, lists: Lists, family: Family, outcome: Outcome
) -> dict[str, Any]:
    promotion = configuration.ties == "promotion"
    return certificate(market, lists, family, outcome.assignment, outcome.lifted, promotion)


def _policies(
    market: Market,
    configuration: Configuration,
    lists: Lists,
    family: Family,
    outcome: Outcome,
    proof: dict[str, Any],
) -> dict[str, Any]:
    """Return what the chosen policies cost: cut lists in matches, promotion and lower quotas in honesty."""
    found: dict[str, Any] = {
        "lists_cut": lists.cut,
        "strategy_proof": not lists.cut and configuration.ties == "lottery" and proof["kind"] == "stability",
        "unmatched_with_full_lists": None,
        "matched_by_lottery": None,
        "promoted": None,
    }
    promotion = configuration.ties == "promotion"
    if promotion:
        found["promoted"] = int(outcome.lifted.sum())
        found["matched_by_lottery"] = _matched(accept(lists, family))
    if lists.cut:
        whole = Configuration(**{**configuration.document(), "list_length": 0})
        full = accept(lists_of(market, whole, lists.number), family, promotion)
        found["unmatched_with_full_lists"] = market.shape[0] - _matched(full)
    return found


def _matched(outcome: Outcome) -> int:
    return int(np.count_nonzero(outcome.assignment != NONE))


def check(market: Market, configuration: Configuration) -> None:
    """Raise ``Infeasible`` or ``InvalidConfiguration`` for a market this mechanism has no answer to."""
    over = [row for row in broken(market, fixed_places(market)) if "limit" in row]
    if over:
        raise Infeasible(*what_is_fixed(market, over[0]))
    if configuration.ties == "promotion" and configuration.lower_quotas != "report":
        raise InvalidConfiguration(
            "promotion of ties goes with lower quotas that are only reported",
            "同分晋升只能与仅作报告的最低名额并用",
        )
    if (scarce := could_run_out(market)) is not None:
        en, zh = resource_label(market.demand_names[scarce.demand])
        home = market.home_unit_ids[scarce.home]
        raise InvalidConfiguration(
            f"{en} at home unit {home} could run out, and no stable assignment need exist then; the "
            "mechanism welfare keeps such limits",
            f"飞出地 {home} 的{zh}可能不足，此时未必存在稳定分配；welfare 机制可保证此类限额",
        )
