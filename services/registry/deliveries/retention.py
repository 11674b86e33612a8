"""Forgetting deliveries after 30 days, whatever became of them."""

from datetime import timedelta

from services.registry.deliveries import repository
from services.registry.deliveries.models import PARTITIONED
from services.registry.deliveries.partitions import drop_weeks, make_weeks
from services.registry.webhooks.lanes import endpoints_with_deliveries
from shared import clock
from shared.db.engine import WriteSession

KEPT = timedelta(days=30)


async def forget_deliveries(tx: WriteSession, limit: int) -> int:
    """Forget what is past the retention: by partitions on PostgreSQL, else up to ``limit`` rows.

    Returns how many rows or partitions there were.
    """
    now = clock.now()
    forgotten = await repository.forget_relayed(tx, now - KEPT, limit)
    if tx.dialect == "postgresql":
        for name in PARTITIONED:
            await make_weeks(tx, name, now)
            await drop_weeks(tx, name, now - KEPT)
        return forgotten
    for endpoint_id in await endpoints_with_deliveries(tx):
        if forgotten < limit:
            forgotten += await repository.forget_oldest(tx, endpoint_id, now - KEPT, limit - forgotten)
    return forgotten
