"""Every table of registry, for migrations and schema checks."""

from services.registry.access import models as access
from services.registry.agreements import models as agreements
from services.registry.base import metadata
from services.registry.claims import models as claims
from services.registry.deliveries import models as deliveries
from services.registry.enclaves import models as enclaves
from services.registry.evidence import models as evidence
from services.registry.inbound import models as inbound
from services.registry.landings import models as landings
from services.registry.organisations import models as organisations
from services.registry.projects import models as projects
from services.registry.replays import models as replays
from services.registry.residencies import models as residencies
from services.registry.sandbox import models as sandbox
from services.registry.sandbox_clock import models as sandbox_clock
from services.registry.stages import models as stages
from services.registry.webhooks import models as webhooks

__all__ = [
    "access",
    "agreements",
    "claims",
    "deliveries",
    "enclaves",
    "evidence",
    "inbound",
    "landings",
    "metadata",
    "organisations",
    "projects",
    "replays",
    "residencies",
    "sandbox",
    "sandbox_clock",
    "stages",
    "webhooks",
]
