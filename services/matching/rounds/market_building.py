"""From the participants and the round's settings to the market that is frozen, or to why there is none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.errors import InvalidMarket
from services.matching.engine.markets.feasibility import broken
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.room import could_run_out, fixed_places, with_room_for_fixed
from services.matching.engine.markets.wording import resource_label, what_is_fixed
from services.matching.engine.scoring import industries
from services.matching.engine.scoring.features import ProjectFeatures
from services.matching.engine.scoring.snapshot import Snapshot
from services.matching.engine.scoring.two_sided import scores_of_project
from services.matching.rounds.fund_rules import Demands, fund_rules, over_caps
from services.matching.rounds.participants import Home, Participants

PREFERENCE_STEP = 20_000
"""Millionths that one step of a home unit's preference adds: priority 5 one step, priority 1 five."""

MAX_PAIRS = 5_000_000
"""Permitted pairs of one round: what can be stored and published as one document."""


@dataclass(frozen=True)
class Built:
    """A market, the home units that have no quota for its period, and who speaks for each project.

    ``over_caps`` are the projects that pass every gate of a home unit and ask for more than its budgets may
    give one project, by home unit.
    """

    market: Market
    without_quota: tuple[str, ...]
    conductors: Mapping[str, frozenset[str]]
    over_caps: Mapping[str, tuple[str, ...]]


class _Quota(NamedTuple):
    projects: int
    at_least: int


def build_market(found: Participants, settings: Mapping[str, Any]) -> Built:
    """Return the market of a round; raise ``InvalidMarket`` with a sentence that says what is wrong."""
    homes, projects = found.homes, found.projects
    places = _Places(projects, homes)
    u, v, over = _scores(found)
    quotas = [_quota_of(home, settings) for home in homes]
    known = [quota or _Quota(0, 0) for quota in quotas]
    divisions = [_division(project) for project in projects]
    names = sorted({name for name in divisions if name} | {cap[1] for cap in _industry_caps(homes)})
    provinces = [_province(home) for home in homes]
    regions = sorted({name for name in provinces if name})
    demands = _demands(found) if settings["with_resources"] else Demands((), [], [])
    market = market_of(
        project_ids=[project.id for project in projects],
        home_unit_ids=[home.features.id for home in homes],
        u=u,
        v=v,
        quotas=[quota.projects for quota in known],
        lower_quotas=[quota.at_least for quota in known],
        industries=names,
        project_industry=[names.index(name) if name else NONE for name in divisions],
        regions=regions,
        home_region=[regions.index(name) if name else NONE for name in provinces],
        industry_caps=[(home, names.index(name), most) for home, name, most in _industry_caps(homes)],
        region_caps=list(_region_caps(found, settings, regions)),
        demand_names=demands.names,
        demands=np.array(demands.rows, np.int64).reshape(len(demands.names), len(projects)),
        resources=demands.resources,
        commitments=[*_commitments(found, settings, places), *_preferences(homes, settings, places)],
        previous=None if found.previous is None else _previous(found, places),
    )
    market = with_room_for_fixed(market) if found.again else market
    _check_fixed(market)
    if settings["configuration"]["mechanism"] == "stable":
        _check_resources(market)
    without = tuple(home.features.id for home, quota in zip(homes, quotas, strict=True) if quota is None)
    return Built(market, without, found.conductors, over)


class _Places:
    """Where a project and a home unit stand, by id."""

    def __init__(self, projects: Sequence[ProjectFeatures], homes: Sequence[Home]) -> None:
        self.project = {project.id: place for place, project in enumerate(projects)}
        self.home = {home.features.id: place for place, home in enumerate(homes)}

    def pair(self, project_id: str, home_unit_id: str) -> tuple[int, int]:
        if project_id not in self.project:
            raise InvalidMarket(
                f"a commitment names the project {project_id}, which takes no part",
                f"约定所指的项目 {project_id} 未参加本轮",
            )
        if home_unit_id not in self.home:
            raise InvalidMarket(
                f"a commitment names the home unit {home_unit_id}, which takes no part",
                f"约定所指的飞出地 {home_unit_id} 未参加本轮",
            )
        return self.project[project_id], self.home[home_unit_id]


def _scores(
    found: Participants,
) -> tuple[NDArray[np.int32], NDArray[np.int32], dict[str, tuple[str, ...]]]:
    """What both sides think of each permitted pair, and which pairs only the budgets' caps do not permit."""
    snapshot = Snapshot([home.features for home in found.homes])
    shape = (len(found.projects), len(found.homes))
    u, v = np.full(shape, NONE, np.int32), np.full(shape, NONE, np.int32)
    places, pairs, over = _Places(found.projects, found.homes), 0, over_caps(found)
    for row, project in enumerate(found.projects):
        passing, ours, theirs = scores_of_project(snapshot, snapshot.compiled(project))
        over[row] &= passing
        permitted = passing & ~over[row]
        u[row], v[row] = np.where(permitted, ours, NONE), np.where(permitted, theirs, NONE)
        pairs += int(np.count_nonzero(permitted))
        if pairs > MAX_PAIRS:
            raise InvalidMarket(
                f"more than {MAX_PAIRS} permitted pairs: narrow the projects or home units",
                f"获准的配对超过 {MAX_PAIRS} 个，请缩小项目或飞出地范围",
            )
    for project_id, home_unit_id in found.barred:
        if project_id in places.project and home_unit_id in places.home:
            row, column = places.pair(project_id, home_unit_id)
            u[row, column] = v[row, column] = NONE
    return u, v, _named(found, over)


def _named(found: Participants, over: NDArray[np.bool_]) -> dict[str, tuple[str, ...]]:
    return {
        home.features.id: tuple(found.projects[row].id for row in np.flatnonzero(column))
        for home, column in zip(found.homes, over.T, strict=True)
        if column.any()
    }


def _quota_of(home: Home, settings: Mapping[str, Any]) -> _Quota | None:
    override = [one for one in settings["quotas"] if one["home_unit_id"] == home.features.id]
    if len(override) > 1:
        raise InvalidMarket(
            f"two quotas are set for the home unit {home.features.id}",
            f"飞出地 {home.features.id} 设了两个名额",
        )
    if override:
        return _Quota(override[0]["projects"], override[0]["at_least"])
    for quota in (home.profile.quotas if home.profile else None) or ():
        if quota.period == settings["period"]:
            return _Quota(quota.projects, quota.at_least)
    return None


def _division(project: ProjectFeatures) -> str | None:
    """The division of GB/T 4754 of the code that stands first."""
    for code in project.industry_codes:
        steps = industries.path(code)
        if len(steps) > 1:
            return steps[1]
    return None


def _industry_caps(homes: Sequence[Home]) -> list[tuple[int, str, int]]:
    return [
        (place, cap.industry, cap.projects)
        for place, home in enumerate(homes)
        for cap in (home.profile.industry_caps if home.profile else None) or ()
    ]


def _province(home: Home) -> str | None:
    return None if home.place is None else str(home.place["adcode"])[:2] + "0000"


def _region_caps(
    found: Participants, settings: Mapping[str, Any], regions: Sequence[str]
) -> Iterator[tuple[int, int]]:
    for cap in settings["region_caps"]:
        if cap["province_adcode"] not in regions:
            if found.again:
                continue
            raise InvalidMarket(
                f"no home unit that takes part lies in {cap['province_adcode']}",
                f"参加本轮的飞出地均不在 {cap['province_adcode']}",
            )
        yield regions.index(cap["province_adcode"]), cap["projects"]


def _demands(found: Participants) -> Demands:
    space = [_whole(project.space_m2, ROUND_CEILING) or 0 for project in found.projects]
    demands = fund_rules(found)
    row = len(demands.names)
    offered = [
        (place, row, room)
        for place, home in enumerate(found.homes)
        if (room := _whole(home.features.available_space_m2, ROUND_FLOOR)) is not None
    ]
    return Demands((*demands.names, "space_m2"), [*demands.rows, space], [*demands.resources, *offered])


def _whole(value: Any, rounding: str) -> int | None:
    return None if value is None else int(Decimal(str(value)).to_integral_value(rounding))


def _commitments(
    found: Participants, settings: Mapping[str, Any], places: _Places
) -> Iterator[tuple[int, int, str, int, str]]:
    """Agreed pairs are fixed by both who agreed; nothing else binds a project any more then.

    In a draft a commitment that names nobody is a mistake to mend; later it names who has left since.
    """
    agreed = dict(found.kept)
    for project_id, home_unit_id in found.kept:
        yield (*places.pair(project_id, home_unit_id), "fixed", 0, home_unit_id)
    for one in settings["commitments"]:
        pair = one["project_id"], one["home_unit_id"]
        left = found.again and not (pair[0] in places.project and pair[1] in places.home)
        if pair[0] not in agreed and pair not in found.barred and not left:
            yield (*places.pair(*pair), one["kind"], one["value"], one["set_by"])


def _preferences(
    homes: Sequence[Home], settings: Mapping[str, Any], places: _Places
) -> Iterator[tuple[int, int, str, int, str]]:
    """What home units wish for, but for pairs whose weight the round itself sets: a pair has one weight."""
    weighed = {
        (one["project_id"], one["home_unit_id"]) for one in settings["commitments"] if one["kind"] == "weight"
    }
    for place, home in enumerate(homes):
        for one in (home.profile.preferences if home.profile else None) or ():
            if one.project_id in places.project and (one.project_id, home.features.id) not in weighed:
                value = (6 - one.priority) * PREFERENCE_STEP
                yield places.project[one.project_id], place, "weight", value, home.features.id


def _previous(found: Participants, places: _Places) -> list[int]:
    """Where each project was, unless that was refused: who has to move is not moved by us."""
    before = found.previous or {}
    return [
        NONE
        if (home := before.get(project.id)) is None or (project.id, home) in found.barred
        else places.home.get(home, NONE)
        for project in found.projects
    ]


def _check_resources(market: Market) -> None:
    """Refuse what no stable mechanism keeps: a limit that the dearest projects a home unit may get exceed."""
    if (scarce := could_run_out(market)) is not None:
        en, zh = resource_label(market.demand_names[scarce.demand])
        whom = market.home_unit_ids[scarce.home]
        raise InvalidMarket(
            f"{en} at {whom} could run out, and no stable matching keeps that: "
            "choose welfare, or leave resources to the gates",
            f"飞出地 {whom} 的{zh}可能不足，而稳定匹配无法保证此类限额：请改用 welfare 机制，"
            "或将资源交由门槛把关",
        )


def _check_fixed(market: Market) -> None:
    """Refuse commitments that no assignment can keep, in words, before anything is frozen."""
    for row in broken(market, fixed_places(market)):
        raise InvalidMarket(*what_is_fixed(market, row))
