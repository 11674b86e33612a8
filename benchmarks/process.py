"""A measured server as seen from outside: its CPU time, its peak of memory, and its end."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.load import Calls, closed_loop, open_loop
from benchmarks.measure import Batch

START_SECONDS = 60


class Server:
    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self.port = port

    def cpu_s(self) -> float:
        """CPU time of all threads, to the nanosecond where the system tells it."""
        total = 0
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def peak_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    async def ask(self, do: str, **more: Any) -> Any:
        """Have a process of ``benchmarks.child`` do something and return what it says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self._process.stdin.flush()
        line = await asyncio.to_thread(self._process.stdout.readline)
        if not line.strip():
            raise RuntimeError(f"a process ended before it had answered {do!r}; its log tells why")
        return json.loads(line)

    async def closed(self, calls: Calls, count: int, connections: int, expected: int) -> Batch:
        """As fast as so many callers go that each wait for their answer."""
        return await self._measured(closed_loop(self.port, calls, count, connections, expected))

    async def open(self, calls: Calls, per_second: float, seconds: float, expected: int) -> Batch:
        """At a fixed rate, whatever the server does."""
        return await self._measured(open_loop(self.port, calls, per_second, seconds, expected))

    async def _measured(self, load: Any) -> Batch:
        cpu, started = self.cpu_s(), asyncio.get_running_loop().time()
        latencies, failures = await load
        wall = asyncio.get_running_loop().time() - started
        return Batch(len(latencies), self.cpu_s() - cpu, wall, latencies, failures)


@contextlib.asynccontextmanager
async def serving(
    target: str,
    config: Mapping[str, Any],
    log: Path,
    module: str = "benchmarks.server",
    start_s: float = START_SECONDS,
) -> AsyncIterator[Server]:
    """Run a target in a process of its own; its log goes to a file, as in operation it goes somewhere."""
    process = _start(target, log, module)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(dict(config)) + "\n")
        process.stdin.flush()
        async with asyncio.timeout(start_s):
            line = await asyncio.to_thread(process.stdout.readline)
        if not line.strip():
            raise RuntimeError(f"{target} did not start:\n{_end_of(log)}")
        yield Server(process, int(line))
    finally:
        process.stdin.close()
        try:
            await asyncio.to_thread(process.wait, 10)
        except subprocess.TimeoutExpired:
            process.kill()
        process.stdout.close()


def _start(target: str, log: Path, module: str) -> "subprocess.Popen[str]":
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module, target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )


def _end_of(log: Path) -> str:
    return log.read_text()[-2000:]
