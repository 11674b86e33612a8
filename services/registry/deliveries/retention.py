"""Forgetting deliveries after 30 days, whatever became of them."""

from datetime import timedelta

from services.registry.deliveries import repository
from services.registry.deliveries.models import PARTITIONED
from services.registry.deliveries.partitions import WEEK, drop_weeks, forget_default, make_weeks
from services.registry.webhooks.lanes import endpoints_with_deliveries
from shared import clock
from shared.db.engine import WriteSession

KEPT = timedelta(days=30)
PAYLOADS_KEPT = KEPT + WEEK + timedelta(days=1)
"""The payload of a delivery is kept longer than the delivery, whose week may end a week later."""


async def forget_deliveries(tx: WriteSession, limit: int) -> int:
    """Forget what is past the retention: by partitions on PostgreSQL, else up to ``limit`` rows.

    Returns how many rows or partitions there were.
    """
    now = clock.now()
    forgotten = await repository.forget_relayed(tx, now - PAYLOADS_KEPT, limit)
    if tx.dialect == "postgresql":
        for name in PARTITIONED:
            await make_weeks(tx, name, now)
            await drop_weeks(tx, name, now - KEPT)
            await forget_default(tx, name, now - KEPT)
        return forgotten
    forgotten += await repository.forget_handshakes(tx, now - KEPT)
    for endpoint_id in await endpoints_with_deliveries(tx):
        if forgotten < limit:
            forgotten += await repository.forget_oldest(tx, endpoint_id, now - KEPT, limit - forgotten)
    return forgotten
