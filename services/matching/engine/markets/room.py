"""What is bound beforehand and the limits it meets: whether they suffice, and limits that let it stay."""

from dataclasses import replace
from typing import Any

import numpy as np

from services.matching.engine.markets.feasibility import broken, table
from services.matching.engine.markets.market import NONE, Ints, Market, Resource


def fixed_places(market: Market) -> Ints:
    """Return where each project is fixed, −1 for nowhere."""
    place = np.full(market.shape[0], NONE, np.int64)
    for one in market.commitments:
        if one.kind == "fixed":
            place[one.project] = one.home
    return place


def could_run_out(market: Market) -> Resource | None:
    """Return a resource that the dearest projects a home unit may get exceed, beside those fixed to it."""
    place = fixed_places(market)
    for one in market.resources:
        needs, bound = market.demands[one.demand], place == one.home
        others = market.permitted[:, one.home] & (place == NONE)
        free = max(int(market.quotas[one.home] - np.count_nonzero(bound)), 0)
        dearest = np.sort(needs[others])[::-1][:free]
        if needs[bound].sum() + dearest.sum() > one.capacity:
            return one
    return None


def with_room_for_fixed(market: Market) -> Market:
    """Return the market with every limit at least what the fixed commitments use of it.

    A home unit whose resources they exceed takes nobody else; its quota is then what is fixed to it.
    """
    place = fixed_places(market)
    over = [row for row in broken(market, place) if "limit" in row]
    if not over:
        return market
    used = {_key(row): row["used"] for row in over}
    filled = {row["home_unit"]: row["used"] for row in table(market, place) if row["rule"] == "quota"}
    quotas = market.quotas.copy()
    for row in over:
        if row["rule"] in ("quota", "resource"):
            quotas[row["home_unit"]] = filled[row["home_unit"]]
    return replace(
        market,
        quotas=quotas,
        lower_quotas=np.minimum(market.lower_quotas, quotas),
        industry_caps=tuple(
            (*one, used.get(("industry_cap", *one), most)) for *one, most in market.industry_caps
        ),
        region_caps=tuple((one, used.get(("region_cap", one), most)) for one, most in market.region_caps),
        resources=tuple(
            Resource(home, demand, used.get(("resource", home, demand), most))
            for home, demand, most in market.resources
        ),
    )


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(value for name, value in row.items() if name not in ("used", "limit"))
