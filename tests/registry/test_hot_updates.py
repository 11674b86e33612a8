"""An UPDATE on the driver itself writes what the one through SQLAlchemy writes, wherever it stands."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, insert, select, update

from services.registry.base import messaging
from shared.db.hot import HotUpdate
from tests.support.services import ServiceUnderTest

CONSUMERS = messaging.consumers
MOVE = HotUpdate(
    update(CONSUMERS)
    .where(CONSUMERS.c.name == bindparam("of"), CONSUMERS.c.epoch == "epo_1")
    .values(
        position=bindparam("new_position"),
        caught_up_at=bindparam("new_caught_up_at", type_=CONSUMERS.c.caught_up_at.type),
    )
)
CHINA = timezone(timedelta(hours=8))
AT = datetime(2026, 11, 26, 8, 0, 0, 120, CHINA)


@pytest.mark.parametrize("first", [True, False])
async def test_every_row_is_changed_by_its_own_values(registry: ServiceUnderTest, first: bool) -> None:
    same = {"head": 77, "position": 0, "updated_at": AT}
    rows = [
        {"name": name, "epoch": epoch, **same}
        for name, epoch in (("a", "epo_1"), ("b", "epo_1"), ("c", "epo_2"))
    ]
    moves = [
        {"of": "a", "new_position": 1, "new_caught_up_at": AT},
        {"of": "b", "new_position": 2, "new_caught_up_at": None},
        {"of": "c", "new_position": 3, "new_caught_up_at": AT},
    ]
    async with registry.database.write() as tx:
        await tx.execute(insert(CONSUMERS), rows)
    async with registry.database.write() as tx:
        if not first:
            await tx.scalar(select(CONSUMERS.c.name))
        await MOVE.run(tx, moves)
        await MOVE.run(tx, [])
    async with registry.database.read() as session:
        found = await session.rows(select(CONSUMERS).where(CONSUMERS.c.head == 77).order_by("name"))
    assert [(row["position"], row["caught_up_at"]) for row in found] == [
        (1, AT.astimezone(UTC)),
        (2, None),
        (0, None),
    ]
