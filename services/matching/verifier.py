#!/usr/bin/env python3
"""Check one published round with nothing but Python 3.11: ``python verifier.py result.json``.

Shares no code with what made the round: all it claims is computed again from its snapshot, in whole numbers.
``docs/verifying-a-round.md`` says what the fields mean. Ends with ``verified`` (exit 0) or ``REJECTED``
(exit 1); exit 2 says that the file is no published round.
"""

import argparse
import hashlib
import json
import re
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from heapq import heappop, heappush
from itertools import pairwise
from operator import itemgetter, lt
from pathlib import Path
from typing import Any, NamedTuple

FORMAT, FULL, NONE = "feidi-round/1", 1_000_000, -1
SCORE, COUNT, PRICE, HASH = range(FULL + 1), range(10**15 + 1), range(10**30), re.compile("[0-9a-f]{64}")
DOCUMENT = {
    "format": {FORMAT},
    "engine_version": str,
    **dict.fromkeys(("seed", "commitment", "snapshot_hash", "configuration_hash", "result_hash"), HASH),
    **dict.fromkeys(("snapshot", "configuration", "certificate", "figures"), dict),
    "assignment": list,
}
CONFIGURATION = {
    "mechanism": {"stable", "welfare"},
    "priority_step": range(1, FULL + 1),
    "list_length": SCORE,
    "ties": {"lottery", "promotion"},
    "lower_quotas": {"report", "soft", "fewest_blocking"},
    "fairness": {"none", "max_min", "alpha"},
    "alpha_permille": range(5_001),
    "move_penalty": SCORE,
    "match_bonus": SCORE,
    "iterations": SCORE,
}
KINDS = {"stable": {"stability", "fewest_blocking", "soft_lower_quotas"}, "welfare": {"optimality", "bound"}}
CERTIFIED = {
    *(
        "kind",
        "feasibility",
        "cutoffs",
        "blocking_pairs",
        "blocking_by",
        "proposals",
        "short_of_lower_quotas",
    ),
    *("prices", "price_scale", "multipliers", "multiplier_scale", "bound", "value", "gap_ppm"),
}
FIGURES = {
    *("projects", "home_units", "matched", "unmatched", "without_permitted_home_unit", "welfare"),
    *("home_welfare", "envy", "moved", "short_of_lower_quotas"),
}


class Check(NamedTuple):
    """One thing that was looked at: ``reason`` is what was found, or what is wrong if not ``passed``."""

    name: str
    passed: bool
    reason: str


class Refused(Exception):
    """What was published is not what it should be; says what and where."""


def need(condition: Any, reason: str) -> None:
    """Raise ``Refused`` with the reason unless the condition holds."""
    if not condition:
        raise Refused(reason)


def spelling(content: Any) -> str:
    """Return the one spelling of a content, over which hashes are taken."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def short(content: Any) -> str:
    """Return what a person is shown of a content; nothing in it can move the cursor."""
    text = repr(content)
    return text if len(text) <= 150 else text[:140] + " …"


def same(what: str, published: Any, computed: Any) -> None:
    """Raise ``Refused`` unless both have the same spelling, so that true is not 1."""
    alike = spelling(published) == spelling(computed)
    need(alike, "" if alike else f"{what}: published {short(published)}, computed {short(computed)}")


def shaped(what: str, content: Any, shape: Any, length: int | None = None) -> Any:
    """Return the content if it has the shape: a range, choices, a type, a pattern, [rows], (columns), {…}."""
    if isinstance(shape, range):
        fits = type(content) is int and content in shape
    elif isinstance(shape, set):
        fits = isinstance(content, str) and content in shape
    elif isinstance(shape, re.Pattern):
        fits = isinstance(content, str) and bool(shape.fullmatch(content))
    elif isinstance(shape, type):
        fits = isinstance(content, shape)
    elif isinstance(shape, dict):
        fits = isinstance(content, dict)
        wrong = sorted(shape.keys() ^ content.keys()) if fits else []
        need(not wrong, f"{what} lacks, or has what is unknown: {short(wrong)}")
    else:
        expected = len(shape) if isinstance(shape, tuple) else length
        fits = isinstance(content, list) and expected in (None, len(content))
    if not fits:
        raise Refused(f"{what} is {short(content)}")
    if isinstance(shape, dict):
        for key, inner in shape.items():
            shaped(f"{what}.{key}", content[key], inner)
    elif isinstance(shape, list | tuple):
        for place, one in enumerate(content):
            shaped(f"{what}[{place}]", one, shape[place if isinstance(shape, tuple) else 0])
    return content


def ascending(what: str, values: list[Any]) -> None:
    """Raise ``Refused`` unless each value is greater than the one before."""
    for one, other in pairwise(values):
        need(one < other, f"{what}: {short(other)} follows {short(one)}")


def no_floats(what: str, content: Any) -> None:
    """Raise ``Refused`` if there is a number in it that is not whole."""
    need(not isinstance(content, float), f"{what} has {content!r}")
    inner = content.values() if isinstance(content, dict) else content
    for one in inner if isinstance(content, dict | list) else ():
        no_floats(what, one)


class Round:
    """A document taken apart; raises ``Refused`` where its shape is not that of a round."""

    def __init__(self, document: Any) -> None:
        self.document = shaped("the document", document, DOCUMENT)
        self.seed, self.certificate, self.figures = (document[k] for k in ("seed", "certificate", "figures"))
        self.configuration = one = shaped("configuration", document["configuration"], CONFIGURATION)
        of_welfare = one["fairness"] != "none" or one["move_penalty"] or one["match_bonus"]
        of_stable = one["ties"] != "lottery" or one["lower_quotas"] != "report"
        foreign = of_welfare if one["mechanism"] == "stable" else of_stable
        need(not foreign, "configuration has parameters of another mechanism")
        self.kind = shaped("certificate.kind", self.certificate.get("kind"), KINDS[one["mechanism"]])
        for part in ("certificate", "figures"):
            no_floats(part, document[part])
        self._read(document["snapshot"])
        self._commit(document["snapshot"]["commitments"])
        index = range(NONE, len(self.homes))
        self.at = shaped("assignment", document["assignment"], [index], len(self.projects))
        drawn = sorted(range(len(self.projects)), key=lambda p: sha256(self.seed + self.projects[p]))
        self.lottery = {project: place for place, project in enumerate(drawn)}
        self._use()

    def _read(self, given: dict[str, Any]) -> None:
        ids = ("projects", "home_units", "industries", "regions", "demand_names")
        self.projects, self.homes, *_ = (shaped(name, given.get(name), [str]) for name in ids)
        p, h, i, r, d = (range(len(given[name])) for name in ids)
        for name in ids:
            ascending(name, given[name] if name in ids[:2] else sorted(given[name]))
            need("" not in given[name], f"{name} has an empty one")
        columns: dict[str, tuple[Any, int | None]] = {
            "quotas": ([COUNT], len(h)),
            "lower_quotas": ([COUNT], len(h)),
            "project_industry": ([range(NONE, len(i))], len(p)),
            "home_unit_region": ([range(NONE, len(r))], len(h)),
            "industry_caps": ([(h, i, COUNT)], None),
            "region_caps": ([(r, COUNT)], None),
            "demands": ([list], len(d)),
            "resources": ([(h, d, COUNT)], None),
            "pairs": ([list], len(p)),
            "commitments": (list, None),
            "previous": (object, None),
        }
        shaped("snapshot", given, dict.fromkeys([*ids, *columns], object))
        for name, (shape, length) in columns.items():
            shaped(name, given[name], shape, length)
        for name in ("industry_caps", "region_caps", "resources"):
            ascending(name, [row[:-1] if name == "region_caps" else row[:2] for row in given[name]])
        self.quotas, self.lower = given["quotas"], given["lower_quotas"]
        need(
            all(a <= b for a, b in zip(self.lower, self.quotas, strict=True)),
            "a lower quota exceeds its quota",
        )
        self.industry, self.region = given["project_industry"], given["home_unit_region"]
        demands = [shaped("demands", row, [COUNT], len(p)) for row in given["demands"]]
        before, anywhere = given["previous"], range(NONE, len(h))
        self.previous = [NONE] * len(p) if before is None else shaped("previous", before, [anywhere], len(p))
        self.pairs = [self._pairs(project, row) for project, row in enumerate(given["pairs"])]
        self._number_limits(given["industry_caps"], given["region_caps"], given["resources"], demands)

    def _pairs(self, project: int, row: list[Any]) -> list[list[int]]:
        what = f"pairs[{project}]"
        need({*map(type, row)} <= {list} and {*map(len, row)} <= {3}, f"{what} is not rows of three")
        homes, u, v = zip(*row, strict=True) if row else ((), (), ())
        need({*map(type, homes + u + v)} <= {int}, f"{what} has what is no whole number")
        need(all(map(lt, homes, homes[1:])), f"{what} is not in ascending order of home units")
        within = not row or (
            homes[0] >= 0 and homes[-1] < len(self.homes) and min(u + v) >= 0 and max(u + v) <= FULL
        )
        need(within, f"{what} is out of range")
        return row

    def _commit(self, values: list[Any]) -> None:
        """Keep what is fixed and who was promised first refusal; add weights to both sides of their pair."""
        self.fixed, self.first = dict[int, int](), dict[int, int]()
        kinds, value = {"fixed", "first_refusal", "weight"}, range(-FULL, FULL + 1)
        shape = (range(len(self.projects)), range(len(self.homes)), kinds, value, str)
        for project, home, kind, extra, _ in shaped("commitments", values, [shape]):
            if kind != "weight":
                kept = self.fixed if kind == "fixed" else self.first
                need(
                    project not in kept and not extra,
                    f"{short(self.projects[project])} is {kind} twice or valued",
                )
                kept[project] = home
            elif pair := self.pair(project, home):
                new = [home, *(min(max(side + extra, 0), FULL) for side in pair[1:])]
                self.pairs[project] = [new if one is pair else one for one in self.pairs[project]]
        ascending("commitments", [row[:3] for row in values])

    def _number_limits(self, industries: Any, regions: Any, resources: Any, demands: Any) -> None:
        """Number every limit in the order of the format: quotas, industry caps, region caps, resources."""
        rows = [{"rule": "quota", "home_unit": h, "limit": n} for h, n in enumerate(self.quotas)]
        rows += [
            {"rule": "industry_cap", "home_unit": h, "industry": i, "limit": n} for h, i, n in industries
        ]
        rows += [{"rule": "region_cap", "region": r, "limit": n} for r, n in regions]
        self.of_industry = {(h, i): k for k, (h, i, _) in enumerate(industries, len(self.quotas))}
        self.of_region = {r: k for k, (r, _) in enumerate(regions, len(self.quotas) + len(industries))}
        self.counting, self.of_resource = len(rows), defaultdict[int, list[tuple[int, list[int]]]](list)
        for k, (h, d, n) in enumerate(resources, len(rows)):
            rows.append({"rule": "resource", "home_unit": h, "demand": d, "limit": n})
            self.of_resource[h].append((k, demands[d]))
        self.rows, self.limits = rows, [row["limit"] for row in rows]

    def sets(self, project: int, home: int) -> list[int]:
        """Return the counting limits that a pair falls under, the smallest set first."""
        industry = self.of_industry.get((home, self.industry[project]))
        return [k for k in (industry, home, self.of_region.get(self.region[home])) if k is not None]

    def pair(self, project: int, home: int) -> list[int] | None:
        """Return [home unit, u, v] with weights added, or None if the pair is not permitted."""
        row = self.pairs[project]
        place = bisect_left(row, [home])
        return row[place] if place < len(row) and row[place][0] == home else None

    def key(self, project: int, home: int, v: int) -> int:
        """Return the project's priority at the home unit, lower is better: class × P + lottery number."""
        fixed = self.fixed.get(project) == home
        rank = 0 if fixed else (FULL - v) // self.configuration["priority_step"] + 1
        return int(rank * len(self.projects) + self.lottery[project])

    def asks(self, project: int) -> list[list[int]]:
        """Return the pairs of the project that it asks, best first: u descending, then home unit."""
        if project in self.fixed:
            return [self.pair(project, self.fixed[project]) or [self.fixed[project], NONE, NONE]]
        found = sorted(self.pairs[project], key=itemgetter(1), reverse=True)
        if project in self.first:
            found.sort(key=lambda pair: pair[0] != self.first[project])
        return found[: self.configuration["list_length"] or None]

    def weight(self, project: int, home: int, u: int, v: int) -> int:
        """Return what a pair adds to the welfare; 0 where it is fixed without being permitted."""
        moves = self.previous[project] not in (NONE, home)
        extra = self.configuration["match_bonus"] - moves * self.configuration["move_penalty"]
        return 0 if u == NONE else int(2 * u * v // max(u + v, 1) + extra)

    def _use(self) -> None:
        """Sum what it is worth per home unit and uses of every limit, and find the worst of each full set."""
        at = ((project, home) for project, home in enumerate(self.at) if home != NONE)
        self.taken = [(project, self.pair(project, home) or [home, NONE, NONE]) for project, home in at]
        self.worth, self.used = [0] * len(self.homes), [0] * len(self.rows)
        worst = dict.fromkeys(range(self.counting), (NONE, NONE))
        for project, (home, u, v) in self.taken:
            self.worth[home] += self.weight(project, home, u, v)
            for k in self.sets(project, home):
                self.used[k] += 1
                worst[k] = max(worst[k], (self.key(project, home, v), home))
            for k, demand in self.of_resource[home]:
                self.used[k] += demand[project]
        self.full = {k: one for k, one in worst.items() if self.used[k] >= self.limits[k]}
        self.left = list(self.limits)
        for project, home in self.fixed.items():
            for k, demand in self.of_resource[home]:
                self.left[k] -= demand[project]


# Each check returns what it found, or raises Refused.


def hashes(r: Round) -> str:
    """Compute the hashes of what is published, and the commitment that binds the seed to the snapshot."""
    parts = {part: spelling(content) for part, content in r.document.items() if part != "result_hash"}
    for part in ("snapshot", "configuration"):
        same(f"{part}_hash", r.document[f"{part}_hash"], sha256(parts[part]))
    joined = ",".join(f"{spelling(part)}:{parts[part]}" for part in sorted(parts))
    same("result_hash", r.document["result_hash"], sha256("{" + joined + "}"))
    same("commitment", r.document["commitment"], sha256(r.seed + r.document["snapshot_hash"]))
    return f"snapshot, configuration, result; commitment {r.document['commitment']}"


def feasibility(r: Round) -> str:
    """Compute the table of limits; every pair must be permitted and every fixed commitment kept."""
    same_rows("feasibility", r, [{**row, "used": used} for row, used in zip(r.rows, r.used, strict=True)])
    for row, used in zip(r.rows, r.used, strict=True):
        need(used <= row["limit"], f"{used} used of {row}")
    for project, (home, u, _) in r.taken:
        allowed = u != NONE or r.fixed.get(project) == home
        need(allowed, f"{short(r.projects[project])} must not go to {short(r.homes[home])}")
    for project, home in r.fixed.items():
        need(r.at[project] == home, f"{short(r.projects[project])} is fixed to {short(r.homes[home])}")
    return f"{len(r.rows)} limits, {len(r.taken)} pairs, {len(r.fixed)} fixed commitments"


def same_rows(what: str, r: Round, computed: list[dict[str, Any]]) -> None:
    """Compare a table of the certificate row by row."""
    published = shaped(what, r.certificate.get(what), [dict], len(computed))
    for theirs, ours in zip(published, computed, strict=True):
        same(what, theirs, ours)


def figures(r: Round) -> str:
    """Compute the figures that every round has."""
    filled, there, own = (
        Counter(pair[0] for _, pair in r.taken),
        defaultdict[int, list[int]](list),
        dict(r.taken),
    )
    for _, (home, _, v) in sorted(r.taken, key=lambda one: one[1][2]):
        there[home].append(v)
    envied = (
        bisect_left(there[home], v)
        for project, row in enumerate(r.pairs)
        for least in [own[project][1] if project in own else NONE]
        for home, u, v in row
        if u > least and home in there
    )
    found = {
        "projects": len(r.projects),
        "home_units": len(r.homes),
        "matched": len(r.taken),
        "unmatched": len(r.projects) - len(r.taken),
        "without_permitted_home_unit": sum(not row for row in r.pairs),
        "welfare": sum(r.worth),
        "home_welfare": r.worth,
        "envy": sum(envied),
        "moved": [p for p, was in enumerate(r.previous) if was not in (NONE, r.at[p])],
        "short_of_lower_quotas": [[h, filled[h], n] for h, n in enumerate(r.lower) if filled[h] < n],
    }
    for name, ours in found.items():
        same(name, r.figures.get(name), ours)
    if r.configuration["mechanism"] == "stable":
        same("shortfall", r.certificate.get("short_of_lower_quotas"), found["short_of_lower_quotas"])
    return f"{len(r.taken)} of {len(r.projects)} projects matched, welfare {sum(r.worth)}"


def stability(r: Round) -> str:
    """Compute the cutoffs and count the pairs that would both rather have each other."""
    found, blocking, proposals = list[dict[str, Any]](), list[tuple[str, str]](), 0
    for k, row in enumerate(r.rows[: r.counting]):
        name = {"quota": "home_unit", "industry_cap": "industry", "region_cap": "region"}[row["rule"]]
        whom = {part: row.get(part, NONE) for part in ("home_unit", "industry", "region")}
        cutoff = r.full.get(k, (NONE, NONE))[0]
        found.append({"set": name, **whom, "limit": row["limit"], "used": r.used[k], "cutoff": cutoff})
    same_rows("cutoffs", r, found)
    by_class = r.configuration["ties"] == "promotion"
    for project, own in enumerate(r.at):
        asked = r.asks(project)
        place = next((n for n, pair in enumerate(asked) if pair[0] == own), len(asked))
        need(own == NONE or place < len(asked), f"{short(r.projects[project])} never asked for where it is")
        proposals += min(place + 1, len(asked))
        for home, _, v in asked[:place]:
            bar = next((r.full[k] for k in r.sets(project, home) if k in r.full), None)
            mine = (r.key(project, home, v), home)
            if by_class and bar:
                mine, bar = (mine[0] // len(r.projects), 0), (bar[0] // len(r.projects), 0)
            if bar is None or mine < bar:
                blocking.append((r.projects[project], r.homes[home]))
    need(not blocking or r.kind != "stability", f"{len(blocking)} pairs block: {short(blocking)}")
    same("blocking_pairs", r.certificate.get("blocking_pairs"), len(blocking))
    same("blocking_by", r.certificate.get("blocking_by"), "class" if by_class else "key")
    if not by_class:
        same("proposals", r.certificate.get("proposals"), proposals)
    return f"{len(blocking)} blocking pairs, {len(r.full)} of {r.counting} sets full"


def best_for_projects(r: Round) -> str:
    """Let the projects ask once more, each from its best: no stable assignment is better for any of them."""
    lists = [iter(r.asks(project)) for project in range(len(r.projects))]
    at, used, free = [NONE] * len(lists), [0] * len(r.rows), [*range(len(lists))]
    held = defaultdict[int, list[tuple[int, int, int]]](list)
    while free:
        project = free.pop()
        for home, _, v in lists[project]:
            entry, sets = (-r.key(project, home, v), -home, project), r.sets(project, home)
            full = next((k for k in sets if used[k] >= r.limits[k]), None)
            if full is not None:
                worst = held[full]
                while worst and at[worst[0][2]] != -worst[0][1]:
                    heappop(worst)
                if not worst or entry < worst[0]:
                    continue
                loser = heappop(worst)[2]
                for k in r.sets(loser, at[loser]):
                    used[k] -= 1
                at[loser] = NONE
                free.append(loser)
            at[project] = home
            for k in sets:
                used[k] += 1
                heappush(held[k], entry)
            break
    for project, home in enumerate(at):
        place = short(r.homes[home]) if home != NONE else "none"
        need(r.at[project] == home, f"{short(r.projects[project])} belongs at {place}")
    return "every project has the best home unit that any stable assignment gives it"


def lagrangian(r: Round, multipliers: list[int], scale: int) -> int:
    """Return scale × what no assignment within the limits can exceed, whatever the multipliers are."""
    total: int = sum(price * limit for price, limit in zip(multipliers, r.limits, strict=True))
    priced = [[(d, multipliers[k], r.left[k]) for k, d in r.of_resource[h]] for h in range(len(r.homes))]
    counted: dict[tuple[int, int], int] = {}
    for project, row in enumerate(r.pairs):
        industry, fixed, worths = r.industry[project], project in r.fixed, list[int]()
        for home, u, v in r.asks(project) if fixed else row:
            if (price := counted.get((home, industry))) is None:
                price = counted[home, industry] = sum(multipliers[k] for k in r.sets(project, home))
            if not fixed and any(demand[project] > left for demand, _, left in priced[home]):
                continue  # What is fixed leaves too little for it, so it is in no assignment.
            price += sum(each * demand[project] for demand, each, _ in priced[home])
            worths.append(scale * r.weight(project, home, u, v) - price)
        total += worths[0] if fixed else max([0, *worths])
    return total


def prices(r: Round) -> str:
    """Look whether the prices prove that no assignment within the quotas is worth more."""
    given = shaped("prices", r.certificate.get("prices"), [PRICE], len(r.homes))
    scale = shaped("price_scale", r.certificate.get("price_scale"), range(1, PRICE.stop))
    for home, price in enumerate(given):
        need(
            not price or r.used[home] == r.quotas[home], f"{short(r.homes[home])} is not full and has a price"
        )
    most, value = lagrangian(r, given + [0] * (len(r.rows) - len(given)), scale), sum(r.worth)
    need(most == scale * value, f"the prices prove {most}, and the assignment is worth {scale * value}")
    return f"no assignment within the quotas is worth more than {value}"


def bound(r: Round) -> str:
    """Compute the bound from its multipliers, the value, and the gap between them."""
    given = shaped("multipliers", r.certificate.get("multipliers"), [PRICE], len(r.rows))
    scale = shaped("multiplier_scale", r.certificate.get("multiplier_scale"), range(1, PRICE.stop))
    most, value = lagrangian(r, given, scale) // scale, sum(r.worth)
    gap = -((value - most) * 10**6 // max(most, 1))
    for name, computed in (("bound", most), ("value", value), ("gap_ppm", gap)):
        same(name, r.certificate.get(name), computed)
    return f"worth {value}, no assignment more than {most}: {gap} millionths at most are missing"


def checks_of(r: Round) -> list[Callable[[Round], str]]:
    """Return what is to be checked of such a round."""
    if r.configuration["mechanism"] == "welfare":
        return [hashes, feasibility, figures, prices if r.kind == "optimality" else bound]
    best = [best_for_projects] if r.kind == "stability" and r.configuration["ties"] == "lottery" else []
    return [hashes, feasibility, figures, stability, *best]


def verify(document: Any, **known: str | None) -> list[Check]:
    """Return every check of a document; ``commitment`` and ``configuration_hash`` as known from before."""
    done: list[Check] = []

    def look(name: str, check: Callable[[], Any]) -> Any:
        try:
            found = check()
        except Refused as refusal:
            done.append(Check(name, False, str(refusal)))
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            done.append(Check(name, False, f"not what it should be: {short(error)}"))
        else:
            done.append(
                Check(name, True, found if isinstance(found, str) else f"{FORMAT}, kind {found.kind}")
            )
            return found
        return None

    r = look("form", partial(Round, document))
    for check in checks_of(r) if r else []:
        look(check.__name__, partial(check, r))
    for name, value in known.items():
        if r and value is not None:
            look(f"known {name}", partial(as_known, r, name, value))
    return done


def as_known(r: Round, name: str, value: str) -> str:
    """Compare a hash with what was published before the round."""
    same(name, r.document[name], value)
    return "as published before the round"


def not_proven(document: dict[str, Any], known: dict[str, str | None]) -> Iterator[str]:
    """Yield what a round that passes every check still only claims."""
    rules, proof = document["configuration"], document["certificate"]
    yield "that the snapshot is true: scores, quotas and commitments are taken as published"
    for name in (name for name, value in known.items() if value is None):
        yield f"that the {name} was published before the round: give --{name.replace('_', '-')}"
    if proof["kind"] in ("fewest_blocking", "soft_lower_quotas") or rules["ties"] == "promotion":
        yield "that lower quotas or promotion were applied as they should; blocking pairs are only counted"
    if proof["kind"] == "bound" and proof["bound"] > proof["value"] and proof.get("claimed_optimal"):
        yield "the solver's claim that this is the optimum; only the gap is"
    if rules["fairness"] != "none":
        yield f"that fairness {rules['fairness']} was followed; the sum is what is bounded"
    firsts = [one for one in document["snapshot"]["commitments"] if one[2] == "first_refusal"]
    if rules["mechanism"] == "welfare" and firsts:
        yield "that first refusals were kept"
    if others := sorted({*proof} - {*CERTIFIED}) + sorted({*document["figures"]} - {*FIGURES}):
        yield f"what stands under {', '.join(map(short, others))}"


def read(path: str) -> tuple[Any, list[Check]]:
    """Return the document and what is wrong with its spelling; raise ``ValueError`` if it is none."""
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.extend(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        return dict(pairs)

    document = json.loads(Path(path).read_bytes().decode(), object_pairs_hook=once)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    return document, [Check("spelling", False, f"keys stand twice: {short(twice)}")] if twice else []


def main(arguments: list[str] | None = None) -> int:
    """Print a line per check and return 0, 1 or 2."""
    parser = argparse.ArgumentParser("feidi-verify", description="Check a published round of a matching.")
    parser.add_argument("file", help="the result as published, JSON")
    parser.add_argument("--commitment", metavar="HEX", help="the commitment as published before the round")
    parser.add_argument("--configuration-hash", metavar="HEX", help="the same for the configuration's hash")
    known = vars(parser.parse_args(arguments))
    path = known.pop("file")
    try:
        document, done = read(path)
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        print(f"{short(path)} is no published round: {short(error)}", file=sys.stderr)
        return 2
    done = done or verify(document, **known)
    for check in done:
        print(f"{'ok' if check.passed else 'FAILED':<7}{check.name:<19} {check.reason}")
    if not all(check.passed for check in done):
        print("REJECTED")
        return 1
    for claim in not_proven(document, known):
        print(f"not proven: {claim}")
    print("verified")
    return 0


if __name__ == "__main__":
    sys.exit(main())
