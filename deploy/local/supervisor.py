"""Starts the services, keeps them together, and ends them together."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from deploy.local.child import Child, becomes_ready
from deploy.local.services import HOST, PORT_BASE, Service, local_services
from deploy.migrate import migrate

READY_SECONDS = 60.0
DRAIN_SECONDS = 30.0


class StackError(Exception):
    """The stack cannot run; the message says what to do."""


class PortTakenError(StackError):
    def __init__(self, service: Service) -> None:
        other = service.port + 1000
        super().__init__(
            f"Port {service.port}, wanted by {service.name}, is taken by another program. "
            f"Choose other ports with --port-base, for example --port-base {other - other % 100}."
        )


class ServiceFailedError(StackError):
    def __init__(self, child: Child, what: str, log: Path | None) -> None:
        self.service = child.name
        words = [f"{child.name} {what}."]
        if log:
            words += [f"Its last lines, more in {log}:", *child.last_lines]
        super().__init__("\n  ".join(words))


class StackInterruptedError(Exception):
    """Ctrl-C or SIGTERM ended the run, which is how it is meant to end."""


class LocalStack:
    """The three services as an async context manager.

    Inside the block all of them are ready. If one dies the block is cancelled and `ServiceFailedError` comes
    out of it; at Ctrl-C or SIGTERM it is `StackInterruptedError`, and a second one kills instead of draining.
    """

    def __init__(
        self,
        port_base: int = PORT_BASE,
        data_dir: Path = Path(".data"),
        database_urls: Mapping[str, str] | None = None,
        log_to: TextIO | Path | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        services: Sequence[Service] | None = None,
        ready_seconds: float = READY_SECONDS,
        drain_seconds: float = DRAIN_SECONDS,
        handle_signals: bool = True,
    ) -> None:
        self._database_urls = database_urls or {}
        self._services = services or local_services(port_base, data_dir, self._database_urls)
        self._data_dir = data_dir
        self._log_file = log_to if isinstance(log_to, Path) else None
        self._log = sys.stderr if log_to is None or isinstance(log_to, Path) else log_to
        self._environment = {**os.environ, **(environment or {})}
        self._ready_seconds = ready_seconds
        self._drain_seconds = drain_seconds
        self._handle_signals = handle_signals
        self._resources = contextlib.ExitStack()
        self._children: list[Child] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._owner: asyncio.Task[object] | None = None
        self._cancelled_before = 0
        self._reason: Exception | None = None
        self._draining = False

    @property
    def urls(self) -> dict[str, str]:
        return {service.name: service.url for service in self._services}

    def require_free_ports(self) -> None:
        """Raise `PortTakenError` when another program listens on a port of these services."""
        for service in self._services:
            _require_free(service)

    async def __aenter__(self) -> Self:
        self.require_free_ports()
        self._owner = asyncio.current_task()
        assert self._owner
        self._cancelled_before = self._owner.cancelling()
        self._data_dir.mkdir(parents=True, exist_ok=True)
        self._open_log()
        self._catch_signals()
        try:
            # An embedded store upgrades itself; a server's is left alone by the services.
            for name, url in self._database_urls.items():
                await asyncio.to_thread(migrate, name, url)
            for service in self._services:
                await self._start(service)
            await asyncio.gather(*(self._ready(service) for service in self._services))
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        interrupted = isinstance(error, asyncio.CancelledError)
        try:
            interrupted |= await self._drain()
        finally:
            self._resources.close()
        if self._reason is None:
            return
        assert self._owner
        if self._owner.uncancel() <= self._cancelled_before and interrupted:
            raise self._reason from None

    async def _drain(self) -> bool:
        """Stop all children whatever happens meanwhile; tell whether a cancellation arrived."""
        self._draining = True
        for watcher in self._watchers:
            watcher.cancel()
        stopping = asyncio.gather(*(child.stop(self._drain_seconds) for child in self._children))
        cancelled = False
        while not stopping.done():
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError:
                cancelled = True
                if self._reason is None:
                    self._kill()
        if cancelled and self._reason is None:
            raise asyncio.CancelledError
        return cancelled

    async def wait(self) -> None:
        """Stay until one of them dies or somebody presses Ctrl-C."""
        await asyncio.Event().wait()

    async def _start(self, service: Service) -> None:
        environment = {**self._environment, **service.settings}
        child = await Child.start(service.name, service.command, environment, self._write)
        self._children.append(child)
        self._watchers.append(asyncio.create_task(self._watch(child)))

    async def _watch(self, child: Child) -> None:
        code = await child.wait()
        self._end(ServiceFailedError(child, f"ended with exit code {code}", self._log_file))

    async def _ready(self, service: Service) -> None:
        try:
            await asyncio.wait_for(becomes_ready(HOST, service.port, "/readyz"), self._ready_seconds)
        except TimeoutError:
            child = next(child for child in self._children if child.name == service.name)
            what = f"was not ready after {self._ready_seconds:g} s"
            raise ServiceFailedError(child, what, self._log_file) from None

    def _end(self, reason: Exception) -> None:
        """The first reason counts; a signal while draining means: now."""
        if self._reason is None and not self._draining:
            self._reason = reason
            assert self._owner
            self._owner.cancel()
        elif isinstance(reason, StackInterruptedError):
            self._kill()

    def _kill(self) -> None:
        for child in self._children:
            child.signal(signal.SIGKILL)

    def _catch_signals(self) -> None:
        if not self._handle_signals:
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end, StackInterruptedError(number.name))
            self._resources.callback(loop.remove_signal_handler, number)

    def _open_log(self) -> None:
        if self._log_file:
            self._log_file.parent.mkdir(parents=True, exist_ok=True)
            self._log = self._resources.enter_context(self._log_file.open("a", encoding="utf-8"))

    def _write(self, line: str) -> None:
        self._log.write(line)
        self._log.flush()


def _require_free(service: Service) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, service.port))
        except OSError:
            raise PortTakenError(service) from None
