"""From what the parties said to a market, or to a sentence that says what is wrong with it."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.matching.engine.markets.errors import InvalidMarket
from services.matching.engine.markets.market import FULL, NONE, Commitment, Market, Resource

_KINDS = ("fixed", "first_refusal", "weight")
_LIMIT = 10**15
_TOGETHER = 1 << 59
"""What all projects together may demand of one kind, so that no sum leaves 64 bits."""


def market_of(
    *,
    project_ids: Sequence[str],
    home_unit_ids: Sequence[str],
    u: ArrayLike,
    v: ArrayLike,
    quotas: ArrayLike,
    lower_quotas: ArrayLike | None = None,
    industries: Sequence[str] = (),
    project_industry: ArrayLike | None = None,
    regions: Sequence[str] = (),
    home_region: ArrayLike | None = None,
    industry_caps: Iterable[tuple[int, int, int]] = (),
    region_caps: Iterable[tuple[int, int]] = (),
    demand_names: Sequence[str] = (),
    demands: ArrayLike | None = None,
    resources: Iterable[tuple[int, int, int]] = (),
    commitments: Iterable[tuple[int, int, str, int, str]] = (),
    previous: ArrayLike | None = None,
) -> Market:
    """Return the market with rows and columns in the order of ids; raise ``InvalidMarket`` otherwise.

    Takes indices into the lists as given and turns them into those of the sorted lists.
    """
    projects, homes = len(project_ids), len(home_unit_ids)
    _distinct("project", project_ids)
    _distinct("home unit", home_unit_ids)
    _distinct("industry", industries)
    _distinct("region", regions)
    ours, theirs = _scores("u", u, (projects, homes)), _scores("v", v, (projects, homes))
    _same_pairs(ours, theirs)
    most, least = _quotas(quotas, lower_quotas, homes)
    industry_of = _index("project_industry", project_industry, projects, len(industries))
    region_of = _index("home_region", home_region, homes, len(regions))
    demand = _demands(demands, len(demand_names), projects)
    by_project, by_home = _order(project_ids), _order(home_unit_ids)
    row, column = np.argsort(by_project), np.argsort(by_home)
    before = None if previous is None else _index("previous", previous, projects, homes)
    moved = np.append(column, NONE)
    return Market(
        project_ids=tuple(project_ids[i] for i in by_project),
        home_unit_ids=tuple(home_unit_ids[i] for i in by_home),
        u=np.ascontiguousarray(ours[by_project][:, by_home]),
        v=np.ascontiguousarray(theirs[by_project][:, by_home]),
        quotas=most[by_home],
        lower_quotas=least[by_home],
        industries=tuple(industries),
        project_industry=industry_of[by_project],
        regions=tuple(regions),
        home_region=region_of[by_home],
        industry_caps=_caps("industry_caps", industry_caps, (homes, len(industries)), column),
        region_caps=_caps("region_caps", region_caps, (len(regions),), None),
        demand_names=tuple(demand_names),
        demands=np.ascontiguousarray(demand[:, by_project]),
        resources=_resources(resources, homes, len(demand_names), column),
        commitments=_commitments(commitments, (projects, homes), row, column),
        previous=None if before is None else moved[before][by_project],
    )


def _order(ids: Sequence[str]) -> list[int]:
    return sorted(range(len(ids)), key=ids.__getitem__)


def _distinct(what: str, ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if not one or one in seen:
            raise InvalidMarket(
                f"{what} id {one!r} is empty or stands twice", f"{what} 的标识 {one!r} 为空或重复"
            )
        seen.add(one)


def _whole(name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.int64]:
    try:
        given = np.asarray(values)
        if given.size == 0 and 0 in shape:
            return np.zeros(shape, np.int64)
        if given.dtype.kind not in "iuf" or not np.isfinite(given).all() or (given != np.rint(given)).any():
            raise InvalidMarket(f"{name} has what is no whole number", f"{name} 中有非整数")
        if np.abs(given).max() > _LIMIT:
            raise InvalidMarket(f"{name} has what is beyond {_LIMIT}", f"{name} 中有超过 {_LIMIT} 的数")
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidMarket):
            raise
        raise InvalidMarket(f"{name}: {error}", f"{name} 无法读取：{error}") from error
    if given.shape != shape:
        raise InvalidMarket(
            f"{name} is {given.shape} and should be {shape}", f"{name} 的维度为 {given.shape}，应为 {shape}"
        )
    return given.astype(np.int64)


def _scores(name: str, values: ArrayLike, shape: tuple[int, int]) -> NDArray[np.int32]:
    whole = _whole(name, values, shape)
    if whole.size and (int(whole.min()) < NONE or int(whole.max()) > FULL):
        raise InvalidMarket(f"{name} leaves −1…{FULL}", f"{name} 超出 −1 至 {FULL}")
    return whole.astype(np.int32)


def _same_pairs(ours: NDArray[np.int32], theirs: NDArray[np.int32]) -> None:
    if bool(((ours < 0) != (theirs < 0)).any()):
        raise InvalidMarket(
            "a pair is permitted in u and not in v, or the reverse", "某一配对仅在 u 与 v 之一中获准"
        )


def _column(name: str, values: ArrayLike, length: int, least: int) -> NDArray[np.int64]:
    whole = _whole(name, values, (length,))
    if whole.size and int(whole.min()) < least:
        raise InvalidMarket(f"{name} has less than {least}", f"{name} 中有小于 {least} 的数")
    return whole


def _quotas(
    quotas: ArrayLike, lower_quotas: ArrayLike | None, homes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    most = _column("quotas", quotas, homes, 0)
    least = _column("lower_quotas", np.zeros(homes) if lower_quotas is None else lower_quotas, homes, 0)
    if bool((least > most).any()):
        raise InvalidMarket("a lower quota exceeds its quota", "最低名额大于名额")
    return most, least


def _index(name: str, values: ArrayLike | None, length: int, end: int) -> NDArray[np.int64]:
    if values is None:
        return np.full(length, NONE, np.int64)
    whole = _column(name, values, length, NONE)
    if whole.size and int(whole.max()) >= end:
        raise InvalidMarket(f"{name} points beyond the {end} there are", f"{name} 超出已有的 {end} 项")
    return whole


def _demands(values: ArrayLike | None, rows: int, projects: int) -> NDArray[np.int64]:
    whole = _whole("demands", np.zeros((rows, projects)) if values is None else values, (rows, projects))
    if whole.size and int(whole.min()) < 0:
        raise InvalidMarket("a demand is negative", "需求为负数")
    for row in whole if int(whole.max(initial=0)) * projects > _TOGETHER else ():
        if sum(row.tolist()) > _TOGETHER:
            raise InvalidMarket(
                f"all demands of one kind together are beyond {_TOGETHER}", f"同类需求合计超过 {_TOGETHER}"
            )
    return whole


def _within(name: str, value: int, end: int) -> int:
    if not 0 <= value < end or value != int(value):
        raise InvalidMarket(
            f"{name} names {value}, and there are {end}", f"{name} 指向 {value}，而仅有 {end} 项"
        )
    return int(value)


def _amount(name: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most or value != int(value):
        raise InvalidMarket(
            f"{name} has {value}, which is no whole number from {least} to {most}",
            f"{name} 中的 {value} 不是 {least} 至 {most} 的整数",
        )
    return int(value)


def _caps(
    name: str, caps: Iterable[tuple[int, ...]], ends: tuple[int, ...], home: NDArray[np.int64] | None
) -> Any:
    found: dict[tuple[int, ...], int] = {}
    for *places, most in caps:
        key = tuple(_within(name, place, end) for place, end in zip(places, ends, strict=True))
        if home is not None:
            key = (int(home[key[0]]), *key[1:])
        if key in found:
            raise InvalidMarket(f"{name} has two caps for one and the same", f"{name} 对同一对象设了两个上限")
        found[key] = _amount(name, most, 0, _LIMIT)
    return tuple((*key, most) for key, most in sorted(found.items()))


def _resources(
    resources: Iterable[tuple[int, int, int]], homes: int, demands: int, home: NDArray[np.int64]
) -> tuple[Resource, ...]:
    found = []
    for at, demand, capacity in resources:
        most = _amount("resources", capacity, 0, _LIMIT)
        place = int(home[_within("resources", at, homes)])
        found.append(Resource(place, _within("resources", demand, demands), most))
    if len({one[:2] for one in found}) < len(found):
        raise InvalidMarket(
            "resources names one demand twice at one home unit", "同一飞出地的同一资源重复列出"
        )
    return tuple(sorted(found))


def _commitments(
    commitments: Iterable[tuple[int, int, str, int, str]],
    shape: tuple[int, int],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
) -> tuple[Commitment, ...]:
    found: list[Commitment] = []
    for project, home, kind, value, set_by in commitments:
        if kind not in _KINDS:
            raise InvalidMarket(f"commitments has the kind {kind!r}", f"约定的类别 {kind!r} 不存在")
        most = FULL if kind == "weight" else 0
        worth = _amount(f"a commitment of kind {kind}", value, -most, most)
        at_project = int(row[_within("commitments", project, shape[0])])
        at_home = int(column[_within("commitments", home, shape[1])])
        found.append(Commitment(at_project, at_home, kind, worth, set_by))  # type: ignore[arg-type]
    bound = [one.project for one in found if one.kind == "fixed"]
    if len(set(bound)) < len(bound):
        raise InvalidMarket("a project is fixed to two home units", "同一项目被固定到两个飞出地")
    first = [one.project for one in found if one.kind == "first_refusal"]
    if len(set(first)) < len(first):
        raise InvalidMarket(
            "two home units have the first refusal of one project", "两个飞出地对同一项目享有优先权"
        )
    if len({(one.project, one.home, one.kind) for one in found}) < len(found):
        raise InvalidMarket("one commitment stands twice", "同一约定重复列出")
    return tuple(sorted(found))
