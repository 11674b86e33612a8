"""Start metrics: ``python -m services.metrics``."""

from services.metrics.app import create_app
from services.metrics.settings import MetricsSettings
from shared.web.serve import start

if __name__ == "__main__":
    start(MetricsSettings, create_app)
