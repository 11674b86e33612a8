"""The columns of a standing round, with room for projects to come."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.stable.lists import Lists

Ints = NDArray[np.int64]


class Rows:
    """Projects in the order they came, ``count`` of them; those of the market first, in its order.

    Row p asks ``homes[starts[p]…ends[p]]`` and ``asks[p]`` is what it asks next or holds. A row whose project
    left stays, with an empty list and without ``present``.
    """

    def __init__(self, market: Market, lists: Lists, promotion: bool, spare: int) -> None:
        projects, homes = market.shape
        self.count, self.entries = projects, len(lists.homes)
        self.ids = list(market.project_ids)
        self.index = {project_id: row for row, project_id in enumerate(self.ids)}
        self.u, self.v = _grown(market.u, spare), _grown(market.v, spare)
        self.demands = _grown(market.demands.T, spare).T
        self.previous = np.full(projects + spare, NONE, np.int64)
        if market.previous is not None:
            self.previous[:projects] = market.previous
        self.present = _grown(np.ones(projects, bool), spare)
        self.starts, self.ends = _grown(lists.starts, spare), _grown(lists.ends, spare)
        self.asks, self.lifted = self.starts.copy(), np.zeros(projects + spare, np.int64)
        self.column = _grown(lists.column, spare)
        self.homes = _grown(lists.homes, spare * homes)
        self.wishes = _grown(lists.wishes(homes, promotion), spare * homes)

    def append(
        self,
        project_id: str,
        u: Ints,
        v: Ints,
        industry: int,
        demands: Sequence[int],
        homes: Ints,
        wishes: Ints,
    ) -> int:
        """Add a project with its list and return its row."""
        row, start, end = self.count, self.entries, self.entries + len(homes)
        self.count, self.entries = row + 1, end
        self.ids.append(project_id)
        self.index[project_id] = row
        self.u[row], self.v[row], self.demands[:, row] = u, v, demands
        self.present[row], self.column[row] = True, industry + 1
        self.starts[row] = self.asks[row] = start
        self.ends[row] = end
        self.homes[start:end], self.wishes[start:end] = homes, wishes
        return row

    def remove(self, row: int) -> None:
        """Take a row's project away; its entries stay and nobody owns them."""
        del self.index[self.ids[row]]
        self.present[row] = False
        self.ends[row] = self.asks[row] = self.starts[row]

    def rows(self) -> Ints:
        """Return the rows of the projects that are there."""
        return np.flatnonzero(self.present[: self.count])

    def home_of(self, row: int) -> int:
        """Return the home unit a row holds, −1 for none."""
        entry = self.asks[row]
        return int(self.homes[entry]) if entry < self.ends[row] else NONE

    def homes_of(self, rows: Ints) -> Ints:
        """Return the home units that rows hold, −1 for none."""
        entries = self.asks[rows]
        none = entries >= self.ends[rows]
        return np.where(none, NONE, np.append(self.homes, NONE)[np.where(none, NONE, entries)])

    def asking(self, family_leaf: Ints, leaves: int) -> Ints:
        """Return how many rows list each leaf, ``family_leaf`` being the table of leaves."""
        at = self.rows()
        counts = self.ends[at] - self.starts[at]
        entries = np.repeat(self.starts[at] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        leaf = family_leaf[self.homes[entries], np.repeat(self.column[at], counts)]
        return np.bincount(leaf, minlength=leaves)


def _grown(values: NDArray[Any], spare: int) -> NDArray[Any]:
    room = np.zeros((spare, *values.shape[1:]), values.dtype)
    return np.concatenate((values, room))
