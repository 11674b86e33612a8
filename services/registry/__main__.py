"""Start registry: ``python -m services.registry``."""

from services.registry.app import create_app
from services.registry.settings import RegistrySettings
from shared.web.serve import start

if __name__ == "__main__":
    start(RegistrySettings, create_app)
