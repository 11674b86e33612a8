"""Bring the stores of the services to the schema of this code: ``./dev migrate [SERVICE ...]``.

The stores are those the services' own environment variables name. Containers run it as a
job before the services start.
"""

import argparse
import importlib
import sys
from pathlib import Path

from sqlalchemy import make_url

from shared.db.migrate import revisions, upgrade

SERVICES_DIRECTORY = Path(__file__).parents[1] / "services"
SERVICES = ("registry", "matching", "metrics")


def database_url_of(service: str) -> str:
    module = importlib.import_module(f"services.{service}.settings")
    url: str = getattr(module, f"{service.capitalize()}Settings")().database_url
    return url


def migrate(service: str, url: str) -> str:
    """Upgrade a store and say from which revision to which."""
    directory = SERVICES_DIRECTORY / service
    before, head = revisions(directory, url)
    if before != head:
        upgrade(directory, url)
    return f"{before or 'empty'} -> {head}" if before != head else f"at {head}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev migrate", description=__doc__.splitlines()[0])
    parser.add_argument(
        "services", nargs="*", choices=[*SERVICES, []], metavar="SERVICE", help="default: all"
    )
    for service in parser.parse_args(arguments).services or SERVICES:
        url = make_url(database_url_of(service))
        if url.get_backend_name() == "sqlite":
            Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
        steps = migrate(service, url.render_as_string(hide_password=False))
        print(f"{service:<8} {url.render_as_string()}  {steps}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
