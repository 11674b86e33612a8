"""Why a pair has its score: one entry per criterion, whose points sum to the score exactly.

The median city is the lower median over all home units on file whose value is known. It serves
the comparison only and never enters a score.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import industries, labels
from services.matching.engine.scoring.columns import LARGE_MAX, SMALL_MAX
from services.matching.engine.scoring.compilation import CompiledHome, CompiledProject, Sources
from services.matching.engine.scoring.criteria import CRITERIA, FULL, PairColumns
from services.matching.engine.scoring.features import Source
from services.matching.engine.scoring.snapshot import Snapshot

Value = int | float | str | None


class CriterionExplanation(NamedTuple):
    """``points`` = ``weight`` × ``score``; a billion points are a perfect score."""

    criterion: str
    known: bool
    value: Value
    unit: str
    score: int
    weight: int
    points: int
    median_value: Value
    comparison: str | None
    sources: tuple[Source, ...]
    zh: str
    en: str


class Pair(NamedTuple):
    """The facts of one pair."""

    home: CompiledHome
    project: CompiledProject
    industry: int
    text: int
    distance_m: int
    place: int | None


class Medians(NamedTuple):
    industry: int | None
    text: int | None
    distance_m: int | None
    cluster: int | None
    space_m2: int | None
    fund_cny: int | None
    track_record: int | None
    talent_count: int | None


Fact = tuple[Value, str, Value, int | None, str, str]
"""Value, unit, the median city's value, sign of the comparison, and the fact in zh and en."""


def medians(snapshot: Snapshot, project: CompiledProject, pair: PairColumns) -> Medians:
    view = snapshot.home_table.view
    if snapshot.medians[0] != snapshot.home_revision:
        columns = (view.space_sure_m2, view.fund_sure_cny, view.track_record, view.talent_count)
        snapshot.medians = snapshot.home_revision, tuple(lower_median(column) for column in columns)
    cluster = None
    if project.features.host_cluster_ids is not None and (
        known := int(np.count_nonzero(view.clusters_known))
    ):
        shared = int(np.count_nonzero(view.clusters & project.row.clusters))
        cluster = int(2 * shared > known)
    return Medians(
        lower_median(pair.industry) if project.keys else None,
        lower_median(pair.text),
        lower_median(pair.distance_m),
        cluster,
        *snapshot.medians[1],
    )


def lower_median(column: NDArray[np.integer]) -> int | None:
    """The value of the middle one among those known (≥ 0); of two in the middle the lower."""
    known = int(np.count_nonzero(column >= 0))
    if not known:
        return None
    middle = len(column) - known + (known - 1) // 2
    return int(np.partition(column, middle)[middle])


def _sign(value: int, median: int | None) -> int | None:
    return None if median is None else (value > median) - (value < median)


def _industry(pair: Pair, median: Medians) -> Fact | None:
    if not pair.home.nodes or not pair.project.keys:
        return None
    node = industries.best_node(pair.project.keys, pair.home.nodes)
    words = labels.NO_SHARED_INDUSTRY if node is None else labels.shared_industry(node)
    return (
        pair.industry / FULL,
        "similarity",
        None if median.industry is None else median.industry / FULL,
        _sign(pair.industry, median.industry),
        *words,
    )


def _text(pair: Pair, median: Medians) -> Fact | None:
    if pair.text < 0:
        return None
    return (
        pair.text / FULL,
        "similarity",
        None if median.text is None else median.text / FULL,
        _sign(pair.text, median.text),
        f"项目简介与飞出地产业描述的相似度为 {pair.text / 10_000:.1f}%",
        f"Similarity of the two descriptions is {pair.text / 10_000:.1f}%",
    )


def _space(pair: Pair, median: Medians) -> Fact | None:
    available, need = pair.home.row.space_sure_m2, pair.project.row.space_at_most_m2
    if need == -1:
        return (0, "m2", None, None, "项目不需要厂房面积", "The project needs no space")
    if available == -1 or need == SMALL_MAX:
        return None
    return (
        available,
        "m2",
        median.space_m2,
        _sign(available, median.space_m2),
        f"可用 {available:,} 平方米，需要 {need:,} 平方米",
        f"{available:,} m² available, {need:,} m² needed",
    )


def _fund(pair: Pair, median: Medians) -> Fact | None:
    cap, amount = pair.home.row.fund_sure_cny, pair.project.row.fund_at_most_cny
    if amount == -1:
        return (0, "CNY", None, None, "项目不申请资金", "The project asks for no funding")
    if cap == -1 or amount == LARGE_MAX:
        return None
    return (
        cap,
        "CNY",
        median.fund_cny,
        _sign(cap, median.fund_cny),
        f"可支持 {cap:,} 元，申请 {amount:,} 元",
        f"CNY {cap:,} within caps, CNY {amount:,} requested",
    )


def _distance(pair: Pair, median: Medians) -> Fact | None:
    if pair.distance_m < 0:
        return None
    sign = _sign(pair.distance_m, median.distance_m)
    return (
        pair.distance_m / 1000,
        "km",
        None if median.distance_m is None else median.distance_m / 1000,
        None if sign is None else -sign,
        f"距飞入地 {pair.distance_m / 1000:,.0f} 公里",
        f"{pair.distance_m / 1000:,.0f} km from the host site",
    )


_CLUSTER = ("inter_cluster", "intra_cluster")


def _cluster(pair: Pair, median: Medians) -> Fact | None:
    home, host = pair.home.features.cluster_ids, pair.project.features.host_cluster_ids
    if home is None or host is None:
        return None
    shared = int(not home.isdisjoint(host))
    zh = "与飞入地同属一个城市群（圈层式）" if shared else "与飞入地不在同一城市群（跨区域）"
    en = "In one city cluster with the host" if shared else "In another city cluster than the host"
    middle = None if median.cluster is None else _CLUSTER[median.cluster]
    return (_CLUSTER[shared], "pattern", middle, _sign(shared, median.cluster), zh, en)


def _track_record(pair: Pair, median: Medians) -> Fact | None:
    rate = pair.home.row.track_record
    if rate < 0:
        return None
    landed, admitted = pair.home.features.landed_count, pair.home.features.admitted_count
    return (
        rate / FULL,
        "rate",
        None if median.track_record is None else median.track_record / FULL,
        _sign(rate, median.track_record),
        f"{admitted} 个到期项目落地 {landed} 个，收缩后落地率 {rate / 10_000:.1f}%",
        f"{landed} of {admitted} matured projects landed, shrunk rate {rate / 10_000:.1f}%",
    )


def _preference(pair: Pair, median: Medians) -> Fact | None:
    if not pair.project.features.preferred_home_unit_ids:
        return None
    if pair.place is None:
        return (None, "place", None, None, "不在团队意愿之列", "Not among the team's wishes")
    place = pair.place + 1
    return (place, "place", None, None, f"团队第 {place} 志愿", f"The team's wish number {place}")


def _talent(pair: Pair, median: Medians) -> Fact | None:
    count = pair.home.row.talent_count
    if count < 0:
        return None
    sign = _sign(count, median.talent_count)
    return (
        count,
        "persons",
        median.talent_count,
        sign,
        f"持证人才 {count:,} 人",
        f"{count:,} certified talents",
    )


def _own_enclave(pair: Pair, median: Medians) -> Fact | None:
    own = pair.project.features.enclave_home_unit_id == pair.home.features.id
    zh = "项目在该地自己的飞地内" if own else "项目不在该地的飞地内"
    en = (
        "The project sits in this home unit's enclave"
        if own
        else "The project is not in this home unit's enclave"
    )
    return (int(own), "boolean", None, None, zh, en)


_FACTS: tuple[Callable[[Pair, Medians], Fact | None], ...] = (
    _industry,
    _text,
    _space,
    _fund,
    _distance,
    _cluster,
    _track_record,
    _preference,
    _talent,
    _own_enclave,
)
_NO_COMPARISON = (None, "。", ".")
_WORDS = {1: "better", 0: "equal", -1: "worse"}


def _compared(criterion: str) -> dict[int | None, tuple[str | None, str, str]]:
    """By sign: the word of the contract, and the ends of the sentence."""
    said = labels.COMPARISONS.get(criterion, labels.COMPARISON)._asdict()
    ends: dict[int | None, tuple[str | None, str, str]] = {None: _NO_COMPARISON}
    for sign, word in _WORDS.items():
        ends[sign] = (word, f"，{said[word].zh}。", f", {said[word].en}.")
    return ends


def _not_known(criterion: str) -> Fact:
    return (None, "", None, None, *labels.UNSTATED.get(criterion, labels.UNKNOWN))


_ENTRIES = tuple(
    (name, *labels.CRITERIA[name], fact_of, _compared(name), _not_known(name))
    for name, fact_of in zip(CRITERIA, _FACTS, strict=True)
)


def explain(
    pair: Pair, median: Medians, scores: Sequence[int], project_sources: Sources
) -> tuple[CriterionExplanation, ...]:
    home, entries = pair.home, []
    for (name, label_zh, label_en, fact_of, compared, not_known), score, weight, of_home, of_project in zip(
        _ENTRIES, scores, home.weights, home.sources, project_sources, strict=True
    ):
        fact = fact_of(pair, median)
        value, unit, middle, sign, zh, en = fact or not_known
        word, end_zh, end_en = compared[sign]
        entries.append(
            CriterionExplanation(
                name,
                fact is not None,
                value,
                unit,
                score,
                weight,
                score * weight,
                middle,
                word,
                of_home + of_project,
                f"{label_zh}：{zh}{end_zh}",
                f"{label_en}: {en}{end_en}",
            )
        )
    return tuple(entries)
