"""Limits of a market in words, for refusals: parts of a sentence in English and Chinese."""

from services.matching.engine.markets.feasibility import Row
from services.matching.engine.markets.market import Market

_RESOURCES_ZH = {"funds_cny": "资金", "space_m2": "空间"}
OUTSIDE = " outside "
"""Between what is asked for and the fields that are served elsewhere, in the name of a demand."""


def resource_label(name: str) -> tuple[str, str]:
    """Return a demand's name, which is English, and its Chinese words."""
    asked, _, fields = name.partition(OUTSIDE)
    zh = f"{_RESOURCES_ZH[asked]}（{asked}）" if asked in _RESOURCES_ZH else f"资源“{asked}”"
    return name, f"{fields} 以外的{zh}" if fields else zh


def what_is_fixed(market: Market, row: Row) -> tuple[str, str]:
    """Return that fixed commitments break this rule, a row of ``feasibility.broken``."""
    if "limit" not in row:
        pair = market.project_ids[row["project"]], market.home_unit_ids[row["home_unit"]]
        return f"{pair[0]} cannot be fixed to {pair[1]}", f"项目 {pair[0]} 无法固定到飞出地 {pair[1]}"
    en, zh = _rule(market, row)
    at = row.get("home_unit")
    home = None if at is None else market.home_unit_ids[at]
    where = ("", "") if home is None else (f" at {home}", f"飞出地 {home} 的")
    return (
        f"the fixed commitments use {row['used']} of the {en}{where[0]}, which is {row['limit']}",
        f"固定约定占用{where[1]}{zh} {row['used']}，而限额为 {row['limit']}",
    )


def _rule(market: Market, row: Row) -> tuple[str, str]:
    rule = row["rule"]
    if rule == "resource":
        return resource_label(market.demand_names[row["demand"]])
    if rule == "industry_cap":
        name = market.industries[row["industry"]]
        return f"industry cap of {name}", f"行业 {name} 的上限"
    if rule == "region_cap":
        name = market.regions[row["region"]]
        return f"region cap of {name}", f"区域 {name} 的上限"
    return "quota", "名额"
