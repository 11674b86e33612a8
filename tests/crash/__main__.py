"""``python -m tests.crash --kills 100 --store sqlite``: the long form of the crash test."""

import argparse
import asyncio
import secrets
import tempfile
from pathlib import Path

from tests.crash.scenario import Report, run
from tests.crash.services import NAMES
from tests.support.postgres import PostgresCluster


def run_on(
    store: str, directory: Path, *, kills: int, seed: int, cluster: PostgresCluster | None = None
) -> Report:
    """Run the scenario on one kind of store."""
    urls: dict[str, dict[str, str]] = {}
    if store == "postgresql":
        assert cluster is not None
        urls = {
            state: {name: cluster.create_database(f"crash_{seed}_{state}_{name}") for name in NAMES}
            for state in ("live", "rebuilt")
        }
        _migrate(urls)
    return asyncio.run(run(directory, urls, kills=kills, seed=seed))


def _migrate(urls: dict[str, dict[str, str]]) -> None:
    from shared.db.migrate import upgrade

    root = Path(__file__).parents[2] / "services"
    for stores in urls.values():
        for name, url in stores.items():
            upgrade(root / name, url)


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill the services at random moments under writes.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="feidi-crash-") as directory:
        if arguments.store == "postgresql":
            with PostgresCluster(durable=True) as cluster:
                report = run_on(
                    "postgresql", Path(directory), kills=arguments.kills, seed=arguments.seed, cluster=cluster
                )
        else:
            report = run_on("sqlite", Path(directory), kills=arguments.kills, seed=arguments.seed)
    print(
        f"seed {report.seed}: {report.kills} kills, {report.writes} acknowledged writes on {report.projects} "
        f"projects, {report.repeats} repeated requests, {report.events} events, {report.seconds} s"
    )
    for problem in report.problems:
        print("PROBLEM", problem)
    print(f"{int(not report.problems)} passed, {int(bool(report.problems))} failed")
    return int(bool(report.problems))


if __name__ == "__main__":
    raise SystemExit(main())
