"""Start matching: ``python -m services.matching``."""

from services.matching.app import create_app
from services.matching.settings import MatchingSettings
from shared.web.serve import start

if __name__ == "__main__":
    start(MatchingSettings, create_app)
