"""Refusals about profiles."""

from shared.errors import Conflict


class WeightsAllZero(Conflict):
    """Weights of which none counts cannot rank anything."""

    code = "weights_all_zero"
    title_en = "At least one weight must be above zero"
    title_zh = "至少一项权重须大于零"


class DuplicateEntry(Conflict):
    """Two entries of one list are about the same thing; ``errors`` points to the later one."""

    code = "duplicate_entry"
    title_en = "An entry appears twice in one list"
    title_zh = "同一列表中有重复条目"


class UnknownIndustry(Conflict):
    """A division that GB/T 4754-2017 does not have (any more), or an unknown strategic field."""

    code = "unknown_industry"
    title_en = "The industry or strategic field is not known"
    title_zh = "行业代码或战略性新兴产业领域不存在"


class LowerQuotaAboveQuota(Conflict):
    """A home unit cannot take at least more projects than it takes at most."""

    code = "lower_quota_above_quota"
    title_en = "A lower quota is above its quota"
    title_zh = "最低名额大于名额"


class InvalidPeriod(Conflict):
    """A budget that ends before it begins."""

    code = "invalid_period"
    title_en = "The period ends before it starts"
    title_zh = "结束日期早于开始日期"
