"""What `./dev revision` and `./dev openapi` write, and that they say nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.migrate import SERVICES_DIRECTORY
from deploy.revision import next_revision

ROOT = Path(__file__).parents[2]


def test_a_migration_is_written_without_a_word_of_its_generator(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SERVICES_DIRECTORY / "metrics" / "migrations", tmp_path / "migrations")
    for written in (tmp_path / "migrations" / "versions").glob("0*.py"):
        text = written.read_text().replace('"dead_letters"', '"dead_letters_before"')
        written.write_text(text)
    path = next_revision(tmp_path, "letters of another name")
    text = path.read_text()
    assert path.name.endswith("_letters_of_another_name.py")
    assert "create_table" in text
    assert "Alembic" not in text
    assert capfd.readouterr().out == ""


def test_the_contracts_are_built_in_silence() -> None:
    program = "from deploy.contracts import SERVICES, contract_of; [contract_of(name) for name in SERVICES]"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
