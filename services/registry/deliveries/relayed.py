"""Events of other services, kept for as long as their deliveries."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.registry.deliveries import repository
from shared.db.engine import WriteSession


async def keep_relayed(tx: WriteSession, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Insert events of another service and return those that are new, in their order."""
    known = await repository.known_relayed(tx, [row["id"] for row in rows])
    new = [row for row in rows if row["id"] not in known]
    await repository.add_relayed(tx, new)
    return new
