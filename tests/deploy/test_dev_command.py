"""The `dev` command before it hands over: interpreter, environment, settings of the machine."""

import hashlib
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PATH = str(ROOT / "dev")


@pytest.fixture
def dev(tmp_path: Path) -> ModuleType:
    """The command as a module, working on a project of its own."""
    loader = importlib.machinery.SourceFileLoader("dev_command", PATH)
    spec = importlib.util.spec_from_loader("dev_command", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    module.ROOT, module.VENV = tmp_path, tmp_path / ".venv"
    module.PYTHON, module.REQUIREMENTS = module.VENV / "bin" / "python", tmp_path / "requirements"
    module.REQUIREMENTS.mkdir()
    for name in ("runtime", "dev"):
        (module.REQUIREMENTS / f"{name}.lock").write_text(f"{name}==1")
    return module


@pytest.fixture
def installed(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which locks get installed, with nothing downloaded."""
    locks: list[str] = []

    def create_venv(with_pip: bool) -> None:
        dev.PYTHON.parent.mkdir(parents=True, exist_ok=True)
        dev.PYTHON.touch()
        (dev.VENV / "pyvenv.cfg").write_text("version = 3.11.7")

    monkeypatch.setattr(dev, "create_venv", create_venv)
    monkeypatch.setattr(dev.shutil, "which", lambda _: "uv")
    monkeypatch.setattr(dev, "install_with_uv", lambda _, lock: locks.append(lock) or True)
    return locks


def test_an_environment_in_step_is_not_touched(dev: ModuleType, installed: list[str]) -> None:
    for _ in range(3):
        dev.ensure_environment("runtime")
    assert installed == ["runtime"]


def test_the_development_packages_serve_the_runtime_verbs(dev: ModuleType, installed: list[str]) -> None:
    for lock in ("dev", "runtime", "dev"):
        dev.ensure_environment(lock)
    assert installed == ["dev"]


def change_lock(dev: ModuleType) -> None:
    (dev.REQUIREMENTS / "dev.lock").write_text("dev==2")


def change_python(dev: ModuleType) -> None:
    (dev.VENV / "pyvenv.cfg").write_text("version = 3.13.0")


def lose_python(dev: ModuleType) -> None:
    dev.PYTHON.unlink()


@pytest.mark.parametrize("change", [change_lock, change_python, lose_python])
def test_a_change_installs_again(
    dev: ModuleType, installed: list[str], change: Callable[[ModuleType], None]
) -> None:
    dev.ensure_environment("dev")
    change(dev)
    dev.ensure_environment("dev")
    assert installed == ["dev", "dev"]


def test_a_failed_installation_is_not_taken_for_a_good_one(
    dev: ModuleType, installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "install_with_uv", lambda *_: False)
    monkeypatch.setattr(dev, "install_with_pip", lambda *_: False)
    with pytest.raises(SystemExit):
        dev.ensure_environment("dev")
    assert not dev.in_step("dev")


def test_pip_does_it_when_uv_cannot(
    dev: ModuleType, installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "install_with_uv", lambda *_: False)
    monkeypatch.setattr(dev, "install_with_pip", lambda lock: installed.append(f"{lock} by pip") or True)
    dev.ensure_environment("dev")
    assert installed == ["dev by pip"]


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_what_to_install(
    dev: ModuleType, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == module else object())
    with pytest.raises(SystemExit) as end:
        dev.create_venv(with_pip=True)
    assert end.value.code == 2
    assert f"no '{module}' module" in capsys.readouterr().err


def test_a_mirror_set_for_pip_serves_uv_as_well(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "pip.conf"
    settings.write_text("[global]\nindex-url = https://mirror.example/simple\ncert = /etc/ca.pem\n")
    for name in (
        "PIP_INDEX_URL",
        "PIP_CERT",
        "SSL_CERT_FILE",
        "UV_DEFAULT_INDEX",
        "UV_INDEX_URL",
        "UV_INDEX",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("HOME", str(tmp_path))
    environment = dev.uv_environment()
    assert environment["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert environment["SSL_CERT_FILE"] == "/etc/ca.pem"
    assert "UV_NO_CACHE" not in environment
    monkeypatch.setenv("UV_INDEX_URL", "https://own.example/simple")
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    environment = dev.uv_environment()
    assert "UV_DEFAULT_INDEX" not in environment
    assert environment["UV_NO_CACHE"] == "1"


def test_an_old_python_hands_over_to_a_newer_one(dev: ModuleType, tmp_path: Path) -> None:
    broken, newer = tmp_path / "bin" / "python3.14", tmp_path / "bin" / "python3.12"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 127\n")
    newer.write_text('#!/bin/sh\n[ "$1" = -c ] || echo newer "$@"\n')
    for command in (broken, newer):
        command.chmod(0o755)
    program = f"import sys; sys.version_info = (3, 6, 15); sys.argv = ['dev', 'check']; __file__ = {PATH!r};"
    program += "exec(compile(open(__file__).read(), __file__, 'exec'))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PATH": str(broken.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"newer {PATH} check\n"
    (broken.parent / "python3.12").unlink()
    done = subprocess.run(
        done.args, env={**os.environ, "PATH": str(broken.parent)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed" in done.stderr


def test_an_unknown_verb_shows_the_known_ones() -> None:
    done = subprocess.run([sys.executable, PATH, "fly"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "./dev test" in done.stderr


def test_the_tools_see_this_environment_first(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    environment = dev.environment_of_tools()
    assert environment["PATH"].split(os.pathsep)[0] == str(dev.VENV / "bin")
    assert "PYTHONPATH" not in environment


def test_a_stamp_tells_the_lock_and_the_interpreter(dev: ModuleType, installed: list[str]) -> None:
    dev.ensure_environment("dev")
    content = (dev.REQUIREMENTS / "dev.lock").read_bytes() + (dev.VENV / "pyvenv.cfg").read_bytes()
    assert (dev.VENV / ".dev.stamp").read_text() == hashlib.sha256(content).hexdigest()
