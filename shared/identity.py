"""Who is calling: known to every layer, decided by ``shared.web``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Principal:
    """A verified caller.

    ``kind`` is ``client`` or ``user`` or ``system``; ``sees_network`` lifts the limit to records the
    organisation is a party of; ``scopes`` are ``<service>:<area>:<action>``.
    """

    kind: str
    id: str
    organisation_id: str | None
    scopes: frozenset[str]
    sees_network: bool = False

    def has(self, scope: str) -> bool:
        """Tell whether the scope was granted, directly or by ``<service>:*:<action>``."""
        if scope in self.scopes:
            return True
        service, _, action = scope.split(":")
        return f"{service}:*:{action}" in self.scopes


SYSTEM = Principal("system", "system", None, frozenset(), sees_network=True)
"""The service itself, acting on a timer or while loading data."""
