"""Registry alone, in as many processes as its store bears, forked anew after every kill."""

import asyncio
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from deploy.local.child import becomes_ready, end_with_parent
from tests.crash.services import ADMIN, ROOT
from tests.support.ports import free_ports

HOST = "127.0.0.1"
LEASE_S = 2.0
_EVENT = re.compile(r'"event": ?"([a-z_]+)"')


class PartnerFleet:
    """On SQLite one process that does everything; on PostgreSQL two of the API and two of workers."""

    def __init__(self, directory: Path, database_url: str | None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.database_url = database_url or f"sqlite+aiosqlite:///{directory.resolve() / 'registry.db'}"
        workers = {"registry": True}
        if database_url:
            workers = {"api-0": False, "api-1": False, "worker-0": True, "worker-1": True}
        base = free_ports(len(workers))
        self.ports = {name: base + offset for offset, name in enumerate(workers)}
        self.apis = [name for name, works in workers.items() if not works] or list(workers)
        self.died: list[str] = []
        self._settings = {name: self._settings_of(name, works) for name, works in workers.items()}
        self._nursery: asyncio.subprocess.Process | None = None
        self._running: set[str] = set()

    @property
    def names(self) -> list[str]:
        return list(self.ports)

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self.ports[name]}"

    def _settings_of(self, name: str, works: bool) -> dict[str, Any]:
        settings = {
            "environment": "sandbox",
            "clock": "movable",
            "host": HOST,
            "port": self.ports[name],
            "issuer": self.url(self.apis[0]),
            "matching_url": f"http://{HOST}:9",
            "metrics_url": f"http://{HOST}:9",
            "database_url": self.database_url,
            "database_pool_size": 8,
            "bootstrap_client_id": ADMIN[0],
            "bootstrap_client_secret": ADMIN[1],
            "access_token_ttl_s": 3600,
            "log_level": "ERROR",
            "run_workers": works,
            "webhook_allow_http": True,
            "webhook_allowed_networks": ["127.0.0.0/8"],
            "webhook_lease_s": LEASE_S,
        }
        if len(self.ports) > 1:
            settings["secret"] = "a secret of the deployment in the crash test"
        return settings

    async def __aenter__(self) -> "PartnerFleet":
        self._nursery = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.crash.nursery"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            preexec_fn=end_with_parent(),
        )
        plan = {"directory": str(self.directory.resolve()), "settings": self._settings}
        assert await self._ask(json.dumps(plan)) == "ready"
        for name in self.names:
            await self.start(name)
            await self.ready(name)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._nursery is not None and self._nursery.returncode is None:
            assert self._nursery.stdin
            self._nursery.stdin.close()
            await self._nursery.wait()

    async def start(self, name: str) -> None:
        await self._ask(f"start {name}")
        self._running.add(name)

    async def kill(self, name: str) -> None:
        """Kill without warning, as a power cut would."""
        await self._end("SIGKILL", name)

    async def stop(self) -> None:
        """Ask all to end and wait."""
        for name in sorted(self._running):
            await self._end("SIGTERM", name)

    async def ready(self, name: str, seconds: float = 60) -> None:
        try:
            await asyncio.wait_for(becomes_ready(HOST, self.ports[name], "/readyz"), seconds)
        except TimeoutError:
            raise TimeoutError(f"{name} is not ready\n{self._log(name)[-2000:]}") from None

    def complaints(self) -> Counter[str]:
        """Return what the processes logged as errors, by name."""
        found: Counter[str] = Counter()
        for name in self.names:
            found.update(_EVENT.findall(self._log(name)))
            found["deadlock"] += self._log(name).count("deadlock detected")
        return +found

    def _log(self, name: str) -> str:
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def _end(self, how: str, name: str) -> None:
        answer = await self._ask(f"{how} {name}")
        self._running.discard(name)
        if answer.startswith("died"):
            self.died.append(f"{name} ended by itself ({answer}): {self._log(name)[-500:]}")

    async def _ask(self, line: str) -> str:
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(line.encode() + b"\n")
        await self._nursery.stdin.drain()
        answer = (await self._nursery.stdout.readline()).decode().strip()
        if not answer:
            raise RuntimeError(f"the nursery is gone; it was asked to {line[:40]}")
        return answer
