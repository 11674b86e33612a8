"""What the operations on inbound messages share in one application."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from services.registry.inbound.mapping import Definition
from services.registry.inbound.secrets import PURPOSE
from shared.sealing import Sealer

EXTRA = "inbound"
"""The name of these parts among the service's own."""

_REMEMBERED = 1000

Load = Callable[[str, int], Awaitable[Definition]]


class MappingCache:
    """Versions of mappings, which never change, read and taken apart once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Definition] = {}

    async def get(self, source_id: str, version: int, load: Load) -> Definition:
        """Return a version of a source's mapping, loading it unless it is known."""
        found = self._known.get((source_id, version))
        if found is None:
            found = await load(source_id, version)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[source_id, version] = found
        return found


@dataclass(frozen=True)
class InboundParts:
    """How secrets are sealed, the mappings known, and a key nobody has for sources nobody made."""

    sealer: Sealer
    mappings: MappingCache = field(default_factory=MappingCache)
    nobodys_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))


def build_inbound(secret_key: bytes) -> InboundParts:
    """Return the parts of one application."""
    return InboundParts(Sealer(secret_key, PURPOSE))
