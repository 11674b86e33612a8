"""What happens to residencies by the calendar alone."""

from datetime import timedelta

from services.registry.residencies.service import mark_expiring
from shared import clock
from shared.db.engine import WriteSession
from shared.identity import SYSTEM

NOTICE = timedelta(days=30)
"""How long before the end of its term a residency is marked, so that somebody renews or leaves in time."""


async def give_notice(tx: WriteSession, limit: int) -> int:
    """Mark the residents whose term ends within the notice."""
    return await mark_expiring(tx, SYSTEM, clock.today() + NOTICE, limit)
