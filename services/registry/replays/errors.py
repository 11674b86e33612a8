"""Refusals about replays."""

from shared.errors import Conflict


class ReplayNotRunning(Conflict):
    """Only a running replay can be cancelled."""

    code = "replay_not_running"
    title_en = "The replay is not running"
    title_zh = "重放并未运行"
