"""Refusals about recommendations."""

from shared.errors import Conflict


class ProjectClosed(Conflict):
    """A project that has ended needs no home any more."""

    code = "project_closed"
    title_en = "The project has ended"
    title_zh = "项目已结束"
