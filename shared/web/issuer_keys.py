"""The issuer's token keys as last read, so that a restart while it is down still verifies tokens."""

from sqlalchemy import Column, MetaData, String, Table, delete, insert, select

from shared import clock
from shared.db.engine import Database
from shared.db.types import JsonDocument, UtcDateTime
from shared.http import ServiceClient, TransportError
from shared.logging import get_logger
from shared.web.auth import Issuer, KeySet

KEYS_PATH = "/.well-known/jwks.json"

_log = get_logger(__name__)


class KeysUnavailable(RuntimeError):
    """The issuer did not answer as it should, and there is nothing to fall back on."""


def issuer_key_table(metadata: MetaData) -> Table:
    """Return the table of key sets, declared once per service on its own metadata."""
    return Table(
        "issuer_keys",
        metadata,
        Column("issuer", String(200), primary_key=True),
        Column("key_set", JsonDocument, nullable=False),
        Column("read_at", UtcDateTime, nullable=False),
    )


class StoredKeys:
    """Reads the issuer's keys through ``client`` and keeps them in ``table``."""

    def __init__(self, name: str, client: ServiceClient, database: Database, table: Table) -> None:
        self._name, self._client, self._database, self._table = name, client, database, table

    def issuer(self, audience: str) -> Issuer:
        """Return the issuer whose keys these are."""
        return Issuer(self._name, audience, self.load)

    async def load(self) -> KeySet:
        """Return the keys the issuer has now, or while it does not answer those last kept."""
        try:
            key_set = await self._read()
        except (TransportError, KeysUnavailable, ValueError) as error:
            kept = await self._recall()
            if kept is None:
                raise KeysUnavailable(str(error)) from error
            _log.warning("issuer_keys_from_store", reason=str(error))
            return kept
        await self._remember(key_set)
        return key_set

    async def _read(self) -> KeySet:
        response = await self._client.get(KEYS_PATH)
        if response.status_code != 200:
            raise KeysUnavailable(f"the key set answered {response.status_code}")
        key_set: KeySet = response.json()
        return key_set

    async def _remember(self, key_set: KeySet) -> None:
        if await self._recall() == key_set:
            return
        mine, row = self._table.c.issuer == self._name, {"issuer": self._name, "key_set": key_set}
        async with self._database.write() as tx:
            await tx.execute(delete(self._table).where(mine))
            await tx.execute(insert(self._table).values(**row, read_at=clock.now()))

    async def _recall(self) -> KeySet | None:
        statement = select(self._table.c.key_set).where(self._table.c.issuer == self._name)
        async with self._database.read() as session:
            row = await session.row(statement)
        return None if row is None else row["key_set"]
