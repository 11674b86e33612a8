"""What would be if: the market of a run changed, matched again with the same lottery, and compared."""

from collections.abc import Mapping
from typing import Any

from services.matching.engine.markets import solving
from services.matching.engine.markets.comparison import compare
from services.matching.engine.markets.errors import Refusal
from services.matching.engine.markets.market import FULL, NONE, Market
from services.matching.engine.markets.result import Result
from services.matching.rounds.additions import add_copies, place_of
from services.matching.rounds.documents import Document, Stored, configuration_from, market_from, unpacked
from services.matching.rounds.solving import Loaded

_PRICES = ("price_of_stability_ppm", "price_of_fairness_ppm")

LISTED = 200
"""Changed pairs that an answer names."""


def what_if(stored: Stored, changes: Document) -> Document:
    """Match the market with the changes and say what differs from the run.

    ``changes`` has ``configuration`` (None: the run's), ``quotas``, ``region_caps`` (None: as they are),
    ``without_project_ids``, ``without_home_unit_ids``, ``added_home_units`` and ``added_projects``.
    """
    run, document = Loaded.of(stored), unpacked(stored.snapshot)
    add_copies(document, changes["added_home_units"], changes["added_projects"])
    _set_quotas(document, changes["quotas"])
    if changes["region_caps"] is not None:
        document["region_caps"] = [
            [place_of(document["regions"], one["province_adcode"], "province"), one["projects"]]
            for one in changes["region_caps"]
        ]
    for project_id in changes["without_project_ids"]:
        _bar(document, place_of(document["projects"], project_id, "project"), None)
    for home_unit_id in changes["without_home_unit_ids"]:
        _bar(document, None, place_of(document["home_units"], home_unit_id, "home unit"))
    chosen = changes["configuration"]
    configuration = run.configuration if chosen is None else configuration_from(chosen)
    found = solving.solve(market_from(document), configuration, run.seed)
    return _difference(run, found)


def compare_runs(first: Stored, second: Stored) -> Document:
    """Compare two rounds by their figures, and by the projects that are in both."""
    one, other = Loaded.of(first), Loaded.of(second)
    places = [_named_pairs(run.market, run.assignment) for run in (one, other)]
    both = sorted(places[0].keys() & places[1].keys())
    changed = [_change(name, places[0][name], places[1][name]) for name in both]
    moved = [change for change in changed if change["before"] != change["after"]]
    figures = [_summary(one.figures), _summary(other.figures)]
    return {**_answer(figures, moved), **_prices(one.figures, other.figures)}


def compare_configuration(stored: Stored, configuration: Document) -> Document:
    """Match the same market with another configuration and the same lottery; nothing is kept."""
    run = Loaded.of(stored)
    found = solving.solve(run.market, configuration_from(configuration), run.seed)
    certificate = run.document["certificate"]
    mine = Result(run.market, run.configuration, run.seed, run.array, certificate, run.figures)
    told = compare(mine, found)
    return {**_difference(run, found), **{name: told[name] for name in _PRICES}}


def counterfactual(stored: Stored, project_id: str, home_unit_id: str) -> list[Document]:
    """Try one lever after the other and say which brings the project to the home unit, and at what price."""
    run, document = Loaded.of(stored), unpacked(stored.snapshot)
    project = place_of(document["projects"], project_id, "project")
    home = place_of(document["home_units"], home_unit_id, "home unit")
    found = []
    for lever, changed in _levers(document, project, home).items():
        try:
            outcome = solving.solve(market_from(changed), run.configuration, run.seed)
        except Refusal:
            found.append({"lever": lever, "achieves": False, "displaced": []})
            continue
        difference = _difference(run, outcome)
        achieved = int(outcome.assignment[project]) == home
        found.append({"lever": lever, "achieves": achieved, "displaced": _displaced(difference, project_id)})
    return found


def _levers(document: Document, project: int, home: int) -> dict[str, Document]:
    """One more place, limit by limit; all limits at once; the highest priority; and a fixed commitment."""
    industry, region = document["project_industry"][project], document["home_unit_region"][home]
    quotas = [most + (place == home) for place, most in enumerate(document["quotas"])]
    caps = [[at, of, most + ((at, of) == (home, industry))] for at, of, most in document["industry_caps"]]
    regions = [[at, most + (at == region)] for at, most in document["region_caps"]]
    resources = [
        [at, row, most + (document["demands"][row][project] if at == home else 0)]
        for at, row, most in document["resources"]
    ]
    single = {
        "quota": {"quotas": quotas},
        "industry_cap": {"industry_caps": caps},
        "region_cap": {"region_caps": regions},
        "resource": {"resources": resources},
    }
    levers = {
        name: {**document, **change}
        for name, change in single.items()
        if any(document[key] != value for key, value in change.items())
    }
    every: Document = {key: value for change in single.values() for key, value in change.items()}
    mine = [one for one in document["commitments"] if one[:3] != [project, home, "weight"]]
    first = {"commitments": [*mine, [project, home, "weight", FULL, "counterfactual"]]}
    unbound = [one for one in document["commitments"] if one[0] != project]
    fixed = {"commitments": [*unbound, [project, home, "fixed", 0, "counterfactual"]]}
    return {
        **levers,
        "every_limit": {**document, **every},
        "priority": {**document, **first},
        "fixed": {**document, **fixed},
    }


def _set_quotas(document: Document, quotas: list[Document]) -> None:
    for one in quotas:
        place = place_of(document["home_units"], one["home_unit_id"], "home unit")
        document["quotas"][place] = one["projects"]
        document["lower_quotas"][place] = one["at_least"]


def _bar(document: Document, project: int | None, home: int | None) -> None:
    """Take a project or a home unit out of the market, with whatever binds it."""
    if project is not None:
        document["pairs"][project] = []
    if home is not None:
        document["pairs"] = [[pair for pair in pairs if pair[0] != home] for pairs in document["pairs"]]
        document["quotas"][home] = document["lower_quotas"][home] = 0
    document["commitments"] = [one for one in document["commitments"] if project != one[0] and home != one[1]]


def _difference(run: Loaded, found: Result) -> Document:
    before = _named_pairs(run.market, run.assignment)
    changed = [
        _change(project_id, before.get(project_id), after)
        for project_id, after in _named_pairs(found.market, found.assignment.tolist()).items()
        if before.get(project_id) != after
    ]
    figures = [_summary(run.figures), _summary(found.figures)]
    return {**_answer(figures, changed), **_prices(run.figures, found.figures)}


def _answer(figures: list[Document], changed: list[Document]) -> Document:
    return {
        "before": figures[0],
        "after": figures[1],
        "changed_count": len(changed),
        "changed": changed[:LISTED],
        **dict.fromkeys(_PRICES),
    }


def _prices(first: Mapping[str, Any], second: Mapping[str, Any]) -> Document:
    """What the second gives up against the first, in millionths of what the better one reaches.

    Negative where the second is better.
    """
    worst = [min(figures["home_welfare"], default=0) for figures in (first, second)]
    return {
        "welfare_given_up_ppm": _share(first["welfare"], second["welfare"]),
        "worst_home_unit_given_up_ppm": _share(worst[0], worst[1]),
        "matched_given_up": first["matched"] - second["matched"],
    }


def _share(first: int, second: int) -> int:
    best = max(abs(first), abs(second))
    return (first - second) * 1_000_000 // best if best else 0


def _summary(figures: Mapping[str, Any]) -> Document:
    return {
        "projects": figures["projects"],
        "matched": figures["matched"],
        "welfare": figures["welfare"],
        "worst_home_unit_welfare": min(figures["home_welfare"], default=0),
        "envy": figures["envy"],
        "short_of_lower_quotas": len(figures["short_of_lower_quotas"]),
    }


def _named_pairs(market: Market, assignment: list[int]) -> dict[str, str | None]:
    homes = market.home_unit_ids
    return {
        project_id: None if home == NONE else homes[home]
        for project_id, home in zip(market.project_ids, assignment, strict=True)
    }


def _change(project_id: str, before: str | None, after: str | None) -> Document:
    return {"project_id": project_id, "before": before, "after": after}


def _displaced(difference: Document, project_id: str) -> list[str]:
    """The other projects that had a place and would have another or none."""
    return [
        one["project_id"]
        for one in difference["changed"]
        if one["project_id"] != project_id and one["before"] is not None
    ]
