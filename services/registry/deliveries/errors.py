"""Refusals about deliveries."""

from shared.errors import Conflict


class DeliveryNotPending(Conflict):
    """Only what is pending can be cancelled."""

    code = "delivery_not_pending"
    title_en = "The delivery is not pending"
    title_zh = "该推送不在等待中"


class RangeTooLong(Conflict):
    """A reconciliation covers a bounded number of sequences."""

    code = "range_too_long"
    title_en = "The range covers too many sequences; ask for at most 100,000"
    title_zh = "范围过大，一次最多 100,000 个序号"
