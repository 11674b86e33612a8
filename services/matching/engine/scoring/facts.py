"""The facts of some pairs of one project, criterion by criterion: figures, not yet sentences.

The median city is the lower median over all home units on file whose value is known. It serves
the comparison only and never enters a score.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import industries
from services.matching.engine.scoring.columns import LARGE_MAX, SMALL_MAX
from services.matching.engine.scoring.compilation import CompiledHome, CompiledProject
from services.matching.engine.scoring.criteria import FULL, PairColumns
from services.matching.engine.scoring.snapshot import Snapshot

Value = int | float | str | None


class Pairs(NamedTuple):
    """One project and some home units; the columns have one figure per home unit, −1: not known."""

    project: CompiledProject
    homes: Sequence[CompiledHome]
    industry: Sequence[int]
    text: Sequence[int]
    distance_m: Sequence[int]


class Medians(NamedTuple):
    industry: int | None
    text: int | None
    distance_m: int | None
    cluster: int | None
    space_m2: int | None
    fund_cny: int | None
    track_record: int | None
    talent_count: int | None


Fact = tuple[bool, Value, str, Value, str | None, str, tuple[Value, ...]]
"""Whether it is known, value, unit, the median city's value, the word of the comparison, what it states and
the figures it names."""

UNKNOWN: Fact = (False, None, "", None, None, "unknown", ())
_NO_WISH: Fact = (False, None, "", None, None, "no_wish", ())
"""What is nobody's to find out: it was not stated."""

_NO_SPACE: Fact = (True, 0, "m2", None, None, "no_space", ())
_NO_FUND: Fact = (True, 0, "CNY", None, None, "no_fund", ())
_NOT_WISHED: Fact = (True, None, "place", None, None, "not_wished", ())
_OWN: Fact = (True, 1, "boolean", None, None, "own_enclave", ())
_OTHER: Fact = (True, 0, "boolean", None, None, "other_enclave", ())
_CLUSTER = ("inter_cluster", "intra_cluster")


def medians(snapshot: Snapshot, project: CompiledProject, pair: PairColumns) -> Medians:
    """Return the median city's facts for one project."""
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


def _word(value: int, median: int | None) -> str | None:
    if median is None:
        return None
    return "better" if value > median else "worse" if value < median else "equal"


def _share(median: int | None) -> float | None:
    return None if median is None else median / FULL


def _industry(pairs: Pairs, median: Medians) -> list[Fact]:
    keys, middle, share = pairs.project.keys, median.industry, _share(median.industry)
    if not keys:
        return [UNKNOWN] * len(pairs.homes)
    steps = industries.steps(keys)
    facts = list[Fact]()
    for home, fit in zip(pairs.homes, pairs.industry, strict=True):
        if not home.nodes:
            facts.append(UNKNOWN)
            continue
        node = industries.first_of(steps, home.nodes)
        said: tuple[str, tuple[Value, ...]] = ("industry", (node,)) if node else ("no_shared_industry", ())
        facts.append((True, fit / FULL, "similarity", share, _word(fit, middle), *said))
    return facts


def _text(pairs: Pairs, median: Medians) -> list[Fact]:
    middle, share = median.text, _share(median.text)
    return [
        UNKNOWN
        if text < 0
        else (True, text / FULL, "similarity", share, _word(text, middle), "text", (text / 10_000,))
        for text in pairs.text
    ]


def _space(pairs: Pairs, median: Medians) -> list[Fact]:
    need, middle = pairs.project.row.space_at_most_m2, median.space_m2
    if need in {-1, SMALL_MAX}:
        return [_NO_SPACE if need == -1 else UNKNOWN] * len(pairs.homes)
    return [
        UNKNOWN
        if (available := home.row.space_sure_m2) == -1
        else (True, available, "m2", middle, _word(available, middle), "space", (available, need))
        for home in pairs.homes
    ]


def _fund(pairs: Pairs, median: Medians) -> list[Fact]:
    amount, middle = pairs.project.row.fund_at_most_cny, median.fund_cny
    if amount in {-1, LARGE_MAX}:
        return [_NO_FUND if amount == -1 else UNKNOWN] * len(pairs.homes)
    return [
        UNKNOWN
        if (cap := home.row.fund_sure_cny) == -1
        else (True, cap, "CNY", middle, _word(cap, middle), "fund", (cap, amount))
        for home in pairs.homes
    ]


def _distance(pairs: Pairs, median: Medians) -> list[Fact]:
    middle = median.distance_m
    shown, nearness = (None, None) if middle is None else (middle / 1000, -middle)
    return [
        UNKNOWN
        if metres < 0
        else (True, km := metres / 1000, "km", shown, _word(-metres, nearness), "distance", (km,))
        for metres in pairs.distance_m
    ]


def _cluster(pairs: Pairs, median: Medians) -> list[Fact]:
    host, middle = pairs.project.features.host_cluster_ids, median.cluster
    if host is None:
        return [UNKNOWN] * len(pairs.homes)
    shown = None if middle is None else _CLUSTER[middle]
    facts = list[Fact](
        (True, name, "pattern", shown, _word(shared, middle), name, ())
        for shared, name in enumerate(_CLUSTER)
    )
    found = [home.features.cluster_ids for home in pairs.homes]
    return [UNKNOWN if own is None else facts[not own.isdisjoint(host)] for own in found]


def _track_record(pairs: Pairs, median: Medians) -> list[Fact]:
    middle, share = median.track_record, _share(median.track_record)
    facts = list[Fact]()
    for home in pairs.homes:
        rate, features = home.row.track_record, home.features
        if rate < 0:
            facts.append(UNKNOWN)
            continue
        figures = (features.landed_count, features.admitted_count, rate / 10_000)
        facts.append((True, rate / FULL, "rate", share, _word(rate, middle), "track_record", figures))
    return facts


def _preference(pairs: Pairs, median: Medians) -> list[Fact]:
    wishes = pairs.project.features.preferred_home_unit_ids
    if not wishes:
        return [_NO_WISH] * len(pairs.homes)
    facts = list[Fact]()
    for home in pairs.homes:
        home_unit_id, fact = home.features.id, _NOT_WISHED
        if home_unit_id in wishes:
            place = wishes.index(home_unit_id) + 1
            fact = (True, place, "place", None, None, "wish", (place,))
        facts.append(fact)
    return facts


def _talent(pairs: Pairs, median: Medians) -> list[Fact]:
    middle = median.talent_count
    return [
        UNKNOWN
        if (count := home.row.talent_count) < 0
        else (True, count, "persons", middle, _word(count, middle), "talent", (count,))
        for home in pairs.homes
    ]


def _own_enclave(pairs: Pairs, median: Medians) -> list[Fact]:
    own = pairs.project.features.enclave_home_unit_id
    return [_OWN if home.features.id == own else _OTHER for home in pairs.homes]


FACTS: tuple[Callable[[Pairs, Medians], Sequence[Fact]], ...] = (
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
"""Per criterion, in the order of ``CRITERIA``."""
