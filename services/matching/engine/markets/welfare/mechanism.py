"""Welfare rounds: the greatest sum of pair weights that every rule allows."""

from typing import Any

import numpy as np

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidConfiguration
from services.matching.engine.markets.figures import figures_of
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.result import Result
from services.matching.engine.markets.terms import weights_at
from services.matching.engine.markets.welfare.certificate import certificate_of
from services.matching.engine.markets.welfare.fairness import (
    fair_plan,
    home_welfare,
    least,
    measure_of,
)
from services.matching.engine.markets.welfare.plans import Plan, best_plan, value_of
from services.matching.engine.markets.welfare.problem import Ints, Problem, problem_of
from services.matching.engine.markets.welfare.rights import with_rights


def solve_welfare(market: Market, configuration: Configuration, seed: str) -> Result:
    """Return the best assignment found with a bound on what any could reach.

    With quotas alone it is the best and the prices prove it. Raises ``Infeasible`` if what is fixed breaks a
    rule and ``InvalidConfiguration`` for ``list_length``, which would hide pairs from the proof.
    """
    if configuration.list_length:
        raise InvalidConfiguration("list_length belongs to stable", "list_length 仅用于 stable 机制")
    decisions: list[tuple[Problem, Plan, dict[str, Any]]] = []

    def decide(place: Ints) -> Ints:
        problem = problem_of(market, configuration, place)
        plan, more = _plan(market, configuration, problem, seed)
        decisions.append((problem, plan, more))
        return np.where(place != NONE, place, plan.home)

    assignment, used, waived = with_rights(market, configuration, decide)
    # Rights narrow the choice; the bound is about the choice without them.
    problem, plan, _ = decisions[0]
    if used:
        plan = plan._replace(proven=False, claimed=False)
    figures = figures_of(market, configuration, assignment) | decisions[-1][2]
    value = figures["welfare"]
    certificate = certificate_of(market, configuration, problem, plan, assignment, value)
    figures["displaced_by"] = displaced_by(market, assignment)
    figures["first_refusals_enforced"] = [list(pair) for pair in used]
    figures["first_refusals_waived"] = [list(pair) for pair in waived]
    return Result(market, configuration, seed, assignment, certificate, figures)


def _plan(
    market: Market, configuration: Configuration, problem: Problem, seed: str
) -> tuple[Plan, dict[str, Any]]:
    """Return the plan, and what fairness costs if it is asked for."""
    start = market.previous if configuration.move_penalty else None
    plan = best_plan(problem, configuration.iterations, seed, start)
    if configuration.fairness == "none":
        return plan, {}
    measure = measure_of(market, configuration, problem, _fixed_welfare(market, configuration, problem))
    fair = fair_plan(problem, measure, plan, configuration.iterations, seed)
    most, reached = (value_of(problem, one.home) + problem.fixed_value for one in (plan, fair))
    return fair, {
        "least_home_welfare_per_place": least(measure, home_welfare(problem, measure, fair.home)),
        "least_home_welfare_per_place_without_fairness": least(
            measure, home_welfare(problem, measure, plan.home)
        ),
        "price_of_fairness_ppm": price_ppm(most, reached),
    }


def price_ppm(best: int, reached: int) -> int:
    """Return what is lost from the best, in millionths of it, rounded up; less than 0 if nothing is lost."""
    return -((reached - best) * 1_000_000 // max(best, 1))


def _fixed_welfare(market: Market, configuration: Configuration, problem: Problem) -> Ints:
    found = np.zeros(market.shape[1], np.int64)
    taken = np.flatnonzero(problem.place != NONE)
    if taken.size:
        at = problem.place[taken]
        np.add.at(found, at, weights_at(market, configuration, taken, at))
    return found


def displaced_by(market: Market, assignment: Ints) -> list[list[Any]]:
    """Return [project, those who are now where it was and were not before] for each project that moved."""
    if market.previous is None:
        return []
    arrived = (assignment != NONE) & (assignment != market.previous)
    moved = np.flatnonzero((market.previous != NONE) & (market.previous != assignment))
    newcomers: dict[int, list[int]] = {}
    for project in np.flatnonzero(arrived).tolist():
        newcomers.setdefault(int(assignment[project]), []).append(project)
    return [[int(one), newcomers.get(int(market.previous[one]), [])] for one in moved]
