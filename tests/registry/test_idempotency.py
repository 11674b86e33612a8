"""Answers that are kept for a day."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from services.registry.base import idempotency_keys
from shared import clock
from shared.db.idempotency import KEEP, forget_expired
from tests.support.services import ServiceUnderTest

BODY = {"kind": "operator", "name": "甲"}


async def test_a_day_later_the_key_is_free_again_and_the_answer_forgotten(
    registry: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, key = registry.as_admin(), {"idempotency-key": "k-1"}
    first = await admin.post("/v1/organisations", json=BODY, headers=key)
    later = clock.real() + KEEP + timedelta(seconds=1)
    async with registry.database.write() as tx:
        assert await forget_expired(tx, idempotency_keys) == 0
    monkeypatch.setattr(clock, "real", lambda: later)
    again = await admin.post("/v1/organisations", json=BODY, headers=key)
    assert "idempotency-replayed" not in again.headers
    assert again.json()["id"] != first.json()["id"]
    monkeypatch.setattr(clock, "real", lambda: later + KEEP + timedelta(seconds=1))
    async with registry.database.write() as tx:
        assert await forget_expired(tx, idempotency_keys) == 1
        assert await tx.scalar(select(func.count()).select_from(idempotency_keys)) == 0


async def test_a_refusal_is_not_kept(registry: ServiceUnderTest) -> None:
    admin, key = registry.as_admin(), {"idempotency-key": "k-1"}
    refused = await admin.post("/v1/organisations", json={**BODY, "adcode": "999999"}, headers=key)
    assert refused.status_code == 409
    assert (await admin.post("/v1/organisations", json=BODY, headers=key)).status_code == 201
