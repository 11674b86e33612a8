"""The whole story on the real processes: what a newcomer runs first must hold on both databases."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local.services import SERVICES
from shared.db.engine import Database
from tests.support.ports import free_ports
from tests.support.postgres import PostgresCluster

ROOT = Path(__file__).parents[2]
LONGEST_S = 240
PROJECTS = 60


def test_a_taken_port_is_found_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        refused = demo(tmp_path, ["--port-base", str(server.getsockname()[1])])
    assert refused.returncode == 1
    assert "is taken by another program" in refused.stderr
    assert "Loading" not in refused.stdout
    assert not list(tmp_path.glob("*.db"))


def test_a_store_in_use_says_what_to_do(tmp_path: Path) -> None:
    holder = Database(f"sqlite+aiosqlite:///{tmp_path}/registry.db")
    refused = demo(tmp_path)
    asyncio.run(holder.dispose())
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert f"pid {os.getpid()}" in line
    assert "--data-dir DIR --port-base N" in line


def test_its_help_is_plain_and_names_the_exit_codes() -> None:
    command = [sys.executable, "-m", "examples.demo", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "``" not in told
    assert "1 when a check failed" in " ".join(told.split())


def demo(data_dir: Path, arguments: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.demo", "--check", "--projects", str(PROJECTS)]
    command += ["--data-dir", str(data_dir), "--port-base", str(free_ports(len(SERVICES))), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_S, check=False)


def test_the_story_holds_and_can_be_told_again(tmp_path: Path) -> None:
    first = demo(tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    assert re.search(r"^demo: \d+ checks passed$", first.stdout, re.MULTILINE)
    assert f"{PROJECTS} synthetic projects" in " ".join(first.stdout.split())
    assert "1 agreement," in " ".join(first.stdout.split())
    assert "intent 落地意向" in first.stdout, "a round was matched, agreed on and published"
    assert "client_secret" not in first.stdout, "the services are gone when a check ends"
    assert "\x1b" not in first.stdout
    second = demo(tmp_path)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "nothing to load" in second.stdout


def test_the_story_holds_on_postgresql(tmp_path: Path, postgres_cluster: PostgresCluster) -> None:
    urls = {name: postgres_cluster.create_database() for name in SERVICES}
    arguments = [part for name, url in urls.items() for part in (f"--{name}-database-url", url)]
    told = demo(tmp_path, arguments)
    assert told.returncode == 0, told.stdout + told.stderr
