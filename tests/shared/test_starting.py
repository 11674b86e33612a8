"""A service that cannot start says why in one line, and who holds what it needs."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from shared.db.engine import Database, DatabaseInUse

ROOT = Path(__file__).parents[2]


def started(tmp_path: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Start registry with these settings, which keep it from starting."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FEIDI_")},
        "FEIDI_REGISTRY_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/registry.db",
        **{f"FEIDI_REGISTRY_{name}": value for name, value in settings.items()},
    }
    return subprocess.run(
        [sys.executable, "-m", "services.registry"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    return line


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        line = only_line(started(tmp_path, PORT=port))
    assert f"127.0.0.1:{port}" in line
    assert "FEIDI_REGISTRY_PORT" in line


def test_a_movable_clock_outside_of_a_sandbox_is_said_in_one_line(tmp_path: Path) -> None:
    line = only_line(started(tmp_path, CLOCK="movable", ENVIRONMENT="production"))
    assert "FEIDI_REGISTRY_CLOCK=movable" in line
    assert "sandbox" in line


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"BOOTSTRAP_CLIENT_ID": "cli_first", "BOOTSTRAP_CLIENT_SECRET": "changeme"}, "cli_first"),
        ({"SERVICE_CLIENTS": json.dumps({"cli_matching": "changeme"})}, "cli_matching"),
        ({"SERVICE_CLIENTS": "changeme"}, "service_clients"),
        ({"ACCESS_TOKEN_TTL_S": "1"}, "FEIDI_REGISTRY_ACCESS_TOKEN_TTL_S"),
        ({"DATABASE_URL": "postgresql+asyncpg://localhost/nowhere"}, "FEIDI_REGISTRY_SECRET"),
    ],
)
def test_a_wrong_setting_is_said_in_one_line(tmp_path: Path, settings: dict[str, str], named: str) -> None:
    line = only_line(started(tmp_path, **settings))
    assert named in line
    assert "changeme" not in line


def test_a_file_in_use_names_the_process_that_has_it(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/store.db"
    program = (
        "import sys; from shared.db.engine import Database; kept = Database(sys.argv[1]);"
        "print('up', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout
    assert child.stdout.readline() == b"up\n"
    for _ in range(2):
        with pytest.raises(DatabaseInUse, match=rf"store\.db is open in another process, pid {child.pid}$"):
            Database(url)
    child.communicate()
    asyncio.run(Database(url).dispose())
