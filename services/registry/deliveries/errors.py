"""Refusals about deliveries and replays."""

from shared.errors import Conflict


class DeliveryNotPending(Conflict):
    """Only what is pending can be cancelled."""

    code = "delivery_not_pending"
    title_en = "The delivery is not pending"
    title_zh = "该推送不在等待中"


class ReplayNotRunning(Conflict):
    """Only a running replay can be cancelled."""

    code = "replay_not_running"
    title_en = "The replay is not running"
    title_zh = "重放并未运行"


class RangeTooLong(Conflict):
    """A reconciliation covers a bounded number of sequences."""

    code = "range_too_long"
    title_en = "The range covers too many sequences; ask for at most 100,000"
    title_zh = "范围过大，一次最多 100,000 个序号"
