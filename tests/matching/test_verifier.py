"""Whoever changes a published round, and every hash with it, is found out by the check that is named."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.matching import verifier
from services.matching.engine.markets.configuration import Configuration
from tests.matching.verifier_world import (
    SEED,
    Document,
    a_market,
    bounded,
    ending,
    optimal,
    published,
    quotas_only,
    rehashed,
    stable,
    with_resources,
)

STABLE = Configuration("stable")
WELFARE = Configuration("welfare", match_bonus=1_000, move_penalty=5_000)
MULTIPLIERS = [100_000, 50_000, 0, 20_000, 10_000, 3, 7]


@cache
def _good(kind: str) -> Document:
    if kind == "stability":
        return stable(a_market(), STABLE)
    if kind == "optimality":
        return optimal(quotas_only(), WELFARE, [2, 2, 4])
    return bounded(with_resources(), WELFARE, MULTIPLIERS, 1)


def good(kind: str) -> Document:
    return deepcopy(_good(kind))


def failed(document: Any, **known: str) -> dict[str, str]:
    return {one.name: one.reason for one in verifier.verify(document, **known) if not one.passed}


@pytest.mark.parametrize("kind", ["stability", "optimality", "bound"])
def test_a_good_round_passes_every_check(kind: str) -> None:
    checks = verifier.verify(good(kind))
    assert [one.name for one in checks if not one.passed] == []
    assert len(checks) == {"stability": 6, "optimality": 5, "bound": 5}[kind]


@pytest.mark.parametrize("list_length", [0, 1, 2])
@pytest.mark.parametrize("priority_step", [1, 200_000, 1_000_000])
def test_a_stable_round_with_short_lists_and_many_ties_passes(list_length: int, priority_step: int) -> None:
    rules = Configuration("stable", priority_step=priority_step, list_length=list_length)
    assert failed(stable(a_market(), rules)) == {}


def test_promotion_blocks_by_class_only() -> None:
    document = stable(a_market(), Configuration("stable", ties="promotion", priority_step=1_000_000))
    document["certificate"]["blocking_by"] = "class"
    assert failed(ending(document)) == {}


def test_a_fixed_pair_that_is_not_permitted_passes_and_is_worth_nothing() -> None:
    market = a_market(commitments=[(5, 0, "fixed", 0, "org_hangzhou")])
    assert failed(stable(market, STABLE)) == {}
    document = bounded(market, WELFARE, MULTIPLIERS[:5], 3)
    assert failed(document) == {}
    assert document["assignment"][5] == 0


def test_a_bound_that_is_reached_is_named_a_proof_and_another_a_claim() -> None:
    document = good("bound")
    known = {"commitment": None, "configuration_hash": "00"}
    claims = list(verifier.not_proven(document, known))
    assert any("solver's claim" in claim for claim in claims)
    assert sum("published before the round" in claim for claim in claims) == 1
    document["certificate"]["bound"] = document["certificate"]["value"]
    assert not any("solver's claim" in claim for claim in verifier.not_proven(document, known))


# -- tampering: each with hashes, table, figures and cutoffs of what it says now

Change = Callable[[Document], None]


def at_path(change: Callable[[Any, Any], None], path: tuple[Any, ...]) -> Change:
    def changed(document: Document) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        change(place, path[-1])

    return changed


def put(*path: Any) -> Change:
    """Set what lies at the path to its last part."""
    return at_path(lambda place, key: place.__setitem__(key, path[-1]), path[:-1])


def add(*path: Any) -> Change:
    return at_path(lambda place, key: place.__setitem__(key, place[key] + path[-1]), path[:-1])


def drop(*path: Any) -> Change:
    return at_path(lambda place, key: place.__delitem__(key), path)


def swap(part: str, one: int, other: int) -> Change:
    def change(document: Document) -> None:
        values = document["snapshot"][part]
        values[one], values[other] = values[other], values[one]

    return change


TAMPERED: dict[str, tuple[str, Change, str]] = {
    "a seed chosen afterwards": ("stability", put("seed", "00" * 32), "stability"),
    "a cutoff": ("stability", add("certificate", "cutoffs", 0, "cutoff", 1), "stability"),
    "a cutoff left out": ("stability", drop("certificate", "cutoffs", 4), "stability"),
    "blocking pairs said to be there": ("stability", put("certificate", "blocking_pairs", 1), "stability"),
    "blocking pairs said to be false": (
        "stability",
        put("certificate", "blocking_pairs", False),
        "stability",
    ),
    "blocking counted by class": ("stability", put("certificate", "blocking_by", "class"), "stability"),
    "the number of proposals": ("stability", add("certificate", "proposals", 1), "stability"),
    "shortfall": ("stability", put("certificate", "short_of_lower_quotas", [[0, 0, 1]]), "figures"),
    "list_length": ("stability", put("configuration", "list_length", 1), "stability"),
    "priority_step": ("stability", put("configuration", "priority_step", 1_000_000), "stability"),
    "a score": ("stability", put("snapshot", "pairs", 0, 0, 2, 0), "stability"),
    "a first refusal taken away": ("stability", drop("snapshot", "commitments", 1), "stability"),
    "another fixed home unit": ("stability", put("snapshot", "commitments", 2, 1, 1), "feasibility"),
    "a pair no longer permitted": ("stability", put("snapshot", "pairs", 6, []), "feasibility"),
    "a smaller quota": ("stability", put("snapshot", "quotas", 2, 1), "feasibility"),
    "a smaller industry cap": ("stability", put("snapshot", "industry_caps", 0, 2, 0), "feasibility"),
    "a smaller region cap": ("stability", put("snapshot", "region_caps", 0, 1, 1), "feasibility"),
    "a smaller plant": ("bound", put("snapshot", "resources", 0, 2, 1), "feasibility"),
    "a larger demand": ("bound", put("snapshot", "demands", 0, 6, 9_999), "feasibility"),
    "use of a limit": ("bound", add("certificate", "feasibility", 5, "used", -1), "feasibility"),
    "a limit left out": ("bound", drop("certificate", "feasibility", 6), "feasibility"),
    "previous": ("bound", put("snapshot", "previous", 0, 1), "figures"),
    "previous forgotten": ("bound", put("snapshot", "previous", None), "figures"),
    "the bonus": ("bound", put("configuration", "match_bonus", 2_000), "bound"),
    "the bound": ("bound", add("certificate", "bound", -1), "bound"),
    "a smaller multiplier": ("bound", add("certificate", "multipliers", 0, -1), "bound"),
    "a negative multiplier": ("bound", put("certificate", "multipliers", 2, -1), "bound"),
    "a multiplier left out": ("bound", drop("certificate", "multipliers", 6), "bound"),
    "the scale of multipliers": ("bound", put("certificate", "multiplier_scale", 0), "bound"),
    "the value": ("bound", add("certificate", "value", 1), "bound"),
    "the gap": ("bound", add("certificate", "gap_ppm", -1), "bound"),
    "a price": ("optimality", add("certificate", "prices", 0, 1), "prices"),
    "a negative price": ("optimality", put("certificate", "prices", 0, -1), "prices"),
    "a price where places are free": ("optimality", put("certificate", "prices", 2, 7), "prices"),
    "the scale of prices": ("optimality", put("certificate", "price_scale", 2), "prices"),
    "bound called optimal": ("bound", put("certificate", "kind", "optimality"), "prices"),
    "optimum called stable": ("optimality", put("certificate", "kind", "stability"), "form"),
    "the mechanism": ("stability", put("configuration", "mechanism", "welfare"), "form"),
    "a rule nobody knows": ("stability", put("configuration", "favourites", 1), "form"),
    "a part left out": ("stability", drop("snapshot", "quotas"), "form"),
    "a project twice": ("stability", put("snapshot", "projects", 1, "prj_1"), "form"),
    "projects out of order": ("stability", swap("projects", 0, 1), "form"),
    "home units out of order": ("stability", swap("home_units", 0, 1), "form"),
    "pairs out of order": ("stability", swap("commitments", 0, 1), "form"),
    "a project too few": ("stability", drop("assignment", 6), "form"),
    "a home unit that is none": ("stability", put("assignment", 0, 3), "form"),
    "a score beyond the scale": ("stability", put("snapshot", "pairs", 0, 0, 1, 1_000_001), "form"),
    "true for one": ("stability", put("snapshot", "quotas", 0, True), "form"),
    "an unheard-of commitment": ("stability", put("snapshot", "commitments", 0, 2, "wish"), "form"),
    "a lower quota above its quota": ("stability", put("snapshot", "lower_quotas", 0, 9), "form"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_round_is_rejected_although_its_hashes_are_right(what: str) -> None:
    kind, change, by = TAMPERED[what]
    document = good(kind)
    change(document)
    found = failed(rehashed(document))
    assert by in found
    assert "hashes" not in found


@pytest.mark.parametrize("figure", sorted(_good("bound")["figures"]))
def test_every_figure_is_computed_again(figure: str) -> None:
    document = good("bound")
    value = document["figures"][figure]
    document["figures"][figure] = [*value, 1] if isinstance(value, list) else value + 1
    assert set(failed(rehashed(document))) == {"figures"}


@pytest.mark.parametrize(
    ("at", "by"),
    [
        ([0, 1, 0, 1, 2, 2, 2], {"stability", "best_for_projects", "feasibility"}),
        ([1, 0, 2, 1, 2, 2, 0], {"stability", "best_for_projects"}),
        ([-1, -1, -1, -1, 2, -1, -1], {"stability", "best_for_projects"}),
        ([0, 0, 0, 1, 2, 2, 2], {"feasibility", "stability", "best_for_projects"}),
    ],
    ids=["an unpermitted pair", "a worse home unit", "nobody", "an industry over its cap"],
)
def test_another_assignment_with_everything_made_to_fit_is_rejected(at: list[int], by: set[str]) -> None:
    document = stable(a_market(), STABLE, at=at)
    assert document["certificate"]["blocking_pairs"] == 0
    assert set(failed(document)) == by


def test_any_two_projects_swapped_are_found() -> None:
    right = _good("stability")["assignment"]
    for one in range(len(right)):
        for other in range(one):
            at = list(right)
            at[one], at[other] = at[other], at[one]
            assert at == right or "best_for_projects" in failed(stable(a_market(), STABLE, at=at)), (
                one,
                other,
            )


def test_the_stable_assignment_that_home_units_like_best_is_rejected() -> None:
    bare = {"project_ids": ["prj_1", "prj_2"], "home_unit_ids": ["org_a", "org_b"], "quotas": [1, 1]}
    for name in ("industries", "regions", "industry_caps", "region_caps", "commitments"):
        bare[name] = []
    none = dict.fromkeys(("project_industry", "home_region", "previous"))
    market = a_market(**bare, **none, u=[[9, 5], [5, 9]], v=[[5, 9], [9, 5]])
    assert stable(market, STABLE)["assignment"] == [0, 1]
    assert set(failed(stable(market, STABLE, at=[1, 0]))) == {"best_for_projects"}


def test_first_refusal_ignored_is_rejected() -> None:
    without = [(4, 2, "fixed", 0, "org_quzhou"), (1, 0, "weight", 50_000, "org_hangzhou")]
    elsewhere = stable(a_market(commitments=without), STABLE)["assignment"]
    assert elsewhere != _good("stability")["assignment"]
    assert "stability" in failed(stable(a_market(), STABLE, at=elsewhere))


def test_another_order_of_the_lottery_is_rejected() -> None:
    other = stable(a_market(), Configuration("stable", priority_step=1_000_000), seed="00" * 32)
    other["seed"] = SEED
    assert "stability" in failed(rehashed(other))


def test_a_worse_assignment_under_the_same_prices_is_rejected() -> None:
    document = good("optimality")
    at = [1, 2, 0, 2, 0, 2, 1]
    assert set(failed(published(quotas_only(), WELFARE, SEED, at, document["certificate"]))) == {"prices"}


def test_a_quota_exceeded_is_rejected() -> None:
    document = good("optimality")
    at = np.zeros(7, np.int64)
    at[5] = 1
    assert "feasibility" in failed(published(quotas_only(), WELFARE, SEED, at, document["certificate"]))


# -- hashes, commitment, spelling


@pytest.mark.parametrize("part", ["commitment", "snapshot_hash", "configuration_hash"])
def test_a_hash_of_something_else_is_rejected(part: str) -> None:
    document = good("stability")
    document[part] = "ab" * 32
    assert "hashes" in failed(ending(document))


def test_a_snapshot_changed_after_its_hash_is_rejected() -> None:
    document = good("bound")
    document["snapshot"]["commitments"][0][4] = "org_somebody"
    assert set(failed(ending(document))) == {"hashes"}
    document["result_hash"] = _good("bound")["result_hash"]
    assert "hashes" in failed(document)


def test_what_was_published_before_the_round_is_compared() -> None:
    document = good("stability")
    known = {name: document[name] for name in ("commitment", "configuration_hash")}
    assert failed(document, **known) == {}
    other = stable(a_market(), STABLE, seed="00" * 32)
    assert set(failed(other, **known)) == {"known commitment"}
    rules = stable(a_market(), Configuration("stable", priority_step=2))
    assert set(failed(rules, **known)) == {"known configuration_hash"}


def run(tmp_path: Path, text: str | bytes, *options: str) -> int:
    path = tmp_path / "result.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return verifier.main([str(path), *options])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 2),
        (b"\xff\xfe", 2),
        ("[]", 2),
        ("null", 2),
        ('{"format": "feidi-round/2"}', 2),
        ('{"format": ' + "9" * 5_000 + "}", 2),
        ("[" * 100_000, 2),
        ('{"format": "feidi-round/1"}', 1),
        ('{"format": "feidi-round/1", "format": "feidi-round/1"}', 1),
    ],
    ids=["empty", "no text", "a list", "null", "another format", "a long number", "deep", "bare", "twice"],
)
def test_what_is_no_round_is_told_from_what_is_a_bad_one(tmp_path: Path, text: Any, code: int) -> None:
    assert run(tmp_path, text) == code


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"matched": 7', '"matched": 7.0'),
        ('"matched": 7', '"matched": NaN'),
        ('"matched": 7', '"matched": 7, "matched": 7'),
        ('"result_hash"', '"result"'),
        ('"org_lishui"', '"\\ud800"'),
    ],
    ids=["a float", "not a number", "a key twice", "no result_hash", "half a character"],
)
def test_a_spelling_that_is_not_the_one_is_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: str, after: str
) -> None:
    text = json.dumps(good("stability"), ensure_ascii=False)
    assert before in text
    assert run(tmp_path, text.replace(before, after)) == 1
    assert capsys.readouterr().out.endswith("REJECTED\n")


def paths(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in inner:
        yield from paths(value, (*path, key))


@pytest.mark.parametrize(
    "value", [None, -2, 10**400, "\x1b[2J", [], {}, 1.5, True], ids=lambda value: repr(value)[:5]
)
def test_no_hostile_value_anywhere_is_passed_or_breaks_the_verifier(value: Any) -> None:
    """Only a name may be any text, and what is a claim anything at all."""
    document = good("bound")
    passed = set()
    for path in paths(document):
        changed = deepcopy(document)
        put(*path, value)(changed)
        found = failed(changed if isinstance(value, float) else rehashed(changed))
        assert "\x1b" not in "".join(found.values())
        if not found and changed != document:
            passed.add(path)
    names = {
        "engine_version",
        "commitments",
        "projects",
        "home_units",
        "industries",
        "regions",
        "demand_names",
    }
    texts = {path for path in passed if isinstance(value, str) and names & {*path}}
    assert passed - texts <= {("certificate", "method"), ("certificate", "claimed_optimal")}


# -- as a command


@pytest.mark.parametrize("kind", ["stability", "optimality", "bound"])
def test_the_file_alone_verifies_without_any_environment(tmp_path: Path, kind: str) -> None:
    alone, result = tmp_path / "verifier.py", tmp_path / "result.json"
    alone.write_bytes(Path(verifier.__file__).read_bytes())
    result.write_text(json.dumps(good(kind), ensure_ascii=False, indent=1), encoding="utf-8")
    command = ["env", "-i", os.path.realpath(sys.executable), "-I", str(alone), str(result)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert lines[-1] == "verified"
    assert all(line.startswith(("ok ", "not proven: ")) for line in lines[:-1])


def test_a_missing_file_is_said_to_be_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert verifier.main(["no-such-file.json"]) == 2
    assert "no published round" in capsys.readouterr().err
