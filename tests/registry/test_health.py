"""Whether traffic should come here."""

import pytest
from sqlalchemy import text

from tests.support.services import ServiceUnderTest


@pytest.mark.parametrize(
    ("revision", "ready"), [("0001", False), ("0002", False), ("0003", True), ("0004", True), (None, False)]
)
async def test_a_store_that_is_behind_is_not_ready(
    registry: ServiceUnderTest, revision: str | None, ready: bool
) -> None:
    anonymous, probe = registry.anonymous(), registry.app.state.probe
    assert (await anonymous.get("/readyz")).json()["schema_head"] is None
    async with registry.database.write() as tx:
        await tx.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        if revision is not None:
            await tx.execute(text("INSERT INTO alembic_version VALUES (:it)"), {"it": revision})
    probe.revisions = ("0003", "0002", "0001")
    await probe.probe()
    answer = await anonymous.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200 if ready else 503, ready)
    assert answer.json()["database"] is True
    assert (answer.json()["schema_revision"], answer.json()["schema_head"]) == (revision, "0003")


async def test_a_store_without_a_schema_is_not_ready(registry: ServiceUnderTest) -> None:
    probe = registry.app.state.probe
    probe.revisions = ("0001",)
    await probe.probe()
    assert (await registry.anonymous().get("/readyz")).status_code == 503
