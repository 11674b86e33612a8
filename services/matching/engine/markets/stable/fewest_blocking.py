"""Lower quotas as rules: the assignment that meets them with the fewest blocking pairs, for small markets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.errors import Infeasible, InvalidConfiguration
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.stable.acceptance import Outcome
from services.matching.engine.markets.stable.certificate import certificate
from services.matching.engine.markets.stable.family import NO_LIMIT, Family
from services.matching.engine.markets.stable.lists import Lists

Ints = NDArray[np.int64]
MOST_PAIRS = 4_000
"""Of projects and home units they list; 200 projects × 20 home units."""
_NODES = 20_000
_INFEASIBLE = 2
_NONE_MEETS = "no assignment meets every lower quota", "没有任何分配能满足全部最低名额"


def assign(market: Market, lists: Lists, family: Family, outcome: Outcome) -> tuple[Outcome, dict[str, Any]]:
    """Return an assignment that meets the lower quotas with the fewest blocking pairs.

    Among those it takes one in which projects stand highest in their lists together. ``claimed_fewest`` is
    what the solver says. Raises ``InvalidConfiguration`` beyond ``MOST_PAIRS``, ``Infeasible`` if no
    assignment meets the lower quotas.
    """
    if len(lists.homes) > MOST_PAIRS:
        raise InvalidConfiguration(
            f"fewest_blocking is exact and ends at {MOST_PAIRS} listed pairs, this market has "
            f"{len(lists.homes)}; soft lower quotas have no such end",
            f"fewest_blocking 为精确算法，上限为 {MOST_PAIRS} 个配对，而该市场有 {len(lists.homes)} 个；"
            "soft 最低名额没有此上限",
        )
    if not len(lists.homes):
        raise Infeasible(*_NONE_MEETS)
    chosen, proven = _Programme(market, lists, family).solve()
    assignment = np.full(market.shape[0], NONE, np.int64)
    assignment[lists.owners()[chosen]] = lists.homes[chosen]
    proof = certificate(market, lists, family, assignment, outcome.lifted, False)
    return Outcome(assignment, outcome.lifted), {
        **proof,
        "kind": "fewest_blocking",
        "claimed_fewest": proven,
    }


class _Programme:
    """One column x per listed pair, one b for it blocking, and one d per set of it that says no to it."""

    def __init__(self, market: Market, lists: Lists, family: Family) -> None:
        self.pairs = len(lists.homes)
        self.rows: list[dict[int, float]] = []
        self.least: list[float] = []
        self.most: list[float] = []
        owners = lists.owners()
        keys = lists.keys()
        leaf, region = family.leaf_of[lists.homes, lists.column[owners]], family.home_region[lists.homes]
        sets = (
            (leaf, family.leaf_limit, keys),
            (lists.homes, family.home_limit, keys),
            (region, family.region_limit, keys * max(market.shape[1], 1) + lists.homes),
        )
        for project in range(market.shape[0]):
            own = range(int(lists.starts[project]), int(lists.ends[project]))
            self._row(dict.fromkeys(own, 1.0), 0, 1)
        for home, least in enumerate(market.lower_quotas.tolist()):
            self._row(dict.fromkeys(np.flatnonzero(lists.homes == home).tolist(), 1.0), least, np.inf)
        for one in market.commitments:
            if one.kind == "fixed":
                self._row({int(lists.starts[one.project]): 1.0}, 1, 1)
        for place, limits, _ in sets:
            for number, limit in enumerate(limits.tolist()):
                if limit < NO_LIMIT:
                    members = np.flatnonzero(place == number).tolist()
                    self._row(dict.fromkeys(members, 1.0), 0, limit)
        self._refusals(lists, owners, sets)

    def _row(self, columns: dict[int, float], least: float, most: float) -> None:
        self.rows.append(columns)
        self.least.append(least)
        self.most.append(most)

    def _refusals(self, lists: Lists, owners: Ints, sets: tuple[tuple[Any, Any, Ints], ...]) -> None:
        """A pair not taken blocks unless a better one is, or a set of it is full of better projects."""
        self.columns = 2 * self.pairs
        for entry in range(self.pairs):
            better = range(int(lists.starts[owners[entry]]), entry + 1)
            stable = {**dict.fromkeys(better, 1.0), self.pairs + entry: 1.0}
            for place, limits, keys in sets:
                number = int(place[entry])
                if number == NONE or limits[number] >= NO_LIMIT:
                    continue
                stable[self.columns] = 1.0
                members = np.flatnonzero((place == number) & (keys < keys[entry])).tolist()
                says_no = dict.fromkeys(members, 1.0)
                says_no[self.columns] = -float(limits[number])
                self._row(says_no, 0, np.inf)
                self.columns += 1
            self._row(stable, 1, np.inf)
        self.places = np.arange(self.pairs) - lists.starts[owners]

    def solve(self) -> tuple[NDArray[np.bool_], bool]:
        """Return which pairs are taken and whether the solver proved that none does with less."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        sizes = np.array([len(row) for row in self.rows])
        at = np.fromiter((column for row in self.rows for column in row), np.int64, int(sizes.sum()))
        values = np.fromiter((value for row in self.rows for value in row.values()), float, len(at))
        matrix = csr_array(
            (values, at, np.concatenate(([0], np.cumsum(sizes)))), shape=(len(sizes), self.columns)
        )
        # One blocking pair less is worth more than all places in lists together.
        worth = float((self.places + 1).sum() + 1)
        cost = np.zeros(self.columns)
        cost[: self.pairs] = self.places - self.places.max(initial=0) - 1
        cost[self.pairs : 2 * self.pairs] = worth
        found = milp(
            cost,
            integrality=np.ones(self.columns),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(matrix, self.least, self.most),
            options={"node_limit": _NODES, "mip_rel_gap": 0},
        )
        if found.x is None and found.status != _INFEASIBLE:
            raise InvalidConfiguration(
                f"fewest_blocking found nothing in {_NODES} nodes; soft always does",
                f"fewest_blocking 在 {_NODES} 个节点内未找到结果，soft 总能给出结果",
            )
        if found.x is None:
            raise Infeasible(*_NONE_MEETS)
        return np.rint(found.x[: self.pairs]).astype(bool), bool(found.status == 0)
