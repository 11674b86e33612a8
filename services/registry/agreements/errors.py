"""Refusals about agreements."""

from shared.errors import Conflict


class AgreementExists(Conflict):
    """The external id already belongs to another agreement of who recorded it."""

    code = "agreement_exists"
    title_en = "Another agreement has this external id"
    title_zh = "外部编号已被其他协议使用"


class AgreementSigned(Conflict):
    """What was signed is not rewritten; a change is a new agreement."""

    code = "agreement_signed"
    title_en = "A signed agreement is not changed; record the new one"
    title_zh = "已签署的协议不可修改，请登记新协议"


class InvalidTerms(Conflict):
    """The terms contradict each other or the kind of agreement."""

    code = "invalid_terms"
    title_en = "The terms of the agreement do not hold together"
    title_zh = "协议条款不一致"


class UnknownProject(Conflict):
    """A referenced project does not exist or is not visible to the caller."""

    code = "unknown_project"
    title_en = "The project does not exist"
    title_zh = "项目不存在"
