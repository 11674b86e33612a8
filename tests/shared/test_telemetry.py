"""What Prometheus reads on the internal port."""

import socket
import urllib.request
from collections.abc import Sequence

import pytest

from shared.db.engine import WriteSession
from shared.messaging.consumer import lag
from shared.messaging.received import Event
from shared.telemetry import serve_metrics
from shared.web.health import HealthProbe
from tests.shared.messaging_world import World, record_effects, tables


@pytest.fixture(scope="module")
def address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    serve_metrics(port)
    return f"http://127.0.0.1:{port}/metrics"


def figures(address: str) -> dict[str, float]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if line.startswith("feidi_"))
    return {name: float(value) for name, _, value in pairs}


async def test_the_figures_of_the_feed_and_of_who_follows_it(world: World, address: str) -> None:
    async def apply(tx: WriteSession, events: Sequence[Event]) -> None:
        if any(event.subject_id == "t2" for event in events):
            raise ValueError("no")
        await record_effects(tx, events)

    async def read_lag() -> dict[str, int | None]:
        async with world.database.read() as session:
            return {"follower": (await lag(session, tables, "follower")).events}

    buried = 'feidi_dead_letters_total{consumer="follower"}'
    behind = 'feidi_consumer_lag_events{consumer="follower"}'
    before = figures(address).get(buried, 0.0)
    await world.happen("t1", "t2", "t3", "t2")
    assert figures(address)["feidi_feed_head"] == 4
    probe = HealthProbe(world.database, read_lag)
    consumer = world.consumer(apply=apply, page_size=3)
    await consumer.run_once()
    await probe.probe()
    assert figures(address)[behind] == 1
    assert figures(address)[buried] == before + 1
    await consumer.run_once()
    await probe.probe()
    assert figures(address)[behind] == 0
    assert figures(address)[buried] == before + 2
