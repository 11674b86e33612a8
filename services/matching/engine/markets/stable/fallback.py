"""Deferred acceptance in plain Python: what runs without a compiler, and what the compiled one must equal."""

from heapq import heappop, heappush
from typing import Any


def propose(free: Any, columns: Any, family: Any) -> tuple[list[int], list[int]]:
    """Return each project's wish that it asks or holds, its end of list if none, and 1 for those promoted."""
    starts, wishes, column = columns.starts.tolist(), columns.wishes.tolist(), columns.column.tolist()
    sets = _Sets({name: value.tolist() for name, value in vars(family).items()})
    mask, leaf_of = (1 << columns.bits) - 1, sets.family["leaf_of"]
    asks, lifted = list(starts), [0] * len(starts)
    for first in free.tolist():
        project = first
        while True:
            wish = wishes[asks[project]]
            home, key = wish >> 1 & mask, wish >> columns.bits + 1
            if lifted[project]:
                key -= columns.lift
            project = sets.ask(project, key, home, leaf_of[home][column[project]])
            if project < 0:
                break
            last = wishes[asks[project]] & 1
            asks[project] += 1
            if last:
                if not columns.lift or lifted[project]:
                    break
                lifted[project], asks[project] = 1, starts[project]
    return asks, lifted


class _Sets:
    """What each set holds: a heap per leaf whose smallest is the worst key, negated."""

    def __init__(self, family: dict[str, Any]) -> None:
        self.family = family
        self.heaps: list[list[tuple[int, int]]] = [[] for _ in family["leaf_home"]]
        self.home_used = [0] * len(family["home_limit"])
        self.region_used = [0] * len(family["region_limit"])

    def ask(self, project: int, key: int, home: int, leaf: int) -> int:
        """Return who is rejected: the project itself, whom it displaces, or −1 for nobody."""
        heaps, family = self.heaps, self.family
        full = self._smallest_full(home, leaf)
        region = family["home_region"][home]
        displaced = -1
        if full is not None:
            out = min((one for one in full if heaps[one]), default=-1, key=lambda one: heaps[one][0])
            if out < 0 or -heaps[out][0][0] < key:
                return project
            displaced = heappop(heaps[out])[1]
            self.home_used[family["leaf_home"][out]] -= 1
        elif region >= 0:
            self.region_used[region] += 1
        heappush(heaps[leaf], (-key, project))
        self.home_used[home] += 1
        return displaced

    def _smallest_full(self, home: int, leaf: int) -> range | None:
        family = self.family
        region = family["home_region"][home]
        if len(self.heaps[leaf]) >= family["leaf_limit"][leaf]:
            return range(leaf, leaf + 1)
        if self.home_used[home] >= family["home_limit"][home]:
            return range(family["leaf_start"][home], family["leaf_end"][home])
        if region >= 0 and self.region_used[region] >= family["region_limit"][region]:
            return range(family["region_start"][region], family["region_end"][region])
        return None
