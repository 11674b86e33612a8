"""What projects ask of budgets, as demands and capacities.

A project draws on any budget that supports it. Every budget of a home unit together is one capacity. For each
group of budgets that support the same fields, whoever they do not support has to live on the others: that is
another capacity. With one such group this is exact; with several it is necessary and not always sufficient.

What budgets may give one project is looked at pair by pair: a project that asks for more than all of them
together is no pair with that home unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.errors import InvalidMarket
from services.matching.engine.markets.wording import OUTSIDE
from services.matching.engine.scoring import industries
from services.matching.engine.scoring.features import ProjectFeatures
from services.matching.profiles.schemas import BudgetRead
from services.matching.rounds.participants import Home, Participants

MAX_GROUPS = 200
"""Different sets of supported fields among all budgets of a round."""

ALL = "funds_cny"


@dataclass(frozen=True)
class Demands:
    """A row of demands per name, and (home unit, row, capacity) for each limit."""

    names: tuple[str, ...]
    rows: Sequence[Sequence[int]]
    resources: Sequence[tuple[int, int, int]]


class _Open(NamedTuple):
    """A budget open today: whom it supports (None: anybody), what is left, the most for one project."""

    fields: tuple[str, ...] | None
    left: int
    most: int


def over_caps(found: Participants) -> NDArray[np.bool_]:
    """Return the pairs whose project asks for more than the budgets open to it may give one, P × H.

    Home units that name no budgets have no such pair: theirs is left to the gate of funds.
    """
    asked = np.array(_asked(found), np.int64)
    over = np.zeros((len(found.projects), len(found.homes)), np.bool_)
    supported: dict[tuple[str, ...], NDArray[np.bool_]] = {}
    for place, home in enumerate(found.homes):
        if home.profile is None or not home.profile.budgets:
            continue
        most = np.zeros(len(asked), np.int64)
        for fields, _, limit in _open(home.profile.budgets, found.today):
            if fields is not None and fields not in supported:
                supported[fields] = _supported(fields, found.projects)
            most += limit if fields is None else np.where(supported[fields], limit, 0)
        over[:, place] = asked > most
    return over


def fund_rules(found: Participants) -> Demands:
    """Return funds as demands in whole yuan, needs rounded up and budgets down."""
    asked = _asked(found)
    groups: dict[tuple[str, ...], int] = {}
    names, rows = [ALL], [asked]
    resources: list[tuple[int, int, int]] = []
    for place, home in enumerate(found.homes):
        budgets = _valid(home, found)
        if budgets is None:
            continue
        together = _yuan(home.features.remaining_budget_cny, ROUND_FLOOR)
        listed = sum(left for _, left in budgets)
        resources.append((place, 0, listed if together is None else min(listed, together)))
        for fields in sorted({fields for fields, _ in budgets if fields is not None}):
            if fields not in groups:
                if len(groups) == MAX_GROUPS:
                    raise InvalidMarket(
                        f"budgets name more than {MAX_GROUPS} different sets of fields",
                        f"各项预算的支持领域组合超过 {MAX_GROUPS} 种",
                    )
                groups[fields] = len(names)
                names.append(f"{ALL}{OUTSIDE}{' '.join(fields)}")
                rows.append(_outside(fields, found.projects, asked))
            others = sum(left for supported, left in budgets if supported != fields)
            resources.append((place, groups[fields], others))
    return Demands(tuple(names), rows, resources)


def _valid(home: Home, found: Participants) -> list[tuple[tuple[str, ...] | None, int]] | None:
    """The budgets open today with what is left of them, or what is left in all; None if nothing is known."""
    budgets = home.profile.budgets if home.profile else None
    if not budgets:
        left = _yuan(home.features.remaining_budget_cny, ROUND_FLOOR)
        return None if left is None else [(None, left)]
    return [(one.fields, one.left) for one in _open(budgets, found.today)]


def _open(budgets: Sequence[BudgetRead], today: date) -> list[_Open]:
    found = []
    for one in budgets:
        if (one.valid_from or today) <= today <= (one.valid_to or today):
            left, cap = (
                _yuan(one.remaining_cny, ROUND_FLOOR) or 0,
                _yuan(one.per_project_cap_cny, ROUND_FLOOR),
            )
            fields = None if one.supported_fields is None else tuple(sorted(set(one.supported_fields)))
            found.append(_Open(fields, left, left if cap is None else min(cap, left)))
    return found


def _asked(found: Participants) -> list[int]:
    return [_yuan(project.fund_amount_cny, ROUND_CEILING) or 0 for project in found.projects]


def _outside(fields: tuple[str, ...], projects: Sequence[ProjectFeatures], asked: Sequence[int]) -> list[int]:
    within = _supported(fields, projects).tolist()
    return [0 if inside else amount for inside, amount in zip(within, asked, strict=True)]


def _supported(fields: tuple[str, ...], projects: Sequence[ProjectFeatures]) -> NDArray[np.bool_]:
    nodes = frozenset(industries.node(key) for key in fields)
    keys = [(*project.industry_codes, *project.strategic_fields) for project in projects]
    return np.array([industries.supported(one, nodes) for one in keys], np.bool_)


def _yuan(value: Any, rounding: str) -> int | None:
    return None if value is None else int(Decimal(str(value)).to_integral_value(rounding))
