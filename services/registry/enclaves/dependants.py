"""What stands on an enclave and has to follow when its parties change, supplied by whoever knows it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.db.engine import Row, WriteSession
from shared.identity import Principal


@dataclass(frozen=True)
class Dependants:
    """``hold`` locks the records of an enclave, before the enclave itself is locked: everybody takes the
    two in this order. ``refresh`` brings their parties up to date after the enclave's have changed; its
    last argument is the operator the enclave had before, or has still.
    """

    hold: Callable[[WriteSession, str], Awaitable[None]]
    refresh: Callable[[WriteSession, Principal, str, str | None], Awaitable[None]]
    check: Callable[[WriteSession, Row, Row], Awaitable[None]]
    """Raises when a locked enclave that changes from one row to the other has no room for what it let."""
