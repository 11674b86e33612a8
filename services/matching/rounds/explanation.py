"""Why a project is where it is: per home unit it would rather have, which limit stood against it."""

from dataclasses import dataclass
from typing import Any

from services.matching.engine.markets.feasibility import table
from services.matching.engine.markets.market import NONE
from services.matching.engine.markets.terms import project_list
from services.matching.rounds.documents import Document, Stored, unpacked
from services.matching.rounds.solving import Loaded

_TEXTS = {
    "fixed": (
        "双方或有权方事先约定了这一配对，撮合之前即已确定。",
        "The pair was committed to beforehand and fixed before anything was matched.",
    ),
    "first": (
        "这是该项目可去的飞出地中排位最前的一个。",
        "Of the home units the project may go to it is the one it ranks first.",
    ),
    "best_left": (
        "排在它前面的飞出地均已无法接纳该项目。",
        "Every home unit the project ranks before it could not take it.",
    ),
    "placed": (
        "本轮将该项目与该飞出地配对；项目方如何排列各飞出地，仅由其自行告知。",
        "The round placed the project here; how it ranks home units is its own to tell.",
    ),
    "unmatched": (
        "该项目可去的飞出地均已无法接纳，本次未获配对。",
        "No home unit the project may go to could take it; it has no place in this run.",
    ),
    "nowhere": (
        "没有任何飞出地满足该项目的全部门槛，详见推荐接口列出的门槛与待确认问题。",
        "No home unit passes every gate for this project; its recommendations say which and what to ask.",
    ),
    "left_out": (
        "所列飞出地的门槛均已通过，但因所列原因不能配对；此外没有可与其配对的飞出地。",
        "It passes the gates of those named, which are left out for that reason; no other could take it.",
    ),
    "quota": (
        "名额已满，名额给了该飞出地更优先的项目。",
        "Its places went to projects that stand higher with it.",
    ),
    "no_quota": (
        "该飞出地本轮没有名额（未填写名额即不分配）。",
        "It has no places in this round; one that has not said how many it takes is given none.",
    ),
    "industry_cap": (
        "该飞出地在此行业的名额已满。",
        "It takes no more projects of this industry.",
    ),
    "region_cap": (
        "该飞出地所在省份的名额已满。",
        "The home units of its province together take no more projects.",
    ),
    "resource": (
        "余下的资金或空间不足以容纳该项目。",
        "What is left of its funds or space is not enough for this project.",
    ),
    "budget_cap": (
        "项目申请的资金超过该飞出地各项在期预算对单个项目的上限之和。",
        "The project asks for more than all its open budgets together may give one project.",
    ),
    "traded": (
        "没有单项限额阻挡，但若将该项目放到这里，其他配对的总体结果会更差。",
        "No single limit stood against it; with the project there the others together would be worse off.",
    ),
}


@dataclass(frozen=True)
class _Full:
    """Which limits leave no room for one more project, by what they concern."""

    homes: set[int]
    industries: set[tuple[int, int]]
    regions: set[int]
    left: dict[tuple[int, int], int]


def explain(stored: Stored, left_out: bytes | None, project_id: str) -> Document | None:
    """Return the project's place with the reason, and what stood against each it ranks higher; None if it
    takes no part. ``left_out`` names the pairs that passed every gate and are none for another reason.
    """
    run = Loaded.of(stored)
    if project_id not in run.market.project_ids:
        return None
    project = run.market.project_ids.index(project_id)
    home = run.assignment[project]
    fixed = any(one.kind == "fixed" and one.project == project for one in run.market.commitments)
    asked = project_list(run.market, run.configuration, project).tolist()
    before = asked[: asked.index(home)] if home in asked else asked
    full = _full(run)
    better = [] if fixed else [_against(run, full, project, one) for one in before]
    elsewhere = _left_out(left_out, project_id, None if home == NONE else run.market.home_unit_ids[home])
    reason = _reason(home, fixed, asked, before)
    if reason == "nowhere" and elsewhere:
        reason = "left_out"
    return {
        "project_id": project_id,
        "home_unit_id": None if home == NONE else run.market.home_unit_ids[home],
        "reason": reason,
        "text": _text(reason),
        "asked": len(asked),
        "better": better,
        "left_out": elsewhere,
    }


def _left_out(packed: bytes | None, project_id: str, home_unit_id: str | None) -> list[Document]:
    """The home units it is no pair with for another reason than a gate, but for the one it is fixed to."""
    return [
        {"home_unit_id": one, "limits": [reason], "text": _text(reason)}
        for reason, by_home in (unpacked(packed) if packed else {}).items()
        for one, projects in sorted(by_home.items())
        if project_id in projects and one != home_unit_id
    ]


def without_wishes(found: Document) -> Document:
    """Return an explanation as a home unit may read it: where the project is and not its wishes."""
    reason = "placed" if found["reason"] in ("first", "best_left") else found["reason"]
    return {**found, "reason": reason, "text": _text(reason), "asked": None, "better": None, "left_out": None}


def _reason(home: int, fixed: bool, asked: list[int], before: list[int]) -> str:
    if fixed:
        return "fixed"
    if home != NONE:
        return "best_left" if before else "first"
    return "unmatched" if asked else "nowhere"


def _full(run: Loaded) -> _Full:
    full = _Full(set(), set(), set(), {})
    for row in table(run.market, run.array):
        if row["rule"] == "resource":
            full.left[row["home_unit"], row["demand"]] = row["limit"] - row["used"]
        elif row["used"] < row["limit"]:
            continue
        elif row["rule"] == "quota":
            full.homes.add(row["home_unit"])
        elif row["rule"] == "industry_cap":
            full.industries.add((row["home_unit"], row["industry"]))
        else:
            full.regions.add(row["region"])
    return full


def _against(run: Loaded, full: _Full, project: int, home: int) -> Document:
    market = run.market
    found = {
        "no_quota": not market.quotas[home],
        "quota": home in full.homes and bool(market.quotas[home]),
        "industry_cap": (home, int(market.project_industry[project])) in full.industries,
        "region_cap": int(market.home_region[home]) in full.regions,
        "resource": any(
            at == home and int(market.demands[row, project]) > left for (at, row), left in full.left.items()
        ),
    }
    limits = [name for name, is_full in found.items() if is_full] or ["traded"]
    return {
        "home_unit_id": market.home_unit_ids[home],
        "limits": limits,
        "text": {
            language: (" " if language == "en" else "").join(_text(name)[language] for name in limits)
            for language in ("zh", "en")
        },
    }


def _text(code: str) -> dict[str, Any]:
    zh, en = _TEXTS[code]
    return {"zh": zh, "en": en}
