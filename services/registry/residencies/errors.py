"""Refusals about residencies."""

from shared.errors import Conflict


class ResidencyExists(Conflict):
    """A project resides once at a time in an enclave."""

    code = "residency_exists"
    title_en = "The project already has a residency in this enclave"
    title_zh = "该项目在此飞地已有入驻记录"


class ResidencyEnded(Conflict):
    """A residency that has ended stays as it is."""

    code = "residency_ended"
    title_en = "The residency has ended"
    title_zh = "该入驻已结束"


class NoEnclave(Conflict):
    """A residency needs an enclave, and the project has none to take by default."""

    code = "enclave_required"
    title_en = "The residency needs an enclave"
    title_zh = "入驻须指明科创飞地"


class CapacityBelowLet(Conflict):
    """What an enclave lets in all does not fall below what it has let, from today on."""

    code = "capacity_below_let"
    title_en = "More than this is let already"
    title_zh = "已租出的空间超过该容量"


class SpaceNotFree(Conflict):
    """A change of a residency that its enclave has no room for."""

    code = "space_not_free"
    title_en = "The enclave has no room for this"
    title_zh = "该飞地空间不足"
