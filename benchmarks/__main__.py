"""`./dev bench [NAMES] [--quick] [--json FILE] [--docs]`."""

import argparse
import asyncio
import importlib
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import docs, report
from benchmarks.credentials import Signer
from benchmarks.run import FULL, QUICK, Run
from benchmarks.stores import Stores
from shared.logging import configure_logging

BENCHMARKS = {
    "stack": "stack",
    "get": "reads",
    "list": "lists",
    "create": "creates",
    "feed": "feeds",
    "recommend": "recommendations",
    "scoring": "scoring",
    "stable": "stable",
    "welfare": "welfare",
    "yardsticks": "yardsticks",
    "webhooks": "webhooks",
    "neighbours": "neighbours",
}


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(BENCHMARKS)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller stores")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--docs", action="store_true", help="write the tables and the picture of docs/")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - BENCHMARKS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return asked


async def measure(asked: argparse.Namespace, directory: Path) -> report.Document:
    signer = Signer()
    run = Run(QUICK if asked.quick else FULL, directory, signer, Stores(directory, signer))
    if asked.database:
        run.databases = (asked.database,)
    seconds: dict[str, float] = {}

    def so_far() -> report.Document:
        return report.document(run.figures, seconds, quick=asked.quick)

    try:
        for name in asked.names or BENCHMARKS:
            print(f"{name} ...", flush=True)
            seen, started = len(run.figures), time.monotonic()
            await importlib.import_module(f"benchmarks.{BENCHMARKS[name]}").run(run)
            seconds[name] = round(time.monotonic() - started, 1)
            report.print_figures(run.figures[seen:])
            if asked.json:
                await asyncio.to_thread(asked.json.write_text, report.to_json(so_far()))
    finally:
        run.stores.close()
    if run.left_out:
        print("left out for want of time: " + "; ".join(run.left_out), flush=True)
    return so_far()


def main() -> int:
    asked = parse(sys.argv[1:])
    # So that everything is cleared away however the run ends.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with tempfile.TemporaryDirectory(prefix="feidi-bench-") as name:
        directory = Path(name)
        # The services log each request; the lines go where they cost what they cost and are not read.
        sys.stderr = (directory / "in-process.log").open("w")
        configure_logging("benchmark")
        try:
            document = run_loop(measure(asked, directory))
        finally:
            sys.stderr = sys.__stderr__
    report.print_machine(document)
    if asked.docs:
        docs.write([document])
    return 1 if any(figure.failures for figure in document.figures) else 0


def run_loop(work: object) -> report.Document:
    import uvloop

    return uvloop.run(work)  # type: ignore[arg-type]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
