"""Home units and projects that do not exist, added to the document of a market as copies of some that do."""

from collections import Counter

from services.matching.engine.markets.errors import InvalidMarket
from services.matching.engine.markets.market import NONE
from services.matching.rounds.documents import Document


def add_copies(document: Document, home_units: list[Document], projects: list[Document]) -> None:
    """Add what was asked for to the document of a snapshot, in place; what binds originals binds no copy.

    Each of ``home_units`` has ``like``, ``projects`` and ``at_least``; each of ``projects`` ``like`` and
    ``count``.
    Copies stand at the end, so that every place named in the document stays what it was.
    """
    numbers: Counter[str] = Counter()
    for one in home_units:
        _add_home_unit(document, one, _name(numbers, one["like"]))
    for one in projects:
        original = place_of(document["projects"], one["like"], "project")
        for _ in range(one["count"]):
            _add_project(document, original, _name(numbers, one["like"]))


def place_of(names: list[str], name: str, what: str) -> int:
    """Return where a ``project``, ``home unit`` or ``province`` stands, or refuse what takes no part."""
    if name not in names:
        zh = {"project": "项目", "home unit": "飞出地", "province": "省份"}[what]
        raise InvalidMarket(f"the {what} {name} takes no part in this round", f"{zh} {name} 未参加本轮")
    return names.index(name)


def _name(numbers: Counter[str], like: str) -> str:
    numbers[like] += 1
    return f"{like}+{numbers[like]}"


def _add_home_unit(document: Document, asked: Document, name: str) -> None:
    original, place = (
        place_of(document["home_units"], asked["like"], "home unit"),
        len(document["home_units"]),
    )
    document["home_units"].append(name)
    document["quotas"].append(asked["projects"])
    document["lower_quotas"].append(asked["at_least"])
    document["home_unit_region"].append(document["home_unit_region"][original])
    for limits in (document["industry_caps"], document["resources"]):
        limits += [[place, *rest] for at, *rest in limits if at == original]
    for pairs in document["pairs"]:
        pairs += [[place, *scores] for at, *scores in pairs if at == original]


def _add_project(document: Document, original: int, name: str) -> None:
    document["projects"].append(name)
    document["pairs"].append([list(pair) for pair in document["pairs"][original]])
    document["project_industry"].append(document["project_industry"][original])
    for needs in document["demands"]:
        needs.append(needs[original])
    if document["previous"] is not None:
        document["previous"].append(NONE)
