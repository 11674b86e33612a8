"""Projects' lists and home units' priorities as flat integer columns, equal to those of ``terms``."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidConfiguration
from services.matching.engine.markets.market import FULL, Market
from services.matching.engine.markets.terms import adjusted_scores

Ints = NDArray[np.int64]
_LAST = np.iinfo(np.int64).max


def bits_of(homes: int) -> int:
    """Return how many bits the number of a home unit takes."""
    return homes.bit_length()


@dataclass(frozen=True, eq=False)
class Lists:
    """Project p asks ``homes[starts[p]…ends[p]]`` in this order; ``classes`` stands beside ``homes``.

    ``number[p]`` is the lottery number, below ``span``; ``column[p]`` is industry + 1. ``cut`` counts the
    projects whose list ``list_length`` made shorter.
    """

    starts: Ints
    ends: Ints
    homes: NDArray[np.int32]
    classes: Ints
    number: Ints
    span: int
    column: Ints
    cut: int

    def owners(self) -> Ints:
        """Return the project of each entry of ``homes``."""
        return np.repeat(np.arange(len(self.starts)), self.ends - self.starts)

    def keys(self, promotion: bool = False) -> Ints:
        """Return each entry's priority, lower is better: class × span + number.

        With ``promotion`` the classes are doubled, so that there is room for those promoted before equals.
        """
        classes = self.classes * 2 + 1 if promotion else self.classes
        return classes * self.span + self.number[self.owners()]

    def wishes(self, homes: int, promotion: bool = False) -> Ints:
        """Return key, home unit and whether it is the last of its list in one number each, for the kernel.

        Ordered as keys are, then by home unit, which has ``bits_of(homes)`` bits; the lowest bit says "last".
        """
        bits = bits_of(homes)
        keys = self.keys(promotion)
        used = int(keys.max(initial=0)).bit_length() + 1 + max(bits, len(self.starts).bit_length())
        if used > 63:
            raise InvalidConfiguration(
                "a round of so many projects and home units is not supported",
                "不支持项目与飞出地如此之多的轮次",
            )
        last = np.zeros(len(self.homes), np.int64)
        last[self.ends[self.ends > self.starts] - 1] = 1
        return (keys << (bits + 1)) | (self.homes.astype(np.int64) << 1) | last

    def bound_to(self, reserved: dict[int, int]) -> "Lists":
        """Return the lists where each reserved project asks only its home unit, before everybody else."""
        if not reserved:
            return self
        starts, ends = self.starts, self.ends
        kept = np.ones(len(self.homes), bool)
        classes = self.classes.copy()
        for project, home in reserved.items():
            own = slice(int(starts[project]), int(ends[project]))
            kept[own] = self.homes[own] == home
            classes[own] = 0
        before = np.concatenate((np.zeros(1, np.int64), np.cumsum(kept)))
        return replace(
            self, starts=before[starts], ends=before[ends], homes=self.homes[kept], classes=classes[kept]
        )

    def held(self, assignment: Ints) -> Ints:
        """Return each project's entry of the home unit it is assigned to, its end of list if to none."""
        owners = self.owners()
        found = np.flatnonzero(self.homes == assignment[owners])
        entries = self.ends.copy()
        entries[owners[found]] = found
        return entries


def lists_of(market: Market, configuration: Configuration, lottery: Ints) -> Lists:
    """Return the lists of every project, best first, with the class each has at the home unit."""
    projects, homes = market.shape
    scores = adjusted_scores(market)
    wish = np.where(market.u < 0, _LAST, (FULL - scores.u.astype(np.int64) + 1) * homes + np.arange(homes))
    fixed = [one for one in market.commitments if one.kind == "fixed"]
    for one in market.commitments:
        if one.kind == "first_refusal" and market.u[one.project, one.home] >= 0:
            wish[one.project, one.home] = one.home
    for one in fixed:
        wish[one.project] = _LAST
        wish[one.project, one.home] = one.home
    wish.sort(axis=1)
    length = min(configuration.list_length or homes, homes)
    cut = int(np.count_nonzero(wish[:, length] != _LAST)) if length < homes else 0
    wish = wish[:, :length]
    listed = wish != _LAST
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(listed.sum(axis=1))))
    flat = (wish[listed] % max(homes, 1)).astype(np.int32)
    rows = np.repeat(np.arange(projects), np.diff(offsets))
    classes = (FULL - scores.v[rows, flat].astype(np.int64)) // configuration.priority_step + 1
    for one in fixed:
        classes[offsets[one.project]] = 0
    column = market.project_industry + 1
    return Lists(offsets[:-1], offsets[1:], flat, classes, lottery, projects, column, cut)
