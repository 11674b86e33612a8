"""Refusals about profiles."""

from shared.errors import Conflict


class WeightsAllZero(Conflict):
    """Weights of which none counts cannot rank anything."""

    code = "weights_all_zero"
    title_en = "At least one weight must be above zero"
    title_zh = "至少一项权重须大于零"
