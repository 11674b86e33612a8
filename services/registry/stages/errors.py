"""Refusals about stages, approvals and reviews."""

from shared.errors import Conflict, InsufficientScope


class AlreadyApproved(Conflict):
    """This key was turned already and still counts."""

    code = "already_approved"
    title_en = "This approval was already given"
    title_zh = "该批准已作出"


class NotUpForAdmission(Conflict):
    """Only a project not yet admitted, and past the lead stage, is approved for admission."""

    code = "not_up_for_admission"
    title_en = "The project is not up for admission"
    title_zh = "项目不在待准入状态"


class NotAKeyHolder(InsufficientScope):
    """Approvals come from the project's operator and the enclave's home unit, each by its own credential."""

    code = "not_a_key_holder"
    title_en = "Only the project's operator and the enclave's home unit approve"
    title_zh = "仅项目运营商和飞出地主体可以批准"
