"""A parent that has imported registry and built it, and forks it on command: a start costs neither again.

It is told the settings of its processes on the first line of its input, then ``start NAME`` or the name of a
signal and ``NAME`` on each. A child ends with it, and it ends with its input. The lock on a file of SQLite is
its own, and its children work under it.
"""

import gc
import json
import os
import signal
import sys
import threading
from pathlib import Path

import anyio._backends._asyncio  # noqa: F401
import uvicorn.lifespan.on
import uvicorn.protocols.http.auto  # noqa: F401
from fastapi import FastAPI

from deploy.local.child import end_with_parent
from services.registry.app import create_app
from services.registry.settings import RegistrySettings
from shared.db.migrate import known_revisions, prepare
from shared.web.serve import serve

_REGISTRY = Path(__file__).parents[2] / "services" / "registry"


def main() -> None:
    plan = json.loads(sys.stdin.readline())
    settings = {name: RegistrySettings(**values) for name, values in plan["settings"].items()}
    apps: dict[bool, FastAPI] = {}
    for some in settings.values():
        if some.run_workers not in apps:
            apps[some.run_workers] = create_app(some)
        prepare(_REGISTRY, some.database_url)
    known_revisions(_REGISTRY)
    gc.collect()
    gc.freeze()
    assert threading.active_count() == 1, "a fork copies one thread only"
    children: dict[str, int] = {}
    print("ready", flush=True)
    for line in sys.stdin:
        verb, name = line.split()
        if verb == "start":
            own = settings[name]
            children[name] = _fork(apps[own.run_workers], own, Path(plan["directory"]) / f"{name}.log")
            print(children[name], flush=True)
        else:
            print(_end(children.pop(name), signal.Signals[verb]), flush=True)


def _fork(app: FastAPI, settings: RegistrySettings, log: Path) -> int:
    arm = end_with_parent()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        if arm is not None:
            arm()
        nothing = os.open(os.devnull, os.O_RDONLY)
        written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for source, target in ((nothing, 0), (written, 1), (written, 2)):
            os.dup2(source, target)
        serve(app, settings)
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    finally:
        os._exit(code)


def _end(pid: int, number: signal.Signals) -> str:
    """Send a signal and wait; say so if the child had ended by itself before."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended:
        return f"died {os.waitstatus_to_exitcode(status)}"
    os.kill(pid, number)
    _, status = os.waitpid(pid, 0)
    return f"ended {os.waitstatus_to_exitcode(status)}"


if __name__ == "__main__":
    main()
