"""A real process that is told to stop ends its waits at once and answers what is under way."""

import asyncio
import os
import signal
import time
from pathlib import Path

import httpx2
import pytest

from tests.crash.services import ADMIN, Fleet


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_that_was_asked_for_ends_with_0(tmp_path: Path, number: signal.Signals) -> None:
    fleet = Fleet(tmp_path, {})
    await fleet.start("registry")
    try:
        await fleet.ready("registry")
        process = fleet.processes["registry"]
        os.kill(process.pid, number)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        await fleet.stop()
    assert "Traceback" not in (tmp_path / "registry.log").read_text()


async def test_a_signal_ends_long_polls_and_streams_with_an_answer(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, {})
    await fleet.start("registry")
    try:
        await fleet.ready("registry")
        async with httpx2.AsyncClient(base_url=fleet.url("registry"), trust_env=False, timeout=40) as client:
            form = {"grant_type": "client_credentials", "client_id": ADMIN[0], "client_secret": ADMIN[1]}
            token = (await client.post("/oauth2/token", data=form)).json()["access_token"]
            client.headers["authorization"] = f"Bearer {token}"
            polling = asyncio.create_task(client.get("/v1/events?after=latest&wait=30"))
            for _ in range(3):
                await client.get("/livez")  # The poll was sent before and so is waiting by now.
            async with client.stream("GET", "/v1/events/stream") as stream:
                assert stream.status_code == 200
                begun = time.monotonic()
                process = fleet.processes["registry"]
                os.kill(process.pid, signal.SIGTERM)
                answer = await polling
                assert (answer.status_code, answer.json()["items"]) == (200, [])
                assert [line async for line in stream.aiter_lines() if line.startswith("data")] == []
            assert await asyncio.wait_for(process.wait(), 20) == 0
            assert time.monotonic() - begun < 15
    finally:
        await fleet.stop()
    assert "Traceback" not in (tmp_path / "registry.log").read_text()
