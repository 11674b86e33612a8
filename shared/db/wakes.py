"""Waking the other processes of one store on PostgreSQL: a hint that something was committed.

Every loop also polls, so a hint that is lost costs time and nothing else; that is why it is sent beside the
transactions, which it would make wait for each other. On SQLite there is no other process.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from typing import Any

from shared.db.engine import Database
from shared.logging import get_logger

CHANNEL = "feidi_wakes"

_REST_S = 0.01
_AGAIN_AFTER_S = 2.0
_log = get_logger(__name__)


class Wakes:
    """Hands the signals of these names on to other processes, and theirs to everything that waits here."""

    def __init__(self, database: Database, names: Sequence[str]) -> None:
        self._database = database
        self._names = names
        self._sender = secrets.token_hex(8)
        self._theirs = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Listen and tell until ``stop`` is set, over a connection that is made again when it is lost."""
        if self._database.dialect != "postgresql":
            await stop.wait()
        while not stop.is_set():
            try:
                await self._hold(stop)
            except Exception as error:
                _log.warning("wakes_lost", reason=type(error).__name__)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _AGAIN_AFTER_S)

    async def _hold(self, stop: asyncio.Event) -> None:
        import asyncpg

        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(url, server_settings={"application_name": "feidi-wakes"})
        try:
            await connection.add_listener(CHANNEL, self._heard)
            self._database.notify_all()
            told = self._ours()
            while not stop.is_set() and not connection.is_closed():
                await self._wait(stop)
                if (ours := self._ours()) != told:
                    told = ours
                    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, self._sender)
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1)

    def _ours(self) -> int:
        """Count what was signalled here; what came from others has been told by them."""
        return sum(self._database.signal(name).count for name in self._names) - self._theirs

    def _heard(self, _connection: Any, _pid: int, _channel: str, sender: object) -> None:
        if sender != self._sender:
            self._theirs += len(self._names)
            self._database.notify_all()

    async def _wait(self, stop: asyncio.Event) -> None:
        signals = [self._database.signal(name) for name in self._names]
        waits = [asyncio.ensure_future(signal.wait(signal.count, 5.0)) for signal in signals]
        waits.append(asyncio.ensure_future(stop.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        await asyncio.sleep(_REST_S)
