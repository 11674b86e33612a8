"""When each credential was last used: collected in memory, written a little later, never in the request."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Table

from services.registry.access import repository
from services.registry.access.models import api_keys, clients
from shared import clock
from shared.db.engine import Database
from shared.logging import get_logger

WRITE_AFTER_S = 10.0

_log = get_logger(__name__)


class Usage:
    """Credentials used since the last writing. A lost batch loses only this information."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: dict[tuple[Table, str], datetime] = {}
        self._writer: asyncio.Task[None] | None = None

    def note_client(self, client_id: str) -> None:
        """Remember that a client got a token."""
        self._note(clients, client_id)

    def note_key(self, key_id: str) -> None:
        """Remember that an API key was used."""
        self._note(api_keys, key_id)

    def _note(self, table: Table, identifier: str) -> None:
        self._used[table, identifier] = clock.now()
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_later())

    async def _write_later(self) -> None:
        await asyncio.sleep(WRITE_AFTER_S)
        await self.write()

    async def write(self) -> None:
        """Write what was collected."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            async with self._database.write() as tx:
                for table in (clients, api_keys):
                    await repository.mark_used(tx, table, _of(table, used))
        except Exception as error:
            _log.warning("usage_not_written", credentials=len(used), exc_info=error)

    async def close(self) -> None:
        """Write the rest before the service stops."""
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        await self.write()


def _of(table: Table, used: dict[tuple[Table, str], datetime]) -> Sequence[tuple[str, datetime]]:
    return [(identifier, instant) for (of, identifier), instant in used.items() if of is table]
