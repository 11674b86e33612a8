"""Refusals about claims."""

from shared.errors import Conflict


class ClaimExists(Conflict):
    """The external id already belongs to another claim of who stated it."""

    code = "claim_exists"
    title_en = "Another claim has this external id"
    title_zh = "外部编号已被其他数据声明使用"


class ClaimEmpty(Conflict):
    """A claim states a value or a text."""

    code = "claim_empty"
    title_en = "A claim needs a value or a text"
    title_zh = "数据声明须有数值或文字"


class UnknownSubject(Conflict):
    """What the claim is about does not exist or is not visible to the caller."""

    code = "unknown_subject"
    title_en = "The subject of the claim does not exist"
    title_zh = "数据声明的对象不存在"


class ClaimWithdrawn(Conflict):
    """A claim is withdrawn once."""

    code = "claim_withdrawn"
    title_en = "The claim is already withdrawn"
    title_zh = "该数据声明已撤回"
