"""Revoked clients in memory, asked on every request."""

import asyncio

from services.matching.directory import service
from shared.db.engine import Database
from shared.messaging.pause import pause

REFRESH_S = 5.0


class Revocations:
    """Known at once where the event was applied, and within seconds in every other process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._revoked: set[str] = set()

    def is_revoked(self, client_id: str) -> bool:
        """Tell whether this client's tokens no longer count."""
        return client_id in self._revoked

    def note(self, client_id: str, revoked: bool) -> None:
        """Take in one committed change."""
        (self._revoked.add if revoked else self._revoked.discard)(client_id)

    async def load(self) -> None:
        """Read all of them from the store."""
        async with self._database.read() as session:
            self._revoked = set(await service.revoked_clients(session))

    async def run(self, stop: asyncio.Event) -> None:
        """Read them again and again, for what other processes have applied."""
        while not stop.is_set():
            await self.load()
            await pause(stop, REFRESH_S)
