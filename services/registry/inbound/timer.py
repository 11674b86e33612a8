"""What is forgotten of inbound messages by the calendar alone."""

from services.registry.inbound import repository
from services.registry.inbound.service import KEPT, REMEMBERED
from shared import clock
from shared.db.engine import WriteSession


async def forget_receipts(tx: WriteSession, limit: int) -> int:
    """Forget webhook ids that nobody repeats any longer."""
    return await repository.forget_receipts(tx, clock.now() - REMEMBERED, limit)


async def forget_messages(tx: WriteSession, limit: int) -> int:
    """Forget messages that were applied or discarded long ago."""
    return await repository.forget_messages(tx, clock.now() - KEPT, limit)
