"""Refusals of the sandbox's clock."""

from shared.errors import Conflict


class ClockNotMovable(Conflict):
    """The deployment runs on the wall clock, as every one but a sandbox does."""

    code = "clock_not_movable"
    title_en = "The clock of this deployment is real"
    title_zh = "本部署使用真实时钟，不可调整"


class ClockMovedTooFar(Conflict):
    """The clock would be further ahead than dates are taken seriously."""

    code = "clock_moved_too_far"
    title_en = "The clock would be more than ten years ahead"
    title_zh = "时钟将超前十年以上"
