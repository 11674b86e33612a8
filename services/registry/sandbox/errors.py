"""Refusals about sandbox receivers."""

from shared.errors import Conflict, Unavailable


class ReceiverLimitReached(Conflict):
    """The organisation has as many receivers as one may have; delete what is not used."""

    code = "sandbox_receiver_limit"
    title_en = "The organisation has as many sandbox receivers as it may have"
    title_zh = "本组织的沙箱接收端已达上限"


class ReceiverNeedsOrganisation(Conflict):
    """The caller is of no organisation, so the receiver's organisation must be named."""

    code = "sandbox_organisation_required"
    title_en = "Name the organisation of the receiver"
    title_zh = "请指明接收端所属组织"


class TooManyWaiting(Unavailable):
    """So many hits wait for their answer that no more are taken; nothing of this one was recorded."""

    code = "sandbox_busy"
    title_en = "Too many hits wait for their answer"
    title_zh = "等待应答的请求过多"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})
