"""Waiting for matching and metrics, which follow registry's feed a moment behind."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from examples.demo.client import Client, UnexpectedAnswer

START_PATIENCE_S = 180.0
PATIENCE_S = 30.0


async def until(what: str, holds: Callable[[], Awaitable[bool]], patience_s: float, poll_s: float) -> None:
    """Ask again and again until something holds; give up with a clear word."""
    deadline = time.monotonic() + patience_s
    while not await holds():
        if time.monotonic() > deadline:
            raise UnexpectedAnswer(f"{what}: not within {patience_s:g} s")
        await asyncio.sleep(poll_s)


async def caught_up(administration: Client) -> float:
    """Return after how many seconds both had read to its end what was there at the start."""
    started, since = time.monotonic(), datetime.now(UTC)
    homes = await administration.get("registry", "/v1/organisations", kind="home_unit", limit=1, quiet=True)
    home_unit_id = homes["items"][0]["id"]

    async def both() -> bool:
        return (
            await _metrics_as_of(administration) > since
            and await _matching_as_of(administration, home_unit_id) > since
        )

    await until("matching and metrics read the feed", both, START_PATIENCE_S, 0.5)
    return time.monotonic() - started


async def known_to_matching(client: Client, project_id: str) -> None:
    """Return when matching can recommend home units for a project that was just screened."""
    path = f"/v1/projects/{project_id}/recommendations"

    async def feasible() -> bool:
        answer = await client.send(
            "GET", "matching", path, params={"limit": 1}, expect=(200, 404), quiet=True
        )
        return answer.status == 200 and answer.body["feasible_count"] > 0

    await until("matching knows the project", feasible, PATIENCE_S, 0.05)


async def _metrics_as_of(client: Client) -> datetime:
    answer = await client.get("metrics", "/v1/kpis/incubating", quiet=True)
    return _instant(answer["freshness"]["data_as_of"])


async def _matching_as_of(client: Client, home_unit_id: str) -> datetime:
    path = f"/v1/home-units/{home_unit_id}/recommendations"
    answer = await client.send(
        "GET", "matching", path, params={"limit": 1, "explain": "false"}, expect=(200, 404), quiet=True
    )
    return _instant(answer.body.get("directory_as_of"))


def _instant(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)
