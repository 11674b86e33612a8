"""Each rule is broken once, on a copy, and must be seen to be broken."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import rules

ROOT = Path(__file__).parents[2]

# Contract -> a line to plant at the end of a file of the copy that breaks it and, if possible, only it.
PLANTED = {
    "Services know each other only through HTTP": (
        "services/matching/settings.py",
        "import services.metrics.settings",
    ),
    "Shared code knows no service": ("shared/ids.py", "import services.registry.settings"),
    "Layers of shared": ("shared/errors.py", "import shared.web.etag_of_nothing"),
    "Layers of registry": (
        "services/registry/organisations/errors.py",
        "import services.registry.stages.errors",
    ),
    "Layers of matching": ("services/matching/base.py", "import services.matching.app"),
    "Layers of metrics": ("services/metrics/base.py", "import services.metrics.kpis.routes"),
    "Layers of a feature": (
        "services/registry/organisations/repository.py",
        "import services.registry.organisations.routes",
    ),
    "No web framework below the routes": ("services/registry/organisations/service.py", "import fastapi"),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with every contract broken."""
    directory = tmp_path_factory.mktemp("house")
    for name in ("services", "shared"):
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(ROOT / "pyproject.toml", directory)
    (directory / "shared" / "web" / "etag_of_nothing.py").write_text('"""Planted."""\n')
    (directory / "shared" / "a_room_nobody_listed.py").write_text('"""Planted."""\n')
    for place, line in PLANTED.values():
        path = directory / place
        path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def report(tree: Path) -> str:
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("contract", PLANTED)
def test_a_broken_contract_is_named(report: str, contract: str) -> None:
    assert f"{contract} BROKEN" in " ".join(report.split())


def test_a_room_that_is_in_no_layer_is_named(report: str) -> None:
    assert "a_room_nobody_listed" in report


FILES: dict[Callable[[Path, Path], list[str]], tuple[str, str]] = {
    rules.foreign_imports: (
        "services/registry/claims/service.py",
        '"""X."""\nfrom services.registry.organisations import repository\n',
    ),
    rules.framework_imports_below_routes: (
        "services/registry/claims/service.py",
        '"""X."""\nfrom shared.web.access import Reads\n',
    ),
    rules.half_width_punctuation: (
        "services/registry/claims/errors.py",
        '"""X."""\nTITLE = f"以下条件未满足:{1}。"\n',
    ),
    rules.network_library_imports: ("services/registry/claims/service.py", '"""X."""\nimport httpx2\n'),
    rules.session_shortcuts: (
        "services/registry/claims/service.py",
        '"""X."""\nasync def f(tx):\n    await tx.commit()\n',
    ),
    rules.undocumented_public: ("shared/thing.py", '"""X."""\n\n\ndef public() -> None:\n    pass\n'),
}


@pytest.mark.parametrize("check", FILES, ids=lambda check: check.__name__)
def test_a_planted_file_is_reported(tmp_path: Path, check: Callable[[Path, Path], list[str]]) -> None:
    place, content = FILES[check]
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    assert check(tmp_path, path)


def test_a_module_only_one_service_uses_does_not_belong_in_shared(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "services" / "registry").mkdir(parents=True)
    (tmp_path / "shared" / "thing.py").write_text('"""X."""\n')
    (tmp_path / "services" / "registry" / "app.py").write_text("import shared.thing\n")
    assert rules.shared_modules_of_one_service(tmp_path) == ["shared.thing"]
    (tmp_path / "services" / "matching").mkdir()
    (tmp_path / "services" / "matching" / "app.py").write_text("import shared.thing\n")
    assert rules.shared_modules_of_one_service(tmp_path) == []


def test_long_functions_are_measured(tmp_path: Path) -> None:
    path = tmp_path / "services" / "long.py"
    path.parent.mkdir()
    path.write_text("def f():\n" + "    x = 1\n" * 70)
    assert [n for _, n in rules.function_lengths(tmp_path, path)] == [71]
