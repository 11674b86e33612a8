"""Start matching: ``python -m services.matching``."""

from services.matching.app import create_app
from services.matching.settings import MatchingSettings
from shared.web.serve import serve

if __name__ == "__main__":
    settings = MatchingSettings()
    serve(create_app(settings), settings)
