"""Every table of matching, for migrations and schema checks."""

from services.matching.base import metadata
from services.matching.directory import models as directory
from services.matching.evaluation import models as evaluation
from services.matching.profiles import models as profiles
from services.matching.recommendations import models as recommendations
from services.matching.rounds import models as rounds

__all__ = ["directory", "evaluation", "metadata", "profiles", "recommendations", "rounds"]
