"""Refusals about KPIs."""

from shared.errors import NotFound


class UnknownKpi(NotFound):
    """There is no KPI of this name."""

    code = "unknown_kpi"
    title_en = "No such KPI"
    title_zh = "没有该指标"
