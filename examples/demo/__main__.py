"""``./dev demo``: the whole story on three real services, with an embedded store each.

A project is registered at an enclave in Shanghai, walks through the guards, lands in Lishui, and the three
yardsticks show it; everything goes through public HTTP. The services stay up until Ctrl-C.
"""

import argparse
import asyncio
import sys
import time
from datetime import datetime
from pathlib import Path

from deploy.local import LocalStack, StackError, StackInterruptedError
from deploy.local.credentials import ADMINISTRATION, kept_credentials
from deploy.local.services import PORT_BASE, SERVICES
from examples.demo import admission, epilogue, growth, offers, prologue, rounds
from examples.demo.checks import Checks
from examples.demo.client import Client, UnexpectedAnswer
from examples.demo.screen import Screen
from examples.demo.stack import Setting, local_stack, seed, start_over
from examples.demo.tale import CHINA, Calendar, Tale
from examples.demo.waiting import caught_up


async def run(setting: Setting, screen: Screen, *, stay: bool) -> Checks:
    """Prepare, tell the story, and stay if asked."""
    screen.title(
        "飞地 Feidi",
        "One project under one id, from a lead in Shanghai to production in Lishui, on three services of "
        "this machine. Lines with › are real HTTP calls and how they were answered; ids are shortened.",
    )
    checks = Checks(screen)
    services = local_stack(setting)
    services.require_free_ports()
    await _prepare(setting, screen)
    async with services as stack:
        tale = await _tell(setting, stack, screen, checks)
        await tale.cast.close()
        if stay:
            epilogue.farewell(tale, stack.urls)
            screen.say(
                "The figures of the whole network move with the calendar: the synthetic histories end on the "
                "day they were loaded. Another run adds another project; ./dev demo --fresh starts over.",
                style="dim",
            )
            screen.say(f"{checks.passed} checks passed, {len(checks.failed)} failed.", style="dim")
            screen.say(f"The services run until Ctrl-C; their logs are in {setting.log}.", style="bold")
            await stack.wait()
    return checks


async def _prepare(setting: Setting, screen: Screen) -> None:
    started = time.monotonic()
    screen.gap()
    screen.say("Loading the network of the article and its synthetic projects ...", style="dim")
    said = await seed(setting)
    screen.say(f"{said} — {time.monotonic() - started:.1f} s in all", style="dim")


async def _tell(setting: Setting, stack: LocalStack, screen: Screen, checks: Checks) -> Tale:
    urls = stack.urls
    administration = Client("network administration", urls, screen)
    await administration.sign_in(ADMINISTRATION, kept_credentials(setting.data_dir)[ADMINISTRATION])
    screen.say("Three services are up. Matching and metrics read the event feed of registry ...", style="dim")
    seconds = await caught_up(administration)
    screen.say(f"... to its end — {seconds:.1f} s", style="dim")
    await prologue.network(screen, checks, administration)
    await prologue.claims(screen, checks, administration)
    cast = await prologue.parties(urls, screen, checks, administration)
    tale = Tale(screen, checks, cast, Calendar(datetime.now(CHINA).date()), setting.data_dir)
    await prologue.before(tale)
    told_from = epilogue.just_before_now()
    for chapter in (
        admission.lead,
        admission.recommendations,
        admission.reserve,
        admission.refusal,
        admission.two_keys,
        growth.incubation,
        growth.research,
        growth.landing,
        growth.production,
        growth.settle,
        epilogue.timeline,
        epilogue.after,
    ):
        await chapter(tale)
    await epilogue.two_times(tale, told_from)
    await epilogue.feed(tale)
    found = await rounds.matched_at_once(tale)
    if found is not None:
        await offers.answered(tale, found)
        await offers.published(tale, found)
    return tale


def main(arguments: list[str]) -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="./dev demo",
        description="The whole story on three real services, with an embedded store each.",
        epilog="Ends with 0 when every check passed or Ctrl-C ended it, 1 when a check failed or it cannot "
        "run, 2 when an argument is wrong. A second run adds a second project to the same stores.",
    )
    parser.add_argument("--check", action="store_true", help="assert every figure and leave")
    parser.add_argument("--fresh", action="store_true", help="forget the data of earlier runs")
    parser.add_argument("--port-base", type=int, default=PORT_BASE, help="first of three ports (%(default)s)")
    parser.add_argument("--data-dir", type=Path, default=Path(".data/demo"), help="stores (%(default)s)")
    parser.add_argument("--projects", type=int, default=300, help="synthetic projects (%(default)s)")
    for name in SERVICES:
        parser.add_argument(f"--{name}-database-url", metavar="URL", help="instead of a SQLite file")
    options = parser.parse_args(arguments)
    database_urls = {name: url for name in SERVICES if (url := getattr(options, f"{name}_database_url"))}
    setting = Setting(options.port_base, options.data_dir, database_urls, options.projects)
    if options.fresh:
        start_over(setting)
    screen = Screen(sys.stdout, colour=sys.stdout.isatty())
    try:
        checks = asyncio.run(run(setting, screen, stay=not options.check))
    except StackInterruptedError:
        return 0
    except (StackError, UnexpectedAnswer) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    for failure in checks.failed:
        print(f"demo: FAILED {failure}", file=sys.stderr)
    print(
        f"demo: {checks.passed} checks passed" + (f", {len(checks.failed)} failed" if checks.failed else "")
    )
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
