"""Use cases of the sandbox's clock. It goes forward only, for the whole store and all of its processes.

What was written stays where it is in time; what waits for a time becomes due. Credentials stay on the wall
clock (``shared.clock.real``): other services verify them by theirs, and nobody is signed out by a move.
"""

from datetime import timedelta

from services.registry.sandbox_clock import repository
from services.registry.sandbox_clock.errors import ClockMovedTooFar, ClockNotMovable
from services.registry.sandbox_clock.schemas import FURTHEST_S, ClockRead
from shared import clock
from shared.db.engine import Database, WriteSession


def read_clock(*, movable: bool) -> ClockRead:
    """Return what time it is in this process."""
    return _reading(clock.moved_by(), movable)


async def advance(tx: WriteSession, advance_s: int, *, movable: bool) -> ClockRead:
    """Put the clock of the store ahead by seconds; this process follows with the commit."""
    if not movable:
        raise ClockNotMovable()
    offset_s = await repository.add(tx, advance_s, clock.real())
    if offset_s > FURTHEST_S:
        raise ClockMovedTooFar()
    offset = timedelta(seconds=offset_s)
    tx.after_commit(lambda: _follow(tx.database, offset))
    return _reading(offset, movable)


async def follow_store(database: Database) -> None:
    """Move this process to where the clock of its store is."""
    async with database.read() as session:
        offset_s = await repository.offset_s(session)
    _follow(database, timedelta(seconds=offset_s))


def _follow(database: Database, offset: timedelta) -> None:
    if clock.move_to(offset):
        database.notify_all()


def _reading(offset: timedelta, movable: bool) -> ClockRead:
    real = clock.real()
    offset_s = int(offset.total_seconds())
    return ClockRead(movable=movable, now=real + offset, real_now=real, offset_s=offset_s)
