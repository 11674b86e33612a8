"""What an explanation says, one language at a time, written from a statement and its figures."""

from functools import lru_cache

from services.matching.engine.scoring import labels
from services.matching.engine.scoring.labels import Label

ZH, EN = 0, 1

_STATEMENTS = {
    "unknown": labels.UNKNOWN,
    "no_wish": labels.UNSTATED_WISH,
    "no_shared_industry": labels.NO_SHARED_INDUSTRY,
    "text": Label(
        "项目简介与飞出地产业描述的相似度为 {:.1f}%", "Similarity of the two descriptions is {:.1f}%"
    ),
    "no_space": Label("项目不需要厂房面积", "The project needs no space"),
    "space": Label("可用 {:,} 平方米，需要 {:,} 平方米", "{:,} m² available, {:,} m² needed"),
    "no_fund": Label("项目不申请资金", "The project asks for no funding"),
    "fund": Label("可支持 {:,} 元，申请 {:,} 元", "CNY {:,} within caps, CNY {:,} requested"),
    "distance": Label("距飞入地 {:,.0f} 公里", "{:,.0f} km from the host site"),
    "intra_cluster": Label("与飞入地同属一个城市群（圈层式）", "In one city cluster with the host"),
    "inter_cluster": Label("与飞入地不在同一城市群（跨区域）", "In another city cluster than the host"),
    "track_record": Label(
        "{1} 个到期项目落地 {0} 个，收缩后落地率 {2:.1f}%",
        "{0} of {1} matured projects landed, shrunk rate {2:.1f}%",
    ),
    "not_wished": Label("不在团队意愿之列", "Not among the team's wishes"),
    "wish": Label("团队第 {} 志愿", "The team's wish number {}"),
    "talent": Label("持证人才 {:,} 人", "{:,} certified talents"),
    "own_enclave": Label("项目在该地自己的飞地内", "The project sits in this home unit's enclave"),
    "other_enclave": Label("项目不在该地的飞地内", "The project is not in this home unit's enclave"),
}
_STOPS = ("。", ".")


def sentence(
    criterion: str, statement: str, figures: tuple[object, ...], comparison: str | None, language: int
) -> str:
    """Return the whole sentence of one criterion; ``language`` is ``ZH`` or ``EN``."""
    start, end = _frame(criterion, comparison)[language]
    if statement == "industry":
        return f"{start}{labels.shared_industry(str(figures[0]))[language]}{end}"
    return f"{start}{_STATEMENTS[statement][language].format(*figures)}{end}"


@lru_cache(maxsize=256)
def _frame(criterion: str, comparison: str | None) -> tuple[tuple[str, str], tuple[str, str]]:
    """How a sentence begins and ends in either language."""
    label = labels.CRITERIA[criterion]
    said = labels.COMPARISONS.get(criterion, labels.COMPARISON)
    ends = _STOPS
    if comparison is not None:
        word: Label = getattr(said, comparison)
        ends = f"，{word.zh}。", f", {word.en}."
    return (f"{label.zh}：", ends[ZH]), (f"{label.en}: ", ends[EN])
