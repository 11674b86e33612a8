"""What projects ask of budgets, as demands and capacities.

A project draws on any budget that supports it. Every budget of a home unit together is one capacity. For each
group of budgets that support the same fields, whoever they do not support has to live on the others: that is
another capacity. With one such group this is exact; with several it is necessary and not always sufficient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from services.matching.engine.markets.errors import InvalidMarket
from services.matching.engine.markets.wording import OUTSIDE
from services.matching.engine.scoring import industries
from services.matching.engine.scoring.features import ProjectFeatures
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


def fund_rules(found: Participants) -> Demands:
    """Return funds as demands in whole yuan, needs rounded up and budgets down."""
    asked = [_yuan(project.fund_amount_cny, ROUND_CEILING) or 0 for project in found.projects]
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
    return [
        (
            None if one.supported_fields is None else tuple(sorted(set(one.supported_fields))),
            _yuan(one.remaining_cny, ROUND_FLOOR) or 0,
        )
        for one in budgets
        if (one.valid_from is None or one.valid_from <= found.today)
        and (one.valid_to is None or found.today <= one.valid_to)
    ]


def _outside(fields: tuple[str, ...], projects: Sequence[ProjectFeatures], asked: Sequence[int]) -> list[int]:
    nodes = frozenset(industries.node(key) for key in fields)
    return [
        0 if industries.supported((*project.industry_codes, *project.strategic_fields), nodes) else amount
        for project, amount in zip(projects, asked, strict=True)
    ]


def _yuan(value: Any, rounding: str) -> int | None:
    return None if value is None else int(Decimal(str(value)).to_integral_value(rounding))
