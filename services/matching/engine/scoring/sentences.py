"""What an explanation says, one language at a time, written from a statement and its figures."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from services.matching.engine.scoring import labels
from services.matching.engine.scoring.labels import Label

ZH, EN = 0, 1

_PLAIN = {
    "unknown": labels.UNKNOWN,
    "no_wish": labels.UNSTATED_WISH,
    "no_shared_industry": labels.NO_SHARED_INDUSTRY,
    "no_space": Label("项目不需要厂房面积", "The project needs no space"),
    "no_fund": Label("项目不申请资金", "The project asks for no funding"),
    "intra_cluster": Label("与飞入地同属一个城市群（圈层式）", "In one city cluster with the host"),
    "inter_cluster": Label("与飞入地不在同一城市群（跨区域）", "In another city cluster than the host"),
    "not_wished": Label("不在团队意愿之列", "Not among the team's wishes"),
    "own_enclave": Label("项目在该地自己的飞地内", "The project sits in this home unit's enclave"),
    "other_enclave": Label("项目不在该地的飞地内", "The project is not in this home unit's enclave"),
}
_FIGURED: dict[str, tuple[Callable[..., str], Callable[..., str]]] = {
    "industry": (
        lambda node: labels.shared_industry(node).zh,
        lambda node: labels.shared_industry(node).en,
    ),
    "text": (
        lambda percent: f"项目简介与飞出地产业描述的相似度为 {percent:.1f}%",
        lambda percent: f"Similarity of the two descriptions is {percent:.1f}%",
    ),
    "space": (
        lambda available, need: f"可用 {available:,} 平方米，需要 {need:,} 平方米",
        lambda available, need: f"{available:,} m² available, {need:,} m² needed",
    ),
    "fund": (
        lambda cap, amount: f"可支持 {cap:,} 元，申请 {amount:,} 元",
        lambda cap, amount: f"CNY {cap:,} within caps, CNY {amount:,} requested",
    ),
    "distance": (
        lambda km: f"距飞入地 {km:,.0f} 公里",
        lambda km: f"{km:,.0f} km from the host site",
    ),
    "track_record": (
        lambda landed, admitted, percent: (
            f"{admitted} 个到期项目落地 {landed} 个，收缩后落地率 {percent:.1f}%"
        ),
        lambda landed, admitted, percent: (
            f"{landed} of {admitted} matured projects landed, shrunk rate {percent:.1f}%"
        ),
    ),
    "wish": (lambda place: f"团队第 {place} 志愿", lambda place: f"The team's wish number {place}"),
    "talent": (lambda count: f"持证人才 {count:,} 人", lambda count: f"{count:,} certified talents"),
}
_STOPS = ("。", ".")


def sentence(
    criterion: str, statement: str, figures: tuple[Any, ...], comparison: str | None, language: int
) -> str:
    """Return the whole sentence of one criterion; ``language`` is ``ZH`` or ``EN``."""
    if not figures:
        return _plain(criterion, statement, comparison, language)
    start, end = _frame(criterion, comparison, language)
    return f"{start}{_FIGURED[statement][language](*figures)}{end}"


@lru_cache(maxsize=512)
def _plain(criterion: str, statement: str, comparison: str | None, language: int) -> str:
    start, end = _frame(criterion, comparison, language)
    return f"{start}{_PLAIN[statement][language]}{end}"


@lru_cache(maxsize=512)
def _frame(criterion: str, comparison: str | None, language: int) -> tuple[str, str]:
    """How a sentence begins and ends."""
    label = labels.CRITERIA[criterion][language]
    start = f"{label}：" if language == ZH else f"{label}: "
    if comparison is None:
        return start, _STOPS[language]
    word: Label = getattr(labels.COMPARISONS.get(criterion, labels.COMPARISON), comparison)
    return start, f"，{word.zh}。" if language == ZH else f", {word.en}."
