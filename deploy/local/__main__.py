"""`./dev run`: the three services on this machine until Ctrl-C."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from deploy.local import LocalStack, StackError, StackInterruptedError
from deploy.local.credentials import ADMINISTRATION, credential_environment
from deploy.local.services import PORT_BASE, SERVICES


async def run(options: argparse.Namespace) -> None:
    database_urls = {name: url for name in SERVICES if (url := getattr(options, f"{name}_database_url"))}
    given = credential_environment(options.data_dir)
    environment = {name: value for name, value in given.items() if name not in os.environ}
    log = None if options.verbose else options.data_dir / "services.log"
    stack = LocalStack(options.port_base, options.data_dir, database_urls, log, environment=environment)
    async with stack:
        for name, url in stack.urls.items():
            print(f"{name:<8} {url}  {url}/docs", flush=True)
        print(f"client   {ADMINISTRATION}, its secret is in {options.data_dir}/credentials.json", flush=True)
        if log:
            print(f"log      {log}; --verbose shows it here", flush=True)
        print("Ctrl-C ends them.", flush=True)
        await stack.wait()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev run", description=__doc__.partition(": ")[2])
    parser.add_argument("--port-base", type=int, default=PORT_BASE, help="first of three ports (%(default)s)")
    parser.add_argument("--data-dir", type=Path, default=Path(".data"), help="SQLite files (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="every log line here instead of in a file")
    for name in SERVICES:
        parser.add_argument(f"--{name}-database-url", metavar="URL", help="instead of a SQLite file")
    try:
        asyncio.run(run(parser.parse_args(arguments)))
    except StackInterruptedError:
        return 0
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
