"""Load the network of the article and its synthetic projects into registry's store.

``python -m services.registry.seed``. The store is the one of the service's settings. An embedded
store is brought to the schema first and must not be open in a running service.
"""

import argparse
import asyncio
import sys
import time
from datetime import date
from pathlib import Path

from services.registry.seed.loader import Loaded, load
from services.registry.settings import RegistrySettings
from shared import clock
from shared.db.engine import Database, DatabaseInUse
from shared.db.migrate import prepare


async def run(settings: RegistrySettings, today: date, count: int) -> Loaded:
    """Open the store, load, and close it."""
    # What is lost to a power cut is loaded again by the next run.
    database = Database(settings.database_url, pool_size=2, command_timeout_s=60, synchronous="OFF")
    try:
        return await load(database, today, count=count)
    finally:
        await database.dispose()


def main(arguments: list[str]) -> int:
    """Load, and say what was created."""
    parser = argparse.ArgumentParser(prog="./dev seed", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--today", type=date.fromisoformat, default=clock.today(), help="last day of the histories"
    )
    parser.add_argument("--projects", type=int, default=300, help="how many synthetic ones (%(default)s)")
    options = parser.parse_args(arguments)
    settings = RegistrySettings()
    prepare(Path(__file__).parents[1], settings.database_url)
    started = time.monotonic()
    try:
        loaded = asyncio.run(run(settings, options.today, options.projects))
    except DatabaseInUse as error:
        sys.stderr.write(f"{error}. Stop the service first: an embedded store has one process at a time.\n")
        return 1
    created = ", ".join(_counted(count, kind) for kind, count in loaded.created.items() if count)
    sys.stdout.write(
        f"created {created}; {loaded.events} events ({time.monotonic() - started:.1f} s)\n"
        if loaded.anything
        else "nothing to load: everything is there\n"
    )
    return 0


def _counted(count: int, kind: str) -> str:
    return f"{count} {kind if count != 1 else kind.removesuffix('s')}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
