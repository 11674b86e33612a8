"""What happens to the sandbox by the calendar alone."""

from services.registry.sandbox.service import forget_unused
from shared import clock
from shared.db.engine import WriteSession


async def forget(tx: WriteSession, limit: int) -> int:
    """Delete what is older than it is kept, and what was reset or deleted before."""
    return await forget_unused(tx, clock.now(), limit)
