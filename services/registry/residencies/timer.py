"""What happens to residencies by the calendar alone."""

from services.registry.residencies.service import mark_expiring
from shared.db.engine import WriteSession
from shared.identity import SYSTEM


async def give_notice(tx: WriteSession, limit: int) -> int:
    """Mark the residents whose term ends within the notice."""
    return await mark_expiring(tx, SYSTEM, limit)
