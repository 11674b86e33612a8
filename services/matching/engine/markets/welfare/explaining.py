"""Why a project got its home unit in a welfare round, and what it would have taken to get another."""

from typing import Any

import numpy as np

from services.matching.engine.markets.market import NONE
from services.matching.engine.markets.result import Result
from services.matching.engine.markets.terms import adjusted_scores, weights_of
from services.matching.engine.markets.welfare.problem import Ints, problem_of
from services.matching.engine.markets.welfare.relaxation import SCALE
from services.matching.engine.markets.welfare.transport import assign_under_quotas


def shadow_prices(result: Result) -> list[int]:
    """Return per home unit what a typical project has to be worth there before it gains, in millionths.

    ``optimality``: what one more place would add. ``bound``: the prices of a place, of its region, and of
    what a project with an average demand takes; an indication. No prices in the certificate: all 0.
    """
    market = result.market
    typical = [int(row.sum()) // max(int(np.count_nonzero(row)), 1) for row in market.demands]
    return [_price(result, home, typical, NONE) for home in range(market.shape[1])]


def explain(result: Result, project: int) -> dict[str, Any]:
    """Return what each permitted home unit is worth to the sum, its price, and the difference.

    The best first. ``basis`` is ``exact`` if the prices prove the round, else ``indication``.
    """
    market = result.market
    demand = [int(row[project]) for row in market.demands]
    weights = _weights(result, project)
    options = []
    for home in np.flatnonzero(market.permitted[project]).tolist():
        price = _price(result, home, demand, int(market.project_industry[project]))
        options.append(
            {
                "home_unit": home,
                "weight": int(weights[home]),
                "price": price,
                "value": int(weights[home]) - price,
            }
        )
    return {
        "project": project,
        "assigned": int(result.assignment[project]),
        "basis": _basis(result),
        "options": sorted(options, key=lambda option: (-option["value"], option["home_unit"])),
    }


def counterfactual(result: Result, project: int, home: int) -> dict[str, Any]:
    """Return the weight from which a project could get a home unit, all else as it was.

    Exact with quotas alone: at ``weight_needed`` both answers are equally good, above it the project gets the
    home unit. Otherwise an indication from prices. None if the pair is not permitted or there is no place.
    """
    market = result.market
    weight = int(_weights(result, project)[home])
    found = {"project": project, "home_unit": home, "weight": weight, "basis": _basis(result)}
    if not market.permitted[project, home] or not market.quotas[home]:
        return {**found, "weight_needed": None}
    if result.certificate["kind"] == "optimality":
        return {**found, "weight_needed": _exactly(result, project, home)}
    options = {option["home_unit"]: option for option in explain(result, project)["options"]}
    others = [option["value"] for at, option in options.items() if at != home]
    return {**found, "weight_needed": max(max([0, *others]) + options[home]["price"], 1)}


def _exactly(result: Result, project: int, home: int) -> int | None:
    """Return the best without the pair minus the best of the others if one place there is gone."""
    problem = problem_of(result.market, result.configuration)
    fewer = problem.quotas.copy()
    if problem.place[project] != NONE or fewer[home] < 1:
        return None
    fewer[home] -= 1
    without_pair, without_project = problem.weights.copy(), problem.weights.copy()
    without_pair[project, home] = 0
    without_project[project] = 0
    prices = np.array(result.certificate["prices"], np.int64) // int(result.certificate["price_scale"])
    elsewhere = _value(without_pair, assign_under_quotas(without_pair, problem.quotas, prices).assignment)
    there = _value(without_project, assign_under_quotas(without_project, fewer, prices).assignment)
    return elsewhere - there


def _value(weights: np.ndarray, assignment: Ints) -> int:
    taken = np.flatnonzero(assignment != NONE)
    return int(weights[taken, assignment[taken]].sum(dtype=np.int64))


def _basis(result: Result) -> str:
    return "exact" if result.certificate["kind"] == "optimality" else "indication"


def _weights(result: Result, project: int) -> Ints:
    """Return the weights of one project, 0 where they are not more."""
    market, rows = result.market, slice(project, project + 1)
    found: Ints = np.maximum(weights_of(market, result.configuration, adjusted_scores(market), rows), 0)[0]
    return found


def _price(result: Result, home: int, demand: list[int], industry: int) -> int:
    """Return what a project of this demand and industry pays at a home unit, rounded up."""
    market, certificate = result.market, result.certificate
    if certificate["kind"] == "optimality":
        return int(certificate["prices"][home]) // int(certificate["price_scale"])
    given = certificate.get("multipliers")
    if given is None:
        return 0
    homes, caps = market.shape[1], len(market.industry_caps)
    total = int(given[home])
    for at, cap in enumerate(market.industry_caps):
        total += given[homes + at] if cap[:2] == (home, industry) else 0
    for at, (region, _) in enumerate(market.region_caps):
        total += given[homes + caps + at] if region == market.home_region[home] else 0
    rest = homes + caps + len(market.region_caps)
    for at, resource in enumerate(market.resources):
        total += given[rest + at] * demand[resource.demand] if resource.home == home else 0
    return -(-total // int(certificate.get("multiplier_scale", SCALE)))
