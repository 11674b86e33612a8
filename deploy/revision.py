"""Write the next migration of a service from the difference between its tables and its migrations.

``./dev revision SERVICE "what changes"``. It compares with an empty SQLite store brought to the head, so no
store of this machine has a say. Read what it wrote: to it a renamed column is one dropped and one added.
"""

import argparse
import contextlib
import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import Script, ScriptDirectory

from deploy.migrate import SERVICES, SERVICES_DIRECTORY
from shared.db.migrate import alembic_config, upgrade

_ALEMBICS_WORDS = re.compile(r"^ *# ### .*Alembic.* ###\n", re.MULTILINE)


def next_revision(service_directory: Path, message: str) -> Path:
    """Write the migration after the head and return its file."""
    with tempfile.TemporaryDirectory() as store:
        url = f"sqlite+aiosqlite:///{store}/empty.db"
        config = alembic_config(service_directory, url)
        number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
        upgrade(service_directory, url)
        with contextlib.redirect_stdout(io.StringIO()):
            script = command.revision(config, message=message, autogenerate=True, rev_id=f"{number:04}")
    assert isinstance(script, Script)
    path = Path(script.path)
    path.write_text(_ALEMBICS_WORDS.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def main(arguments: list[str]) -> int:
    """Write one migration in the style of the house."""
    parser = argparse.ArgumentParser(prog="./dev revision", description=__doc__.splitlines()[0])
    parser.add_argument("service", choices=SERVICES)
    parser.add_argument("message", help="what changes, in a few words")
    options = parser.parse_args(arguments)
    path = next_revision(SERVICES_DIRECTORY / options.service, options.message)
    for fix in (["check", "--fix", "-q"], ["format", "-q"]):
        subprocess.run([sys.executable, "-m", "ruff", *fix, path], check=True)  # noqa: S603
    print(path.relative_to(SERVICES_DIRECTORY.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
