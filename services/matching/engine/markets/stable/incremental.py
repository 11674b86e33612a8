"""A stable round that stands: one arrival, departure or place more, as if everything had been run anew."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.canonical import sha256
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidConfiguration, InvalidMarket
from services.matching.engine.markets.lottery import numbers
from services.matching.engine.markets.market import FULL, NONE, Market
from services.matching.engine.markets.result import Result
from services.matching.engine.markets.stable import acceptance, mechanism
from services.matching.engine.markets.stable.family import family_of
from services.matching.engine.markets.stable.lists import bits_of, lists_of
from services.matching.engine.markets.stable.rows import Rows

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Arrival:
    """A project that arrives: what it thinks of each home unit and they of it, −1 both if not permitted."""

    project_id: str
    u: ArrayLike
    v: ArrayLike
    industry: int = NONE
    demands: Sequence[int] = ()


class Standing:
    """The outcome of a market, kept so that a change costs what it touches.

    Exact: assignment and document are those of ``solve`` on the changed market. An arrival follows the chain
    of those it displaces. A departure or a place more asks everybody anew where it may free a chain that
    reaches anybody, with lists and priorities as they are. Raises ``InvalidConfiguration`` for lower quotas
    that are more than reported, and for resources.
    """

    def __init__(self, market: Market, configuration: Configuration, seed: str) -> None:
        if configuration.lower_quotas != "report" or market.resources:
            raise InvalidConfiguration(
                "a standing round has neither resources nor lower quotas to meet",
                "常设轮次不支持资源限额与须满足的最低名额",
            )
        mechanism.check(market, configuration)
        self.market, self.configuration, self.seed = market, configuration, seed
        self.promotion = configuration.ties == "promotion"
        self._drawn = sorted(sha256(seed + project_id) for project_id in market.project_ids)
        # Lottery numbers are spread out, so that a newcomer's fits between two others.
        self._spare = max(64, market.shape[0] // 8)
        self._owner_bits = bits_of(market.shape[0] + self._spare)
        self._span = 1 << (40 - max(bits_of(market.shape[1]), self._owner_bits))
        self._lift = self._span if self.promotion else 0
        gap = self._span // (len(self._drawn) + 1)
        if gap < 2:
            raise InvalidConfiguration(
                "a standing round of so many projects is not supported", "不支持项目如此之多的常设轮次"
            )
        self._numbers = [gap * (place + 1) for place in range(len(self._drawn))]
        place = numbers(seed, market.project_ids)
        lists = lists_of(market, configuration, (place + 1) * gap)
        lists = replace(lists, span=self._span)
        self.family = family_of(market)
        self.rows = Rows(market, lists, self.promotion, self._spare)
        self._again()

    def _again(self) -> None:
        rows = self.rows
        rows.asks[:], rows.lifted[:] = rows.starts, 0
        asking = rows.asking(self.family.leaf_of, len(self.family.leaf_home)) + self._spare
        self.state = acceptance.fresh_state(asking, self.family, rows.asks)
        self.state.lifted = rows.lifted
        self._ask(rows.rows())

    def _ask(self, free: Ints) -> None:
        rows = self.rows
        free = free[rows.starts[free] < rows.ends[free]]
        if len(free):
            bits = bits_of(self.market.shape[1])
            columns = acceptance.Columns(
                rows.starts, rows.wishes, rows.column, bits, self._owner_bits, self._lift
            )
            acceptance.run(self.state, free, columns, self.family)

    def arrive(self, arrival: Arrival) -> int:
        """Add a project and return the home unit it gets, −1 for none; ``InvalidMarket`` if it is none."""
        u, v = self._scores(arrival)
        digest = sha256(self.seed + arrival.project_id)
        at = bisect_left(self._drawn, digest)
        below = self._numbers[at - 1] if at else 0
        above = self._numbers[at] if at < len(self._numbers) else self._span
        if not self._spare or above - below < 2:
            self.__init__(self.snapshot(), self.configuration, self.seed)  # type: ignore[misc]
            return self.arrive(arrival)
        self._spare -= 1
        self._drawn.insert(at, digest)
        self._numbers.insert(at, (below + above) // 2)
        homes = len(u)
        wish = np.where(u < 0, NONE, (FULL - u + 1) * homes + np.arange(homes))
        wish = np.sort(wish[wish >= 0])[: self.configuration.list_length or homes] % max(homes, 1)
        classes = (FULL - v[wish]) // self.configuration.priority_step + 1
        keys = (classes * 2 + 1 if self.promotion else classes) * self._span + self._numbers[at]
        wishes = keys << (bits_of(homes) + 1) | wish << 1
        wishes[-1:] |= 1
        row = self.rows.append(
            arrival.project_id, u, v, arrival.industry, arrival.demands, homes=wish, wishes=wishes
        )
        if acceptance.compiled():
            self._ask(np.array([row]))
        else:
            self._again()
        return self.rows.home_of(row)

    def _scores(self, arrival: Arrival) -> tuple[Ints, Ints]:
        u, v = np.asarray(arrival.u), np.asarray(arrival.v)
        if not arrival.project_id or arrival.project_id in self.rows.index:
            raise InvalidMarket(
                f"project id {arrival.project_id!r} is empty or stands twice",
                f"项目标识 {arrival.project_id!r} 为空或重复",
            )
        for one in (u, v):
            if one.shape != (self.market.shape[1],) or (one.size and one.dtype.kind not in "iu"):
                raise InvalidMarket(
                    f"a project has {self.market.shape[1]} whole numbers in u and in v",
                    f"每个项目的 u 与 v 各须有 {self.market.shape[1]} 个整数",
                )
            if one.size and (one.min() < NONE or one.max() > FULL):
                raise InvalidMarket(f"u or v leaves −1…{FULL}", f"u 或 v 超出 −1 至 {FULL}")
        if ((u < 0) != (v < 0)).any():
            raise InvalidMarket(
                "a pair is permitted in u and not in v, or the reverse", "某一配对仅在 u 与 v 之一中获准"
            )
        if not NONE <= arrival.industry < len(self.market.industries):
            raise InvalidMarket(
                f"the project's industry is {arrival.industry}",
                f"该项目的行业为 {arrival.industry}，并不存在",
            )
        demands = arrival.demands
        if len(demands) != len(self.market.demand_names) or any(one < 0 for one in demands):
            raise InvalidMarket(
                "a project has one demand of each name, none below 0",
                "每个项目对每类资源须有一个不小于 0 的需求",
            )
        return u.astype(np.int64), v.astype(np.int64)

    def depart(self, project_id: str) -> None:
        """Take a project away; ``KeyError`` if there is none of this id."""
        row = self.rows.index[project_id]
        alone = self._refused_nobody(row)
        at = bisect_left(self._drawn, sha256(self.seed + project_id))
        del self._drawn[at], self._numbers[at]
        if alone and acceptance.compiled():
            self._release(row)
            self.rows.remove(row)
        else:
            self.rows.remove(row)
            self._again()

    def _refused_nobody(self, row: int) -> bool:
        """Return whether no set the project asked ever was full, so that it stood in nobody's way."""
        rows, state, family = self.rows, self.state, self.family
        asked = rows.homes[rows.starts[row] : min(rows.asks[row] + 1, rows.ends[row])]
        leaves, regions = family.leaf_of[asked, rows.column[row]], family.home_region[asked]
        regions = regions[regions != NONE]
        return not (
            (state.leaf_used[leaves] >= family.leaf_limit[leaves]).any()
            or (state.home_used[asked] >= family.home_limit[asked]).any()
            or (state.region_used[regions] >= family.region_limit[regions]).any()
            or rows.lifted[row]
        )

    def _release(self, row: int) -> None:
        home = self.rows.home_of(row)
        if home == NONE:
            return
        state, family = self.state, self.family
        leaf, region = int(family.leaf_of[home, self.rows.column[row]]), int(family.home_region[home])
        start, used = int(state.heap_start[leaf]), int(state.leaf_used[leaf])
        own = slice(start, start + used)
        owners = state.heap[own] >> 1 & (1 << self._owner_bits) - 1
        state.heap[start : start + used - 1] = np.sort(state.heap[own][owners != row])[::-1]
        state.leaf_used[leaf] -= 1
        state.home_used[home] -= 1
        if region != NONE:
            state.region_used[region] -= 1

    def add_place(self, home: int) -> None:
        """Raise a home unit's quota by one."""
        self.family.home_limit[home] += 1
        self._again()

    def home_of(self, project_id: str) -> int:
        """Return the home unit a project has now, −1 for none; ``KeyError`` if there is no such project."""
        return self.rows.home_of(self.rows.index[project_id])

    def snapshot(self) -> Market:
        """Return the market as it is now."""
        old, rows = self.market, self.rows
        at = rows.rows()
        commitments = [
            (place, *one[1:])
            for one in old.commitments
            for place in np.flatnonzero(at == one.project).tolist()
        ]
        return market_of(
            project_ids=[rows.ids[row] for row in at.tolist()],
            home_unit_ids=old.home_unit_ids,
            u=rows.u[at],
            v=rows.v[at],
            quotas=self.family.home_limit,
            lower_quotas=old.lower_quotas,
            industries=old.industries,
            project_industry=rows.column[at] - 1,
            regions=old.regions,
            home_region=old.home_region,
            industry_caps=old.industry_caps,
            region_caps=old.region_caps,
            demand_names=old.demand_names,
            demands=rows.demands[:, at],
            commitments=commitments,
            previous=None if old.previous is None else rows.previous[at],
        )

    def result(self) -> Result:
        """Return the result as ``solve`` would on the market as it is now, to the last byte."""
        market, rows = self.snapshot(), self.rows
        at = np.array([rows.index[project_id] for project_id in market.project_ids], np.int64)
        lists = lists_of(market, self.configuration, numbers(self.seed, market.project_ids))
        outcome = acceptance.Outcome(rows.homes_of(at), rows.lifted[at])
        return mechanism.result_of(market, self.configuration, self.seed, lists, outcome)
