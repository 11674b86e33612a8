"""Every table of registry, for migrations and schema checks."""

from services.registry.base import metadata
from services.registry.organisations import models as organisations

__all__ = ["metadata", "organisations"]
