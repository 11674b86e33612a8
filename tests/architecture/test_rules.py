"""Rules of the house that an import linter cannot say: who may touch whose SQL, and how large things grow."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.rules import (
    ALONE,
    MAX_FILE_LINES,
    MAX_FUNCTION_LINES,
    MECHANISMS,
    foreign_imports,
    framework_imports_below_routes,
    function_lengths,
    half_width_punctuation,
    network_library_imports,
    session_shortcuts,
    shared_modules_of_one_service,
    source_files,
    undocumented_public,
)

ROOT = Path(__file__).parents[2]


def _all(check: object) -> list[str]:
    assert callable(check)
    return [problem for path in source_files(ROOT) for problem in check(ROOT, path)]


@pytest.mark.parametrize(
    "check",
    [
        foreign_imports,
        framework_imports_below_routes,
        half_width_punctuation,
        network_library_imports,
        session_shortcuts,
        undocumented_public,
    ],
    ids=lambda check: check.__name__,
)
def test_no_file_breaks_the_rule(check: object) -> None:
    assert _all(check) == []


def test_shared_holds_only_what_two_services_use() -> None:
    lonely = set(shared_modules_of_one_service(ROOT))
    assert lonely - MECHANISMS.keys() == set()
    assert MECHANISMS.keys() - lonely == set(), "used by two services by now: take it off the list"


def test_no_file_outgrows_the_limit() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in source_files(ROOT)}
    sizes = {path.relative_to(ROOT).as_posix(): n for path, n in lines.items()}
    assert [f"{path}: {n}" for path, n in sizes.items() if n > ALONE.get(path, MAX_FILE_LINES)] == []
    assert statistics.median(sizes.values()) <= 100


def test_functions_stay_short() -> None:
    lengths = list(_lengths())
    assert [f"{where}: {n}" for where, n in lengths if n > MAX_FUNCTION_LINES] == []
    ordered = sorted(n for _, n in lengths)
    assert statistics.median(ordered) <= 12
    assert ordered[int(len(ordered) * 0.9)] <= 40


def _lengths() -> Iterator[tuple[str, int]]:
    for path in source_files(ROOT):
        yield from function_lengths(ROOT, path)


def test_every_feature_folder_speaks_the_grammar() -> None:
    """A room has at most seven files with fixed names, plus pure logic under telling names."""
    for service in ("registry", "matching", "metrics"):
        for folder in sorted((ROOT / "services" / service).iterdir()):
            if (folder / "routes.py").exists():
                assert (folder / "service.py").exists(), folder
                vague = {"utils.py", "helpers.py", "common.py", "misc.py"} & {
                    p.name for p in folder.iterdir()
                }
                assert not vague, folder


def test_every_module_parses() -> None:
    for path in source_files(ROOT):
        ast.parse(path.read_text(encoding="utf-8"))
