"""Refusals about landings."""

from shared.errors import Conflict


class LandingExists(Conflict):
    """A project has one landing at each home unit."""

    code = "landing_exists"
    title_en = "The project already has a landing at this home unit"
    title_zh = "该项目在此飞出地主体已有落地记录"


class HomeUnitNotProposed(Conflict):
    """A project lands only where it is known: at its enclave's home unit or one it was proposed to."""

    code = "home_unit_not_proposed"
    title_en = "The project was not proposed to this home unit"
    title_zh = "该项目未推荐给此飞出地主体"


class ProjectEnded(Conflict):
    """A project that was given up or that failed begins no landing."""

    code = "project_ended"
    title_en = "The project has ended"
    title_zh = "项目已终止"
