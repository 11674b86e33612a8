"""Small rounds under every rule as a program in whole numbers for HiGHS, called through SciPy.

No clock stops it but a number of nodes, so that the same version answers the same. Its answer is checked in
whole numbers; that it is the best is a claim of the solver.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.welfare.problem import UNLIMITED, Ints, Problem

NODES = 50
_OPTIMAL = 0


class Row(NamedTuple):
    """Σ ``factors`` · x at ``columns`` is from ``least`` to ``most``; None: no such end."""

    columns: Ints
    factors: NDArray[np.float64]
    least: float | None
    most: float | None


class Answer(NamedTuple):
    """``values`` of the columns, None if there is none, and whether the solver says nothing is better."""

    values: NDArray[np.float64] | None
    claimed: bool


class Program:
    """Which pairs to take: column i is the pair ``(project[i], home[i])``, and more columns may follow."""

    def __init__(self, problem: Problem, keep: NDArray[np.bool_] | None = None) -> None:
        self.problem = problem
        usable = problem.weights > 0 if keep is None else (problem.weights > 0) & keep
        self.project, self.home = np.nonzero(usable)
        self.weights = problem.weights[self.project, self.home].astype(np.float64)
        self.pairs = len(self.project)
        self.columns = self.pairs
        self.rows = list(_rules(self))

    def at(self, where: NDArray[np.bool_]) -> Ints:
        """Return the columns of the pairs for which ``where`` holds."""
        return np.flatnonzero(where)

    def limit(
        self, columns: Ints, factors: NDArray[np.float64], least: float | None, most: float | None
    ) -> None:
        """Add a row."""
        self.rows.append(Row(columns, factors, least, most))

    def add_columns(self, number: int) -> Ints:
        """Add columns that need not be whole and return their numbers."""
        self.columns += number
        return np.arange(self.columns - number, self.columns)

    def maximise(self, objective: NDArray[np.float64], ends: NDArray[np.float64] | None = None) -> Answer:
        """Solve for the greatest sum; ``ends`` are the greatest values of the columns behind the pairs."""
        from scipy.optimize import Bounds, LinearConstraint, milp

        if not self.columns:
            return Answer(np.zeros(0), True)
        upper = np.ones(self.columns)
        upper[self.pairs :] = np.inf if ends is None else ends
        whole = np.zeros(self.columns)
        whole[: self.pairs] = 1
        rows = [LinearConstraint(*self.matrix())] if self.rows else []
        options = {"node_limit": NODES, "mip_rel_gap": 0.0, "presolve": True}
        done = milp(-objective, integrality=whole, bounds=Bounds(0, upper), constraints=rows, options=options)
        return Answer(done.x, done.status == _OPTIMAL)

    def matrix(self) -> tuple[Any, NDArray[np.float64], NDArray[np.float64]]:
        """Return the rows as a sparse matrix, with the least and the most of each."""
        from scipy.sparse import csr_array

        ends = np.cumsum([0, *(len(row.columns) for row in self.rows)])
        columns = np.concatenate([row.columns for row in self.rows])
        factors = np.concatenate([row.factors for row in self.rows])
        matrix = csr_array((factors, columns, ends), shape=(len(self.rows), self.columns))
        least = np.array([-np.inf if row.least is None else row.least for row in self.rows])
        most = np.array([np.inf if row.most is None else row.most for row in self.rows])
        return matrix, least, most

    def homes_of(self, answer: Answer) -> Ints | None:
        """Return the home unit of every project, −1 for none; None if there is no answer."""
        if answer.values is None:
            return None
        home = np.full(len(self.problem.weights), -1, np.int64)
        taken = np.flatnonzero(answer.values[: self.pairs] > 0.5)
        home[self.project[taken]] = self.home[taken]
        return home


def _rules(program: Program) -> list[Row]:
    """Return a row for each limit that pairs could exceed."""
    problem, project, home = program.problem, program.project, program.home
    industry, region = problem.industry[project], problem.region[home]
    found = [_sum(np.flatnonzero(project == one), 1) for one in np.unique(project)]
    found += [_sum(np.flatnonzero(home == one), problem.quotas[one]) for one in np.unique(home)]
    for kind, one in np.argwhere(problem.industry_limit < UNLIMITED // 2):
        pairs = np.flatnonzero((home == one) & (industry == kind))
        found.append(_sum(pairs, problem.industry_limit[kind, one]))
    for one in np.flatnonzero(problem.region_limit < UNLIMITED // 2):
        found.append(_sum(np.flatnonzero(region == one), problem.region_limit[one]))
    for kind, one in np.argwhere(problem.capacity < UNLIMITED // 2):
        pairs = np.flatnonzero(home == one)
        demand = problem.demands[kind, project[pairs]]
        # Whole numbers as small as they can be leave the solver's tolerance no room.
        common = max(int(np.gcd.reduce(demand)) if demand.size else 1, 1)
        found.append(Row(pairs, demand / common, None, float(problem.capacity[kind, one] // common)))
    return [row for row in found if len(row.columns) and row.factors.sum() > (row.most or 0)]


def _sum(columns: Ints, most: int) -> Row:
    return Row(columns, np.ones(len(columns)), None, float(most))
