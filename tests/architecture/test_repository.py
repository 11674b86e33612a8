"""What a fresh clone must hold, and what must never get into the repository."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PYPROJECT["dependency-groups"]
# What a lock must hold, by its name.
LOCKED = {
    "runtime": PYPROJECT["project"]["dependencies"],
    "dev": PYPROJECT["project"]["dependencies"] + GROUPS["dev"],
    "build": GROUPS["build"],
    "peers": GROUPS["peers"],
    "bootstrap": GROUPS["bootstrap"],
}
ADDRESS = re.compile(r"://|--(?:extra-)?index|--find-links|--trusted-host|\bfile:| @ ")
MACHINE_PATH = re.compile(r"(?<![\w.\-}>])/(?:root|home|Users|work|mnt)/[\w.]")
LOCKS_WITH_ADDRESSES = {
    "uv.lock",
    "pylock.toml",
    "poetry.lock",
    "Pipfile.lock",
    "package-lock.json",
    "yarn.lock",
}


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def text_of(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8")


def pinned(lock: Path) -> dict[str, str]:
    """Each package of a lock with the lines that belong to it."""
    blocks = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())
    return {canonicalize_name(block.split("==")[0]): block for block in blocks}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_address_and_hashes_everything(lock: Path) -> None:
    assert not ADDRESS.search(lock.read_text(encoding="utf-8"))
    unhashed = [name for name, block in pinned(lock).items() if "--hash=sha256:" not in block]
    assert unhashed == []


@pytest.mark.parametrize("name", LOCKED)
def test_a_lock_holds_what_the_project_asks_for(name: str) -> None:
    packages = pinned(ROOT / "requirements" / f"{name}.lock")
    for asked in map(Requirement, LOCKED[name]):
        block = packages.get(canonicalize_name(asked.name))
        assert block, f"{asked.name} is missing: run ./dev lock"
        version = block.split("==")[1].split()[0]
        assert asked.specifier.contains(version, prereleases=True), (
            f"{asked} is not {version}: run ./dev lock"
        )


def test_the_development_lock_holds_the_runtime_lock() -> None:
    runtime, dev = (pinned(ROOT / "requirements" / f"{name}.lock") for name in ("runtime", "dev"))
    differing = [name for name, block in runtime.items() if dev.get(name) != block]
    assert differing == [], "run ./dev lock"


def test_there_is_no_other_kind_of_lock() -> None:
    assert {path.name for path in LOCKS} == {f"{name}.lock" for name in LOCKED}
    assert [path for path in tracked_files() if path.name in LOCKS_WITH_ADDRESSES] == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked_files()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def imported_modules(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", ["dev", "tests/support/postgres_keeper.py", "services/matching/verifier.py"])
def test_what_runs_before_the_packages_needs_none(path: str) -> None:
    modules = {name.split(".")[0] for name in imported_modules((ROOT / path).read_text(encoding="utf-8"))}
    assert modules - sys.stdlib_module_names == set()


@pytest.mark.parametrize("path", ["dev", ".ci/run"])
def test_a_command_can_be_called(path: str) -> None:
    assert (ROOT / path).stat().st_mode & 0o111 == 0o111
    assert (ROOT / path).read_text(encoding="utf-8").startswith("#!/usr/bin/env ")
