"""Who acts while histories are loaded: each organisation for itself, as it would with its own credential."""

from services.registry.seed import keys
from shared.identity import Principal

_SCOPES = frozenset({"registry:*:read", "registry:*:write", "registry:*:approve"})


def acting_for(organisation_key: str) -> Principal:
    """Return the principal of one organisation of the plan; it sees no more than that organisation."""
    return Principal("system", "seed", keys.organisation_id(organisation_key), _SCOPES)
