"""Every table of matching, for migrations and schema checks."""

from services.matching.base import metadata
from services.matching.clients import key_cache
from services.matching.directory import models as directory
from services.matching.profiles import models as profiles

__all__ = ["directory", "key_cache", "metadata", "profiles"]
