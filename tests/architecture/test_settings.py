"""``.env.example`` names every setting of every service, and none besides."""

import re
import subprocess
from pathlib import Path

import pytest

from deploy.environment import PATH, SERVICES, render, settings_of

LINE = re.compile(r"# (FEIDI_[A-Z0-9_]+)=(.*)")


def variables() -> dict[str, str]:
    found = map(LINE.fullmatch, PATH.read_text(encoding="utf-8").splitlines())
    return {match[1]: match[2] for match in found if match}


def variables_of(service: str) -> set[str]:
    prefix = str(settings_of(service).model_config["env_prefix"])
    return {f"{prefix}{name.upper()}" for name in settings_of(service).model_fields}


def test_the_example_is_the_one_of_this_code() -> None:
    assert PATH.read_text(encoding="utf-8") == render(), "a setting changed: run python -m deploy.environment"


def test_the_example_names_every_variable_and_no_other() -> None:
    assert variables().keys() == set().union(*map(variables_of, SERVICES))


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_says_what_it_is_in_one_line(service: str) -> None:
    for name, field in settings_of(service).model_fields.items():
        assert field.description, name
        assert "\n" not in field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("service", SERVICES)
def test_what_the_example_says_is_what_a_service_does_without_it(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    defaults = settings_of(service)()
    for name in variables_of(service):
        monkeypatch.setenv(name, variables()[name])
    assert settings_of(service)() == defaults


@pytest.mark.parametrize("service", SERVICES)
def test_the_prefix_is_the_services_own(service: str) -> None:
    assert settings_of(service).model_config["env_prefix"] == f"FEIDI_{service.upper()}_"


def test_a_shell_can_read_the_example_when_it_is_filled_in(tmp_path: Path) -> None:
    filled = tmp_path / "filled"
    filled.write_text(LINE.sub(r"\1=\2", PATH.read_text(encoding="utf-8")), encoding="utf-8")
    done = subprocess.run(["sh", "-eu", str(filled)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
