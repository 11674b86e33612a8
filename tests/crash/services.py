"""The three services as processes of their own that can be killed at any moment and started again."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import httpx2

from deploy.local.child import end_with_parent
from deploy.local.services import Service, local_services
from tests.support.ports import free_ports

ROOT = Path(__file__).parents[2]
NAMES = ("registry", "matching", "metrics")
ADMIN = ("cli_crash", "a secret of the crash test, long enough")
SERVICE_SECRET = "a secret of a service in the crash test"


class Fleet:
    """Three services; ``urls`` of their databases decide where they keep their state."""

    def __init__(self, directory: Path, database_urls: dict[str, str]) -> None:
        self.directory = directory
        self.port_base = free_ports(len(NAMES))
        services = local_services(self.port_base, directory, database_urls)
        self.services: dict[str, Service] = {service.name: service for service in services}
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.starts = dict.fromkeys(NAMES, 0)

    def url(self, name: str) -> str:
        return self.services[name].url

    def store(self, name: str) -> str:
        return self.services[name].settings[f"FEIDI_{name.upper()}_DATABASE_URL"]

    def _environment(self, name: str) -> dict[str, str]:
        clients = ",".join(f'"cli_{other}":"{SERVICE_SECRET}"' for other in ("matching", "metrics"))
        own = {
            "registry": {
                "BOOTSTRAP_CLIENT_ID": ADMIN[0],
                "BOOTSTRAP_CLIENT_SECRET": ADMIN[1],
                "SERVICE_CLIENTS": "{" + clients + "}",
            },
            "matching": {"CLIENT_ID": "cli_matching", "CLIENT_SECRET": SERVICE_SECRET},
            "metrics": {"CLIENT_ID": "cli_metrics", "CLIENT_SECRET": SERVICE_SECRET},
        }[name]
        prefixed = {f"FEIDI_{name.upper()}_{key}": value for key, value in own.items()}
        quiet = {f"FEIDI_{name.upper()}_LOG_LEVEL": "ERROR"}
        return {**os.environ, **self.services[name].settings, **prefixed, **quiet}

    async def start(self, name: str) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = await asyncio.create_subprocess_exec(
                *self.services[name].command,
                cwd=ROOT,
                env=self._environment(name),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent(),
            )
        self.starts[name] += 1

    async def kill(self, name: str) -> None:
        """Kill without warning, as a power cut would."""
        process = self.processes[name]
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()

    async def stop(self, *names: str) -> None:
        """Ask to end and wait."""
        for name in names or NAMES:
            process = self.processes.get(name)
            if process is None or process.returncode is not None:
                continue
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 30)
            except TimeoutError:
                process.kill()
                await process.wait()

    async def ready(self, *names: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        async with httpx2.AsyncClient(trust_env=False) as client:
            for name in names or NAMES:
                while not await self._is_ready(client, name):
                    if time.monotonic() > deadline:
                        tail = (self.directory / f"{name}.log").read_text(errors="replace")[-2000:]
                        raise TimeoutError(f"{name} is not ready\n{tail}")
                    await asyncio.sleep(0.05)

    async def _is_ready(self, client: httpx2.AsyncClient, name: str) -> bool:
        try:
            return (await client.get(f"{self.url(name)}/readyz", timeout=2)).status_code == 200
        except httpx2.TransportError:
            return False


if __name__ == "__main__":
    sys.exit("run python -m tests.crash")
