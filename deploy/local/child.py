"""One supervised process: its own session, its output line by line under its name, its readiness."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence

PR_SET_PDEATHSIG = 1
REMEMBERED_LINES = 20
LONGEST_LINE = 1 << 20
POLL_SECONDS = 0.05


class Child:
    def __init__(self, name: str, process: asyncio.subprocess.Process, write: Callable[[str], None]) -> None:
        self.name = name
        self.last_lines: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._process = process
        self._write = write
        self._reader = asyncio.create_task(self._copy_output())

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], environment: Mapping[str, str], write: Callable[[str], None]
    ) -> "Child":
        # Its own session: Ctrl-C in the terminal reaches the supervisor alone, which then drains.
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LONGEST_LINE,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )
        return cls(name, process, write)

    async def _copy_output(self) -> None:
        assert self._process.stdout
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError:
                line = b"(a line too long to show)"
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            self.last_lines.append(text)
            self._write(f"{self.name:<8} | {text}\n")

    async def wait(self) -> int:
        """The exit code, once everything it said has been written."""
        code = await self._process.wait()
        with contextlib.suppress(TimeoutError):
            # A grandchild may hold the pipe open; its words are not worth waiting for.
            await asyncio.wait_for(asyncio.shield(self._reader), 1)
        return code

    def signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def stop(self, drain_seconds: float) -> None:
        """Ask, wait, insist."""
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), drain_seconds)
        except TimeoutError:
            self.signal(signal.SIGKILL)
        await self.wait()
        self._reader.cancel()


def end_with_parent() -> Callable[[], None] | None:
    """What a child calls on itself so that it does not outlive a supervisor that was killed (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    supervisor = os.getpid()

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(1)

    return arm


async def becomes_ready(host: str, port: int, path: str) -> None:
    """Return when a GET of this path answers 200."""
    while True:
        if await _answers(host, port, path):
            return
        await asyncio.sleep(POLL_SECONDS)


async def _answers(host: str, port: int, path: str) -> bool:
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        status = await asyncio.wait_for(reader.readline(), 5)
        return status.split(b" ")[1:2] == [b"200"]
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
