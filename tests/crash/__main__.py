"""``python -m tests.crash --kills 100 --store sqlite``: the long form of the crash tests."""

import argparse
import asyncio
import contextlib
import secrets
import tempfile
from pathlib import Path

from tests.crash import partners
from tests.crash.partners import PartnerReport
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


def run_partners_on(
    store: str, directory: Path, *, kills: int, seed: int, cluster: PostgresCluster | None = None
) -> PartnerReport:
    """Run the scenario of partners on one kind of store."""
    url = None
    if store == "postgresql":
        assert cluster is not None
        url = cluster.create_database(f"partners_{seed}")
        _migrate({"live": {"registry": url}})
    return asyncio.run(partners.run(directory, url, kills=kills, seed=seed))


def _migrate(urls: dict[str, dict[str, str]]) -> None:
    from shared.db.migrate import upgrade

    root = Path(__file__).parents[2] / "services"
    for stores in urls.values():
        for name, url in stores.items():
            upgrade(root / name, url)


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill the services at random moments under writes.")
    parser.add_argument("--what", choices=["services", "partners"], default="services")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="feidi-crash-")))
        cluster = None
        if arguments.store == "postgresql":
            cluster = stack.enter_context(PostgresCluster(durable=True))
        run_one = run_partners_on if arguments.what == "partners" else run_on
        report = run_one(
            arguments.store, directory, kills=arguments.kills, seed=arguments.seed, cluster=cluster
        )
    print(_told(report))
    for problem in report.problems:
        print("PROBLEM", problem)
    print(f"{int(not report.problems)} passed, {int(bool(report.problems))} failed")
    return int(bool(report.problems))


def _told(report: Report | PartnerReport) -> str:
    done = f"seed {report.seed}: {report.kills} kills, {report.writes} acknowledged writes"
    if isinstance(report, Report):
        return (
            f"{done} on {report.projects} projects, {report.repeats} repeated requests, "
            f"{report.events} events, {report.seconds} s"
        )
    return (
        f"{done}, {report.repeats} repeated requests, {report.events} events, {report.deliveries} deliveries "
        f"({report.left} after the kills), {report.hits} hits ({report.refused} not acknowledged, "
        f"{report.duplicates} duplicates), {report.fire_s} s of kills, {report.seconds} s; "
        f"logged: {dict(report.complaints)}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
