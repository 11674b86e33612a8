"""A lane that reads what is due while an outcome is being written does not send that delivery again."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from services.registry.deliveries import repository
from shared.db.engine import Row
from tests.registry.webhook_world import Partners


@pytest.mark.parametrize("ordering", ["none", "subject"])
async def test_what_was_written_during_a_read_is_not_sent_again(
    partners: Partners, monkeypatch: pytest.MonkeyPatch, ordering: str
) -> None:
    endpoint = await partners.verified(max_in_flight=2, ordering=ordering)
    await partners.projects(1)
    sent = partners.receiver.hold = asyncio.Event()
    read_due, calls = repository.due, 0

    async def read_slowly(*arguments: Any) -> Sequence[Row]:
        nonlocal calls
        calls += 1
        rows = await read_due(*arguments)
        if calls == 2:
            assert [row["sequence"] for row in rows] == [1]
            sent.set()
            for _ in range(1000):
                if (await partners.deliveries(endpoint["id"]))[0]["state"] != "pending":
                    break
                await asyncio.sleep(0)
            for _ in range(20):
                await asyncio.sleep(0)
        return rows

    monkeypatch.setattr(repository, "due", read_slowly)
    await partners.deliver()
    assert calls > 1
    assert [hit.sequence for hit in partners.receiver.at()] == [1]
