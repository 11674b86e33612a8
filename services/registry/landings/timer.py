"""What happens to landings by the calendar alone."""

from services.registry.landings.service import lapse_overdue
from shared import clock
from shared.db.engine import WriteSession


async def lapse(tx: WriteSession, limit: int) -> int:
    """Let signed landings lapse whose start and grace have passed."""
    return await lapse_overdue(tx, clock.today(), limit)
