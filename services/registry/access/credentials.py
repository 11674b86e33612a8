"""What registry decides about the credentials it gives out."""

from itertools import product

SHOWN_CHARACTERS = 11
"""How much of an API key may be stored and shown: its prefix and eight characters of 58."""

MIN_CONFIGURED_SECRET = 32
_SERVICES = ("registry", "matching", "metrics")
_ACTIONS = ("read", "write", "approve", "admin")

EVERY_SCOPE = tuple(f"{service}:*:{action}" for service, action in product(_SERVICES, _ACTIONS))
MATCHING_SCOPES = ("registry:projects:write", "registry:landings:write")
"""What matching does here after a round: it proposes agreed projects and records their landing intents."""
READ_SCOPES = tuple(f"{service}:*:read" for service in _SERVICES)
