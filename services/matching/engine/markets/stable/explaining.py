"""Why a project is where it is in a stable round, and what would have got it elsewhere; codes and numbers."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from services.matching.engine.markets import lottery
from services.matching.engine.markets.errors import InvalidConfiguration
from services.matching.engine.markets.market import FULL, NONE
from services.matching.engine.markets.result import Result
from services.matching.engine.markets.stable.acceptance import Outcome, Trial, accept
from services.matching.engine.markets.stable.certificate import Bars, bars_of
from services.matching.engine.markets.stable.family import Family, family_of
from services.matching.engine.markets.stable.lists import Lists, lists_of
from services.matching.engine.markets.terms import adjusted_scores


def explain(result: Result, project: int) -> dict[str, Any]:
    """Return why the project is where it is and, per home unit it prefers, what stood against it.

    ``reason``: ``fixed``, ``nothing_permitted``, ``first_in_list``, ``reserved`` (it makes up a lower quota),
    ``best_that_took_it``, ``all_full``. Each of ``better``: ``code`` of the smallest full set
    (``industry_full``, ``home_unit_full``, ``region_full``, ``gave_way`` if none stood against it), its limit
    and cutoff, the project's own key, and ``by_lottery`` if only the lottery decided.
    """
    view = _View.of(result)
    lists, home = view.lists, int(result.assignment[project])
    start, held = int(lists.starts[project]), int(lists.held(result.assignment)[project])
    better = [view.refusal(project, entry) for entry in range(start, held)]
    return {
        "project": project,
        "home_unit": home,
        "place_in_list": held - start + 1 if home != NONE else None,
        "listed": int(lists.ends[project]) - start,
        "reason": _reason(result, project, home, held - start, int(lists.ends[project]) - start),
        "key": int(view.lists.keys()[held]) if home != NONE else None,
        "better": better,
    }


def _reason(result: Result, project: int, home: int, place: int, listed: int) -> str:
    if any(one.kind == "fixed" and one.project == project for one in result.market.commitments):
        return "fixed"
    if [project, home] in result.certificate.get("reserved", []):
        return "reserved"
    if not listed:
        return "nothing_permitted"
    if home == NONE:
        return "all_full"
    return "best_that_took_it" if place else "first_in_list"


@dataclass(frozen=True)
class _View:
    """A result with its lists, sets and bars."""

    result: Result
    lists: Lists
    family: Family
    bars: Bars

    @staticmethod
    def of(result: Result) -> "_View":
        lists, family = _parts(result)
        return _View(result, lists, family, bars_of(lists, family, result.assignment))

    def refusal(self, project: int, entry: int) -> dict[str, Any]:
        """Return what stood against a project at the home unit of one entry of its list."""
        lists, family = self.lists, self.family
        home = int(lists.homes[entry])
        key = int(lists.classes[entry] * lists.span + lists.number[project])
        places = (family.leaf_of[home, lists.column[project]], home, family.home_region[home])
        limits = (family.leaf_limit, family.home_limit, family.region_limit)
        found = {"home_unit": home, "key": key}
        names = ("industry_full", "home_unit_full", "region_full")
        for name, place, limit, full, worst in zip(
            names, places, limits, self.bars.full, self.bars.worst, strict=True
        ):
            if place != NONE and full[place]:
                cutoff = int(worst[place])
                same = cutoff // lists.span == key // lists.span
                tail = {"limit": int(limit[place]), "cutoff": cutoff, "by_lottery": same}
                return {
                    **found,
                    "code": "gave_way" if self._better(name, key, home, cutoff) else name,
                    **tail,
                }
        return {**found, "code": "gave_way", "limit": None, "cutoff": None, "by_lottery": False}

    def _better(self, name: str, key: int, home: int, cutoff: int) -> bool:
        """Return whether the project is better than the worst the set took: nothing then stood against it."""
        if self.result.configuration.ties == "promotion":
            return key // self.lists.span < cutoff // self.lists.span
        if name == "region_full" and key == cutoff:
            return bool(home < self.bars.last_home[self.family.home_region[home]])
        return key < cutoff


def _parts(result: Result) -> tuple[Lists, Family]:
    drawn = lottery.numbers(result.seed, result.market.project_ids)
    return lists_of(result.market, result.configuration, drawn), family_of(result.market)


def counterfactual(result: Result, project: int, home: int) -> dict[str, Any]:
    """Return what would have got the project to a home unit it prefers to where it is.

    ``least_v`` is the smallest priority score with which it gets there, all else as
    it was, exactly; None if none does. ``one_more_place`` is what one place more at the home unit would do.
    Raises ``InvalidConfiguration`` where promotion or lower quotas make the question meaningless.
    """
    if result.configuration.ties != "lottery" or result.certificate["kind"] != "stability":
        raise InvalidConfiguration(
            "a counterfactual needs a stable round with ties by lottery",
            "反事实分析要求以抽签决定先后的 stable 轮次",
        )
    lists, family = _parts(result)
    entries = np.arange(lists.starts[project], lists.ends[project])
    own = entries[lists.homes[entries] == home]
    if not len(own):
        return {"home_unit": home, "answer": "not_listed", "least_v": None, "one_more_place": None}
    place, held = int(own[0]), int(lists.held(result.assignment)[project])
    if place >= held:
        answer = "is_there" if place == held else "prefers_where_it_is"
        return {"home_unit": home, "answer": answer, "least_v": None, "one_more_place": None}
    worst = _worst_class(lists, family, project, home, int(lists.classes[place]))
    step = result.configuration.priority_step
    return {
        "home_unit": home,
        "answer": "by_priority" if worst is not None else "by_no_priority",
        "v": int(adjusted_scores(result.market).v[project, home]),
        "least_v": None if worst is None else max(0, FULL - worst * step + 1),
        "one_more_place": _one_more(lists, family, result, project, home),
    }


def _worst_class(lists: Lists, family: Family, project: int, home: int, present: int) -> int | None:
    """Return the worst class with which the project gets a home unit, None if not even the best does it.

    It gets a home unit by its whole list exactly if it gets it by asking there only and nothing better: that
    is what strategy-proofness means. Better ones refused it, and do so whatever its class is here.
    """
    trial = Trial(lists.bound_to({project: home}), family, project)
    if not trial.matched(1):
        return None
    low, high = 1, present
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if trial.matched(middle) else (low, middle)
    return low


def _one_more(lists: Lists, family: Family, result: Result, project: int, home: int) -> dict[str, Any]:
    limits = family.home_limit.copy()
    limits[home] += 1
    wider = accept(lists, replace(family, home_limit=limits))
    return {"home_unit": int(wider.assignment[project]), "moved": _moved(result, wider)}


def _moved(result: Result, other: Outcome) -> list[list[int]]:
    moved = np.flatnonzero(result.assignment != other.assignment)
    return [[int(p), int(result.assignment[p]), int(other.assignment[p])] for p in moved]
